"""What can go wrong at the hub.

HubFault
├── UsageFault       a command was called wrongly
├── DatabaseFault    cannot be opened, is not migrated, or is newer than the program
├── BrokerFault      the embedded broker did not start or has ended; no certificates for one
├── ExportFault      the place is taken, or the extra that writes Parquet is not installed
├── SimulationFault  a chain cannot be simulated as asked
├── CountingFault    an hour cannot be drawn, or its count not taken
├── DigestFault      the digest cannot be made or sent
└── ShareFault       the secret behind the boxes' keys is missing, open to others, or another one

Faults of the settings are `menkou.settings.SettingsFault`; faults of a message never leave
`ingest`: they are set aside and counted.
"""

from menkou.errors import MenkouFault


class HubFault(MenkouFault):
    """Base of the hub's own errors; its text is meant for the operator."""


class UsageFault(HubFault):
    """A command was called wrongly; says how to call it."""


class DatabaseFault(HubFault):
    """The database cannot be used as it is; says what to do."""


class ShareFault(HubFault):
    """No key can be released until the secret's file is put right; facts are taken all the same."""


class ExportFault(HubFault):
    """Nothing was written; says why."""


class BrokerFault(HubFault):
    """The embedded broker cannot listen or has ended, or a broker cannot be spoken to."""


class SimulationFault(HubFault):
    """A chain cannot be simulated as asked; says what to do."""
