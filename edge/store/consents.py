"""The consent ledger: what was agreed to, and that it ended. Outlives erasure; holds no name.

Called by `register`, and by the eyes for what expires. Calls `chain` and `audit`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal

from sqlite_utils import Database

from edge.core.consent import PURPOSE, TEMPLATE_FROM, Consent, age_on
from edge.store import chain
from edge.store.audit import Audit
from edge.store.database import transaction
from edge.store.people_schema import CONSENT
from edge.wire.codec import utc_text
from menkou.chain import Verdict

Kind = Literal["given", "withdrawn", "expired", "erased"]
Change = Literal[
    "joined",
    "consent_given",
    "consent_withdrawn",
    "consent_expired",
    "template_stored",
    "template_removed",
    "erased",
]
Tell = Callable[[str, Change], None]
"""Is told of a subject's change inside the transaction that makes it."""
_TOLD: Final[dict[Kind, Change]] = {
    "given": "consent_given",
    "withdrawn": "consent_withdrawn",
    "expired": "consent_expired",
    "erased": "erased",
}
EXPIRED_AT_ONCE: Final = 200
EXPIRED_WITHIN_S: Final = 0.05
"""How long whoever counts may have to wait for `Consents.expire`, but for the last commit."""
_LAST: Final = "SELECT max(id) FROM consent GROUP BY subject"
_COLUMNS: Final = "id, " + ", ".join(CONSENT.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of the ledger. All but the first five fields are None unless `kind` is `given`."""

    id: int
    at: datetime
    subject: str
    kind: Kind
    purpose: str
    text_version: str | None
    language: str | None
    text_hash: str | None
    means: str | None
    scope: str | None
    shops: tuple[str, ...]
    given_at: datetime | None
    expires: date | None
    ends_at: datetime | None
    adult: bool | None
    sealed: bytes | None = field(repr=False)

    def live(self, at: datetime) -> bool:
        """Say whether this is a consent that holds at a moment, if nothing follows it."""
        if self.kind != "given" or self.given_at is None or self.ends_at is None:
            return False
        return self.given_at <= at < self.ends_at


class Consents:
    """Adds to the ledger through one connection.

    Args:
        db: the connection.
        actor: whose doing it is, a code for the audit log.
        tell: is told of every change.
    """

    def __init__(self, db: Database, *, actor: str, tell: Tell) -> None:
        self._db = db
        self._actor = actor
        self._tell = tell

    def give(self, subject: str, consent: Consent, sealed: bytes | None, now: datetime) -> int:
        """Add a consent in the caller's transaction; return its id.

        `sealed` is what of it is personal, sealed under the member's key.
        """
        born, given_on = consent.born, consent.given_at.date()
        row_id = chain.append(
            self._db,
            CONSENT,
            {
                "at": utc_text(now),
                "subject": subject,
                "kind": "given",
                "purpose": consent.purpose,
                "text_version": consent.text_version,
                "language": consent.language,
                "text_hash": consent.text_hash,
                "means": consent.means,
                "scope": consent.scope,
                "shops": json.dumps(consent.shops),
                "given_at": utc_text(consent.given_at),
                "expires": consent.expires.isoformat(),
                "ends_at": utc_text(consent.ends_at),
                "adult": int(consent.adult),
                "under_14": int(born is not None and age_on(born, given_on) < TEMPLATE_FROM),
                "sealed": sealed,
            },
        )
        self._noted(subject, "given", now)
        self._tell(subject, _TOLD["given"])
        return row_id

    def end(
        self,
        subject: str,
        kind: Literal["withdrawn", "expired", "erased"],
        now: datetime,
        *,
        since: datetime | None = None,
        told: bool = True,
    ) -> None:
        """Note the end of a subject's consent in the caller's transaction.

        The schema removes the template with it, and stops what is shared.

        Args:
            subject: whose.
            kind: why.
            now: the time.
            since: when it ended, if that was said elsewhere and is only heard now; what was given
                after that stands.
            told: also the other shops; False: it is for this one only.
        """
        held = self._db.execute("SELECT 1 FROM template WHERE subject = ?", [subject]).fetchone()
        # What runs out does so in each shop by itself.
        others = _other_names(self._db, subject) if kind != "expired" else []
        at = now if since is None else min(since, now)
        values = {"at": utc_text(at), "subject": subject, "kind": kind, "purpose": PURPOSE}
        chain.append(self._db, CONSENT, values)
        if held:
            self._tell(subject, "template_removed")
        self._noted(subject, kind, now)
        for name in [subject, *others] if told else []:
            self._tell(name, _TOLD[kind])

    def expire(self, now: datetime) -> list[str]:
        """End what has run out by `now`, in a transaction of its own; return the subjects.

        At most `EXPIRED_AT_ONCE` of them and for about `EXPIRED_WITHIN_S`, so that nobody who
        counts has to wait: call again soon, until none is returned. Nobody is recognised
        meanwhile: `template_rows` judges every consent by itself. What SQLite leaves of the
        templates in the file is for `endings.tidy` to destroy. Only to be called with a clock
        that is not suspect: a template that is gone is gone.
        """
        if not _run_out(self._db, now):
            return []
        until = time.monotonic() + EXPIRED_WITHIN_S
        ended: list[str] = []
        with transaction(self._db):
            for subject in _run_out(self._db, now):
                self.end(subject, "expired", now)
                ended.append(subject)
                if time.monotonic() > until:
                    break
        return ended

    def _noted(self, subject: str, kind: Kind, now: datetime) -> None:
        if kind != "erased":  # `register` notes an erasure by itself
            Audit(self._db).append(
                at=now, what="consent", actor=self._actor, subject=subject, detail={"kind": kind}
            )


def _other_names(db: Database, subject: str) -> list[str]:
    """Return what other boxes that shared a member call the member: it ends there as well."""
    rows = db.execute(
        "SELECT DISTINCT theirs FROM share_in WHERE subject = ? AND theirs IS NOT NULL", [subject]
    )
    return [theirs for (theirs,) in rows]


def _run_out(db: Database, now: datetime) -> list[str]:
    """Find those whose last word was a yes that has run out; templates stand on that one alone."""
    rows = db.execute(
        "SELECT subject FROM in_force WHERE ends_at <= ? ORDER BY ends_at LIMIT ?",
        [utc_text(now), EXPIRED_AT_ONCE],
    ).fetchall()
    return [subject for (subject,) in rows]


def _row(values: Any) -> LedgerRow:
    held = dict(zip(("id", *CONSENT.columns), values, strict=True))
    del held["under_14"]
    for name in ("at", "given_at", "ends_at"):
        held[name] = held[name] and datetime.fromisoformat(held[name])
    held["expires"] = held["expires"] and date.fromisoformat(held["expires"])
    held["shops"] = tuple(json.loads(held["shops"] or "[]"))
    held["adult"] = None if held["adult"] is None else bool(held["adult"])
    return LedgerRow(**held)


def history(db: Database, subject: str) -> list[LedgerRow]:
    """Return all that the ledger holds of a subject, oldest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM consent WHERE subject = ? ORDER BY id", [subject])
    return [_row(values) for values in rows.fetchall()]


def live_consent(db: Database, subject: str, at: datetime) -> LedgerRow | None:
    """Return the subject's consent that holds at a moment: the last word, if it is a yes."""
    rows = history(db, subject)
    return rows[-1] if rows and rows[-1].live(at) else None


def ended_at(db: Database, subject: str) -> datetime | None:
    """Return when a consent of a subject was last taken back, None when none was.

    One that ran out was not: a renewal that was signed before may be entered after.
    """
    (at,) = db.execute(
        "SELECT max(at) FROM consent WHERE subject = ? AND kind IN ('withdrawn', 'erased')",
        [subject],
    ).fetchone()
    return at and datetime.fromisoformat(at)


def live_subjects(db: Database, at: datetime) -> frozenset[str]:
    """Return the subjects whose consent holds at a moment."""
    moment = utc_text(at)
    rows = db.execute(
        f"SELECT subject FROM consent WHERE id IN ({_LAST}) AND kind = 'given'"
        " AND given_at <= ? AND ends_at > ?",
        [moment, moment],
    ).fetchall()
    return frozenset(subject for (subject,) in rows)


def verify(db: Database) -> Verdict:
    """Compute the ledger's chain anew."""
    return chain.verify(db, CONSENT)
