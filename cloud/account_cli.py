"""`menkou-hub account`, `token` and `audit`: who may come in, and who did what. Called by `cli`.

They work on the database while the hub runs; whoever may run them on the hub's machine is trusted
with all of it. There is no default password: an account begins with a link, told once.
"""

import argparse
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select

from cloud.accounts import audit, brakes, changes, people, tokens
from cloud.accounts.audit import COMMAND, Wanted
from cloud.accounts.errors import AccountFault
from cloud.accounts.people import Account, Invited
from cloud.accounts.roles import BOUND, ROLES
from cloud.accounts.tokens import SCOPES
from cloud.app import account_desk
from cloud.command_line import (
    Commands,
    action,
    actions_of,
    command,
    config_of,
    database,
    head,
    say,
    warn,
)
from cloud.db import reading, writing
from cloud.errors import HubFault
from cloud.tables import store
from edge.wire.codec import utc_text
from menkou.tokens import DAYS, DAYS_MAX


def add(commands: Commands) -> None:
    """Add the commands to `menkou-hub`'s."""
    _add_account(commands)
    _add_token(commands)
    _add_audit(commands)


def _add_account(commands: Commands) -> None:
    group = command(
        commands,
        "account",
        "make, list, reset and disable the accounts of head office's people",
        "account list --config hub.toml",
    )
    actions = actions_of(group)
    words = "make an account, and print the link with which its person begins"
    made = action(
        actions, "add", _account_add, words, "account add li.na@example.com --role head_office"
    )
    made.add_argument("name", metavar="NAME", help="the name to sign in by, such as an address")
    made.add_argument("--role", choices=ROLES, required=True, help="what the person may")
    made.add_argument("--shown", default="", metavar="TEXT", help="how the pages call the person")
    _takes_shops(made, "whose figures the person sees, for the roles region and shop")
    action(actions, "list", _account_list, "list every account", "account list")
    for name, run, words in (
        ("reset", _account_reset, "end password, second factor and sessions, print a new link"),
        ("disable", _account_disable, "let an account in no more, from the next request on"),
        ("unlock", _account_unlock, "forget the failed tries of a name"),
    ):
        one = action(actions, name, run, words, f"account {name} li.na@example.com")
        one.add_argument("name", metavar="NAME", help="the name to sign in by")


def _takes_shops(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument(
        "--shop",
        action="append",
        default=[],
        metavar="STORE",
        help=f"{words}; may be repeated",
    )


def _add_token(commands: Commands) -> None:
    group = command(
        commands,
        "token",
        "make, list and revoke tokens that let programs use the hub's API (/api/v1)",
        "token list --config hub.toml",
    )
    actions = actions_of(group)
    made = action(
        actions,
        "add",
        _token_add,
        "make a token and print it; it is shown this once",
        "token add --name bi --scope read:figures",
    )
    made.add_argument("--name", required=True, help="how the list calls it")
    made.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=SCOPES,
        help="what it opens; may be repeated",
    )
    _takes_shops(made, "whose figures it reads (default: every shop's)")
    made.add_argument(
        "--days",
        type=int,
        default=DAYS,
        metavar="N",
        help=f"how long it is good, 1 to {DAYS_MAX} (default: {DAYS})",
    )
    action(actions, "list", _token_list, "list every token", "token list")
    ended = action(
        actions,
        "revoke",
        _token_revoke,
        "end a token for good",
        "token revoke 01JZZZZZZZZZZZZZZZZZZZZZZZ",
    )
    ended.add_argument("token", metavar="TOKEN", help="its id, as the list shows it")


def _add_audit(commands: Commands) -> None:
    group = command(
        commands,
        "audit",
        "list the hub's audit log, and check that nothing in it was changed",
        "audit verify --config hub.toml",
    )
    actions = actions_of(group)
    listed = action(actions, "list", _audit_list, "list the newest lines", "audit list")
    listed.add_argument(
        "--limit", type=int, default=100, metavar="N", help="how many lines (default: 100)"
    )
    words = "compute the chain of hashes anew, and print its head"
    action(actions, "verify", _audit_verify, words, "audit verify")


def _now() -> datetime:
    return datetime.now(UTC)


def _account_add(arguments: argparse.Namespace) -> int:
    if arguments.role in BOUND and not arguments.shop:
        raise AccountFault(
            f"role {arguments.role}: expected one shop or more, got none; name each with --shop"
        )
    with database(arguments) as engine:
        with writing(engine) as connection:
            _warn_of(connection, arguments.shop)
            invited = changes.add(
                connection,
                name=arguments.name,
                shown=arguments.shown,
                role=arguments.role,
                shops=arguments.shop,
                by=COMMAND,
                now=_now(),
            )
        _print_link(arguments, engine, invited)
    return 0


