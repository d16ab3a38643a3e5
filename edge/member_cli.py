"""The words of `menkou-edge member ...` and `menkou-edge audit ...`. Called by `cli`.

What they do stands in `member_commands`.
"""

import argparse
from pathlib import Path
from typing import Any, Final

from edge import member_commands
from edge.core.profile import FIELDS

_HELP: Final = {
    "name": "the member's name",
    "called": "how the member likes to be addressed",
    "external_id": "the member's number in the shop's own systems",
    "tier": "tier of membership",
    "birthday": "MM-DD",
    "consultant": "who looks after the member",
    "note": "what a consultant should know",
    "tags": "words with ; between",
    "appointment_at": "time with offset, such as 2026-11-21T15:00+08:00",
    "appointment_what": "what the appointment is for",
    "repair_ready": "what lies ready to be picked up",
    "last_purchase": "what was bought last",
    "last_purchase_on": "a date",
    "last_visit_on": "a date",
    "last_visit_shop": "where that was",
    "phone": "the member's phone number",
    "claimed_id": "a number that the guest gave as their own and nobody has checked",
}


def add(sub: Any) -> None:
    """Add both commands to `menkou-edge`'s."""
    members = _group(sub, "member", "enrol, show, change, export and erase members")
    _enroll(members)
    listed = _command(members, "list", member_commands.list_members, "list all members", "list")
    _json_option(listed)
    show = _of_one(members, "show", member_commands.show, "show a member")
    _json_option(show)
    change = _of_one(
        members, "change", member_commands.change, 'change a profile; "" empties a field'
    )
    _profile_options(change)
    _of_one(
        members,
        "withdraw",
        member_commands.withdraw,
        "end a member's consent: the face template goes, the card stays",
    )
    erase = _of_one(
        members, "erase", member_commands.erase, "destroy all that is held of a member", " --yes"
    )
    erase.add_argument("--yes", action="store_true", help="really: it cannot be undone")
    code = _of_one(
        members,
        "code",
        member_commands.code,
        "make a one-time code of six digits, good in this shop for 10 minutes; or let the member's"
        " phone make codes",
        " --phone 8000",
    )
    which = code.add_mutually_exclusive_group()
    which.add_argument(
        "--phone",
        metavar="DIGITS",
        help="print the otpauth:// address for the member's phone, whose number ends so, as a QR"
        " code too; a phone before it makes no codes any more",
    )
    which.add_argument(
        "--end", action="store_true", help="the member's phone makes no codes any more"
    )
    export = _of_one(
        members, "export", member_commands.export, "write all that is held of a member, as JSON"
    )
    export.add_argument("--out", type=Path, metavar="FILE", help="a new file (default: stdout)")
    load = _command(
        members,
        "import",
        member_commands.import_members,
        "add members from a CSV file, or change those whose external_id is known; a row that cannot"
        " be taken is named with its line, the others are; column names in Chinese will do",
        "import members.csv",
    )
    load.add_argument("file", type=Path, metavar="FILE.csv", help=f"columns: {', '.join(FIELDS)}")
    _audit(sub)


def _enroll(members: Any) -> None:
    enroll = _command(
        members,
        "enroll",
        member_commands.enroll,
        "add a member, with or without a face; the last line is the member's id",
        "enroll --name 王丽 --consent consent.json --photo face.jpg",
    )
    enroll.add_argument(
        "--member", metavar="ID", help="add consent and photos to this member instead of a new one"
    )
    enroll.add_argument(
        "--consent", type=Path, metavar="C.json", help="the consent record; photos need one"
    )
    enroll.add_argument(
        "--photo",
        type=Path,
        action="append",
        default=[],
        metavar="P",
        help="a photo of the face; may be repeated; none is kept",
    )
    _profile_options(enroll)


def _audit(sub: Any) -> None:
    audit = _group(sub, "audit", "read the box's audit log and check that nobody changed it")
    _command(
        audit,
        "verify",
        member_commands.audit_verify,
        "compute the chains of audit log and consent ledger anew; exit 1 if one is broken",
        "verify",
        group="audit",
    )
    listed = _command(
        audit, "list", member_commands.audit_list, "show the log", "list --json", group="audit"
    )
    _json_option(listed)
    listed.add_argument(
        "--limit", type=int, default=1000, metavar="N", help="the newest N entries (1000)"
    )


def _group(sub: Any, name: str, text: str) -> Any:
    parser = sub.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  menkou-edge {name} list --config edge.toml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION")


def _command(
    group_parser: Any,
    name: str,
    run: member_commands.Command,
    text: str,
    example: str,
    *,
    group: str = "member",
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group_parser.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  menkou-edge {group} {example} --config edge.toml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="F", help="the box's settings (edge.toml)"
    )
    parser.set_defaults(run=member_commands.sealed(run))
    return parser


def _of_one(
    members: Any,
    name: str,
    run: member_commands.Command,
    text: str,
    rest: str = "",
) -> argparse.ArgumentParser:
    parser = _command(members, name, run, text, f"{name} 01ARZ3NDEKTSV4RRFFQ69G5FAV{rest}")
    parser.add_argument("member", metavar="ID", help="the member's id, as list shows it")
    return parser


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _profile_options(parser: argparse.ArgumentParser) -> None:
    for field in FIELDS:
        option = "--" + field.replace("_", "-")
        parser.add_argument(option, dest=field, metavar="TEXT", help=_HELP[field])
