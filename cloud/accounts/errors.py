"""What can go wrong with accounts. Raised by the modules beside it.

HubFault
└── AccountFault    there is no such account, or it cannot be made or changed so
    ├── SealFault   the file that second factors are sealed with is missing, open, or another one
    └── ProviderFault   the OIDC provider cannot be asked, or said something that is not believed
"""

from cloud.errors import HubFault


class AccountFault(HubFault):
    """An account cannot be made, found or changed; says why."""


class SealFault(AccountFault):
    """Nobody's second factor can be read until the file is put right."""


class ProviderFault(AccountFault):
    """A sign-in through the provider did not come about; nothing of a token stands in the text."""