def _warn_of(connection: Connection, shops: list[str]) -> None:
    known = set(connection.execute(select(store.c.id)).scalars())
    for shop in sorted(set(shops) - known):
        warn(f"shop {shop}: no box of it has spoken yet: is the id right?")


def _print_link(arguments: argparse.Namespace, engine: Engine, invited: Invited) -> None:
    desk = account_desk(config_of(arguments), engine)
    until = invited.account.invited_until
    say(
        f"account {invited.account.name}: open this once, within {changes.INVITED_FOR.days} days"
        f" (until {until:%Y-%m-%d %H:%M} UTC), and give it to nobody else"
    )
    print(desk.link(invited.code))


def _account_list(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        head("name", "role", "state", "shops", "last sign-in", "id")
        for one in people.all_accounts(connection):
            seen = one.seen_at.isoformat(timespec="minutes") if one.seen_at else "never"
            shops = ",".join(one.shops) or "every"
            print("\t".join((one.name, one.role, one.state(_now()), shops, seen, one.id)))
    return 0


def _named(connection: Connection, name: str) -> Account:
    found = people.by_name(connection, name)
    if found is None:
        raise AccountFault(
            f"account {name}: expected the name of one; `menkou-hub account list` shows them"
        )
    return found


def _account_reset(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine:
        with writing(engine) as connection:
            held = _named(connection, arguments.name)
            invited = changes.invite(connection, held, by=COMMAND, now=_now())
            brakes.forget(connection, held.name)
        _print_link(arguments, engine, invited)
    return 0


def _account_disable(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, writing(engine) as connection:
        held = _named(connection, arguments.name)
        changes.disable(connection, held, by=COMMAND, now=_now())
        alone = not people.others_keep(connection, held.id)
    say(f"account {held.name}: comes in no more")
    if alone:
        warn("nobody of head office can sign in now: menkou-hub account add")
    return 0


def _account_unlock(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, writing(engine) as connection:
        held = _named(connection, arguments.name)
        brakes.forget(connection, held.name)
        audit.append(
            connection,
            at=_now(),
            what="account",
            actor=COMMAND,
            subject=held.id,
            detail={"how": "unlocked"},
        )
    say(f"account {held.name}: may be tried again")
    return 0


def _token_add(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, writing(engine) as connection:
        _warn_of(connection, arguments.shop)
        fresh = tokens.make(
            connection,
            name=arguments.name,
            scopes=arguments.scope,
            shops=arguments.shop or None,
            days=arguments.days,
            by=COMMAND,
            now=_now(),
        )
    say(f"token {fresh.token.id}: good until {fresh.token.expires_at:%Y-%m-%d}; shown this once")
    print(fresh.text)
    return 0


def _token_list(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        head("token", "state", "until", "scopes", "shops", "name")
        for one in tokens.all_tokens(connection):
            shops = "every" if one.shops is None else ",".join(one.shops)
            until = f"{one.expires_at:%Y-%m-%d}"
            state = one.state(_now())
            print("\t".join((one.id, state, until, " ".join(one.scopes), shops, one.name)))
    return 0


def _token_revoke(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, writing(engine) as connection:
        if not tokens.revoke(connection, arguments.token, by=COMMAND, now=_now()):
            raise AccountFault(
                f"token {arguments.token}: expected the id of one that is not revoked yet; see"
                " menkou-hub token list"
            )
    say(f"token {arguments.token}: opens nothing any more")
    return 0


def _audit_list(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        head("line", "at", "what", "actor", "subject", "detail")
        for one in reversed(audit.entries(connection, Wanted(), max(arguments.limit, 1))):
            detail = " ".join(f"{name}={value}" for name, value in one.detail.items())
            told = (str(one.id), utc_text(one.at), one.what, one.actor, one.subject or "-", detail)
            print("\t".join(told))
    return 0


def _audit_verify(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        verdict = audit.verify(connection)
    if verdict.broken is not None:
        raise HubFault(
            f"audit log: line {verdict.broken} does not follow from the one before: it, or one"
            " before it, was changed or taken out"
        )
    say(f"audit log: {verdict.rows:,} lines, whole; note its head down elsewhere:")
    print(verdict.head)
    return 0
