"""`menkou-hub digest`: sends the digest now, or prints it. Called by `cli`."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage

from sqlalchemy import Engine

from cloud.command_line import Commands, command, complain, config_of, opened, say, takes_config
from cloud.config import HubConfig
from cloud.config_digest import DigestConfig
from cloud.digest.errors import DigestFault
from cloud.digest.rounds import LONGEST_WAIT, send_round
from cloud.digest.writer import Writer
from cloud.errors import UsageFault

Make = Callable[[HubConfig, Engine, DigestConfig], Writer]


def add(commands: Commands, day: Callable[[str], date], make: Make) -> None:
    """Add the command. `day` reads a day, `make` a writer (`cloud.app`)."""
    made = command(
        commands,
        "digest",
        "send the digest of the last whole day to whoever has not had it",
        "digest --config hub.toml --dry-run",
    )
    takes_config(made)
    made.add_argument("--day", type=day, metavar="DAY", help="of this day (default: yesterday)")
    made.add_argument("--dry-run", action="store_true", help="print it, and send nothing")
    made.set_defaults(run=lambda arguments: _run(arguments, make))


def _run(arguments: argparse.Namespace, make: Make) -> int:
    config = config_of(arguments)
    digest = config.digest
    if digest is None:
        raise UsageFault(f"{arguments.config or 'defaults'}: expected a section [digest], got none")
    now = datetime.now(UTC)
    last = now.astimezone(digest.zone).date() - timedelta(days=1)
    day = arguments.day or last
    if day > last:
        raise UsageFault(f"--day: expected {last} or earlier, a day that is over, got {day}")
    with opened(config.database_url, config.migrate_command) as engine:
        write = make(config, engine, digest)
        if arguments.dry_run:
            return _print(digest, write, day)
        done = send_round(engine, digest, day, write, lambda: datetime.now(UTC))
    for address in done.sent:
        say(f"digest of {day}: sent to {address}")
    for address, fault in done.failed:
        complain(f"{fault}; {_then(address, fault)}")
    if not done.sent and not done.failed:
        say(
            f"digest of {day}: nothing to send now; each address has had it, was refused, or waits"
            " after a try that failed (up to 15 minutes: run this again then)"
        )
    return 1 if done.failed else 0


def _then(address: str, fault: DigestFault) -> str:
    """Say what becomes of an address: this command tries once, and `serve` in the morning only."""
    if fault.alone:
        return f"{address} does not get that day's"
    minutes = int(LONGEST_WAIT.total_seconds() / 60)
    return (
        f"not tried again by this command: run it again in {minutes} minutes (`serve` tries by"
        " itself, of yesterday, while that is due)"
    )


def _print(digest: DigestConfig, write: Writer, day: date) -> int:
    code = 0
    for recipient in digest.to:
        try:
            message = write(recipient, day)
        except DigestFault as fault:
            complain(str(fault))
            code = 1
            continue
        subject, text = message["Subject"], text_of(message)
        sys.stdout.write(f"To: {recipient.address}\nSubject: {subject}\n\n{text}\n")
    return code


def text_of(message: EmailMessage) -> str:
    """Return a message's text as a person reads it."""
    body = message.get_body(preferencelist=("plain",))
    assert body is not None
    text: str = body.get_content()
    return text
