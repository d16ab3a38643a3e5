"""The auditors' page: who did what, with a filter, and the same as CSV.

Called by `cloud.app`; reads the log, and notes in it that the table was taken away.
"""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from flask import Blueprint, Response, render_template, request
from sqlalchemy import Connection

from cloud.accounts import audit, people, tokens
from cloud.accounts.access import caller
from cloud.accounts.audit import KINDS, Wanted
from cloud.accounts.desk import AccountDesk
from cloud.db import reading, writing
from edge.wire.codec import utc_text
from menkou.tokens import ACTOR as TOKEN

SHOWN: Final = 100
_TABLE_MAX: Final = 200_000
_COLUMNS: Final = ("id", "at", "what", "actor", "subject", "detail")


def audit_pages(desk: AccountDesk) -> Blueprint:
    """Make the page and its table."""
    pages = Blueprint("audit", __name__, url_prefix="/audit")

    @pages.get("")
    def page() -> str:
        wanted = _wanted()
        with reading(desk.engine) as connection:
            lines = audit.entries(connection, wanted, SHOWN + 1)
            names = _names(connection)
            whole = audit.count(connection)
            accounts = people.all_accounts(connection)
        return render_template(
            "audit.html",
            lines=lines[:SHOWN],
            older=lines[SHOWN - 1].id if len(lines) > SHOWN else None,
            names=names,
            whole=whole,
            wanted=wanted,
            asked={name: value for name, value in request.args.items() if value},
            kinds=KINDS,
            accounts=accounts,
            now=desk.now(),
        )

    @pages.get("/table.csv")
    def table() -> Response:
        with writing(desk.engine) as connection:
            audit.append(
                connection,
                at=desk.now(),
                what="export",
                actor=caller().actor,
                detail={"table": "audit"},
            )
        written = io.StringIO()
        sheet = csv.writer(written)
        sheet.writerow(_COLUMNS)
        with reading(desk.engine) as connection:
            for number, one in enumerate(audit.every(connection, _wanted())):
                if number == _TABLE_MAX:
                    break
                detail = json.dumps(one.detail, sort_keys=True)
                sheet.writerow(
                    (one.id, utc_text(one.at), one.what, one.actor, one.subject or "", detail)
                )
        return Response(
            written.getvalue(),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
        )

    return pages


def _wanted() -> Wanted:
    """Return what the address asks for; what it cannot ask for is passed over."""
    given = request.args
    who = given.get("who", "")
    wanted = Wanted(
        what=given["what"] if given.get("what") in KINDS else None,
        actor=who[:64] or None,
        subject=given.get("subject", "")[:64] or None,
        before=given.get("before", type=int),
    )
    first, last = _day(given.get("from", "")), _day(given.get("to", ""))
    if first is not None:
        wanted = replace(wanted, since=_midnight(first))
    if last is not None and last < date.max:
        wanted = replace(wanted, until=_midnight(last + timedelta(days=1)))
    return wanted


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _names(connection: Connection) -> dict[str, str]:
    """Return how people and programs are called, by their codes in the log."""
    names = {}
    for one in people.all_accounts(connection):
        names[one.id] = names[one.actor] = one.shown
    for token in tokens.all_tokens(connection):
        names[token.id] = names[TOKEN + token.id] = token.name
    return names
