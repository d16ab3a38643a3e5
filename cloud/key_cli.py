"""`menkou-hub key`: which boxes are given their keys. Called by `cli`."""

import argparse
from datetime import UTC, datetime

from cloud.command_line import (
    Commands,
    action,
    actions_of,
    command,
    database,
    head,
    record,
    say,
    warn,
)
from cloud.db import reading, writing
from cloud.errors import HubFault
from cloud.releases import Release, every_release, restore, revoke
from edge.wire.topics import BoxAddress


def add(commands: Commands) -> None:
    """Add the commands to `menkou-hub`'s."""
    group = command(
        commands,
        "key",
        'list and revoke the keys of boxes that have key = "hub"',
        "key list --config hub.toml",
    )
    actions = actions_of(group)
    words = "list the boxes that were given their key, and those revoked"
    action(actions, "list", _key_list, words, "key list")
    for name, run, words in (
        ("revoke", _key_revoke, "give a box no key from now on, if it is stolen, say"),
        ("restore", _key_restore, "give a revoked box its key again"),
    ):
        one = action(actions, name, run, words, f"key {name} nj-001/nj-001-a")
        one.add_argument("box", type=_address, metavar="STORE/BOX", help="the box")


def _address(text: str) -> BoxAddress:
    store, slash, box = text.partition("/")
    try:
        if slash:
            return BoxAddress(store=store, box=box)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    raise argparse.ArgumentTypeError(f"expected STORE/BOX such as nj-001/nj-001-a, got {text!r}")


def _key_list(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        head("box", "state", "first release", "last release", "revoked at")
        for one in every_release(connection):
            print(_release_line(one))
    return 0


def _release_line(one: Release) -> str:
    """Return a line of fields apart by tabs: box, state, first and last release, revocation."""
    moments = (one.first_at, one.last_at, one.revoked_at)
    shown = [at.isoformat(timespec="seconds") if at else "-" for at in moments]
    state = "revoked" if one.revoked_at else "released"
    return "\t".join([f"{one.address.store}/{one.address.box}", state, *shown])


def _key_revoke(arguments: argparse.Namespace) -> int:
    address: BoxAddress = arguments.box
    with database(arguments) as engine, writing(engine) as connection:
        known = {one.address for one in every_release(connection)}
        revoke(connection, address, datetime.now(UTC))
        record(connection, "key", how="revoked", store=address.store, box=address.box)
    name = f"{address.store}/{address.box}"
    say(f"{name}: gets no key from its next start on")
    if address not in known:
        warn(f"{name}: it never asked for one: is the name right?")
    return 0


def _key_restore(arguments: argparse.Namespace) -> int:
    address: BoxAddress = arguments.box
    name = f"{address.store}/{address.box}"
    with database(arguments) as engine, writing(engine) as connection:
        done = restore(connection, address)
        if done:
            record(connection, "key", how="restored", store=address.store, box=address.box)
    if not done:
        raise HubFault(
            f"{name}: expected a revoked box, got one that is not; `menkou-hub key list` shows them"
        )
    say(f"{name}: gets its key again")
    return 0
