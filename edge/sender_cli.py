"""`menkou-edge sender ...`: makes, lists and revokes senders of signed requests. Called by `cli`.

Works while the box runs: the next request asks the database.
"""

import argparse
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from edge.config import load
from edge.core.scopes import SENDER_SCOPES, UnknownScope, read_scopes
from edge.program_cli import add_command
from edge.store.devices import LOCAL
from edge.store.senders import Sender, Senders, TooMany, secrets_root
from menkou.errors import MenkouFault


class SenderFault(MenkouFault):
    """There is no such sender, or none can be made like that."""


def add(sub: Any) -> None:
    """Add the commands to `menkou-edge`'s."""
    text = "make, list and revoke senders: programs that sign what they send to the box"
    group: argparse.ArgumentParser = sub.add_parser(
        "sender",
        help=text,
        description=f"{text[0].upper()}{text[1:]}, such as a till.",
        epilog="example:\n  menkou-edge sender list --config /etc/menkou/edge.toml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = group.add_subparsers(dest="sender_command", required=True, metavar="COMMAND")
    made = add_command(
        commands,
        "sender",
        "add",
        _add,
        "make a sender and print its secret; it is shown this once",
        " --name till --scope write:receipts",
    )
    made.add_argument("--name", required=True, help="how the list calls it")
    made.add_argument(
        "--scope",
        action="append",
        required=True,
        metavar="SCOPE",
        help=f"what it may send; may be repeated: {', '.join(SENDER_SCOPES)}",
    )
    listed = add_command(commands, "sender", "list", _list, "list every sender", "")
    listed.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    ended = add_command(
        commands,
        "sender",
        "revoke",
        _revoke,
        "end a sender for good",
        " 01JZZZZZZZZZZZZZZZZZZZZZZZ",
    )
    ended.add_argument("sender", metavar="SENDER", help="its id, as the list shows it")


def _open(arguments: argparse.Namespace) -> tuple[Senders, datetime, ZoneInfo]:
    """Return the senders, the box's time and its zone."""
    from edge.app.common import ready_store, steady_clock  # loads only what these commands run

    config = load(arguments.config)
    db = ready_store(config.data_dir)
    senders = Senders(db, secrets_root(config.data_dir))
    return senders, steady_clock(config, db).now(), config.store.zone


def _add(arguments: argparse.Namespace) -> int:
    """Print the secret on stdout's last line, and nowhere else."""
    try:
        scopes = read_scopes(arguments.scope, SENDER_SCOPES)
    except UnknownScope as exc:
        raise SenderFault(f"--scope: {exc}") from exc
    senders, now, _ = _open(arguments)
    try:
        fresh = senders.make(name=arguments.name, scopes=scopes, by=LOCAL, now=now)
    except TooMany as exc:
        raise SenderFault(f"sender add: {exc}") from exc
    print(f"id       {fresh.sender.id}")
    print(f"scopes   {' '.join(scopes)}")
    print(fresh.secret)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    senders, _, zone = _open(arguments)
    for sender in senders.all():
        row = _row(sender, zone)
        print(json.dumps(row, ensure_ascii=False) if arguments.json else "  ".join(row.values()))
    return 0


def _row(sender: Sender, zone: ZoneInfo) -> dict[str, str]:
    used = sender.used_at.astimezone(zone).isoformat(timespec="minutes") if sender.used_at else ""
    return {
        "sender": sender.id,
        "state": "good" if sender.revoked_at is None else "revoked",
        "used": used or "never",
        "scopes": " ".join(sender.scopes),
        "name": sender.name,
    }


def _revoke(arguments: argparse.Namespace) -> int:
    senders, now, _ = _open(arguments)
    if not senders.revoke(arguments.sender, by=LOCAL, now=now):
        raise SenderFault(
            f"sender {arguments.sender}: expected the id of one that is not revoked yet; see"
            " menkou-edge sender list"
        )
    return 0
