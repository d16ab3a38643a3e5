"""`menkou-edge token ...`: makes, lists and revokes tokens of the box's API. Called by `cli`.

Works while the box runs: the next request asks the database.
"""

import argparse
import json
from typing import Any

from edge.config import load
from edge.core.scopes import SCOPES, UnknownScope, read_scopes
from edge.program_cli import add_command
from edge.store.devices import LOCAL
from edge.store.tokens import Token, Tokens
from menkou.errors import MenkouFault
from menkou.tokens import DAYS, DAYS_MAX


class TokenFault(MenkouFault):
    """There is no such token, or none can be made like that."""


def add(sub: Any) -> None:
    """Add the commands to `menkou-edge`'s."""
    text = "make, list and revoke tokens that let programs use the box's API"
    group: argparse.ArgumentParser = sub.add_parser(
        "token",
        help=text,
        description=f"{text[0].upper()}{text[1:]} (/api/v1).",
        epilog="example:\n  menkou-edge token list --config /etc/menkou/edge.toml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = group.add_subparsers(dest="token_command", required=True, metavar="COMMAND")
    made = add_command(
        commands,
        "token",
        "add",
        _add,
        "make a token and print it; it is shown this once",
        " --name till --scope read:shop --scope read:arrivals",
    )
    made.add_argument("--name", required=True, help="how the list calls it")
    made.add_argument(
        "--scope",
        action="append",
        required=True,
        metavar="SCOPE",
        help=f"what it opens; may be repeated: {', '.join(SCOPES)}",
    )
    made.add_argument(
        "--days",
        type=int,
        default=DAYS,
        metavar="N",
        help=f"how long it is good, 1 to {DAYS_MAX} (default: {DAYS})",
    )
    listed = add_command(commands, "token", "list", _list, "list every token", "")
    listed.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    ended = add_command(
        commands, "token", "revoke", _revoke, "end a token for good", " 01JZZZZZZZZZZZZZZZZZZZZZZZ"
    )
    ended.add_argument("token", metavar="TOKEN", help="its id, as the list shows it")


def _open(arguments: argparse.Namespace) -> tuple[Tokens, Any, Any]:
    """Return the tokens, the box's time and its zone."""
    from edge.app.common import ready_store, steady_clock  # loads only what these commands run

    config = load(arguments.config)
    db = ready_store(config.data_dir)
    return Tokens(db), steady_clock(config, db).now(), config.store.zone


def _add(arguments: argparse.Namespace) -> int:
    """Print the token's text on stdout's last line, and nowhere else."""
    try:
        scopes = read_scopes(arguments.scope)
    except UnknownScope as exc:
        raise TokenFault(f"--scope: {exc}") from exc
    if not 1 <= arguments.days <= DAYS_MAX:
        raise TokenFault(f"--days: expected 1 to {DAYS_MAX}, got {arguments.days}")
    tokens, now, zone = _open(arguments)
    fresh = tokens.make(name=arguments.name, scopes=scopes, days=arguments.days, by=LOCAL, now=now)
    print(f"id       {fresh.token.id}")
    print(f"scopes   {' '.join(scopes)}")
    print(f"until    {fresh.token.expires_at.astimezone(zone):%Y-%m-%d}")
    print(fresh.text)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    tokens, now, zone = _open(arguments)
    for token in tokens.all():
        row = _row(token, now, zone)
        print(json.dumps(row, ensure_ascii=False) if arguments.json else "  ".join(row.values()))
    return 0


def _row(token: Token, now: Any, zone: Any) -> dict[str, str]:
    used = token.used_at.astimezone(zone).isoformat(timespec="minutes") if token.used_at else ""
    return {
        "token": token.id,
        "state": token.state(now),
        "until": f"{token.expires_at.astimezone(zone):%Y-%m-%d}",
        "used": used or "never",
        "scopes": " ".join(token.scopes),
        "name": token.name,
    }


def _revoke(arguments: argparse.Namespace) -> int:
    tokens, now, _ = _open(arguments)
    if not tokens.revoke(arguments.token, by=LOCAL, now=now):
        raise TokenFault(
            f"token {arguments.token}: expected the id of one that is not revoked yet; see"
            " menkou-edge token list"
        )
    return 0
