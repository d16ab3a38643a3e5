"""What is said of a look: of the chain first, then of each shop what is not the chain's.

Called by `look`, inside its transactions; `keep` writes it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Row, update

from cloud import aside
from cloud.anomalies import keep
from cloud.anomalies.chain import ChainWatch, crowded, hours_together, many, watch_chain
from cloud.anomalies.keep import Known, Told, moment
from cloud.anomalies.shop import Seen
from cloud.anomalies.tables import CHAIN, expectation
from cloud.anomalies.watch import Kind, Raised
from cloud.expect.model import band
from cloud.orders import Issuer

_A_DAY: Final = timedelta(days=1)
_REASONS: Final[dict[Kind, str]] = {"drop": "fewer", "surge": "more"}


class Words:
    """What is to be said of a look: of the chain, then of each shop."""

    def __init__(
        self,
        seen: Mapping[str, Seen],
        total: int,
        known: Known,
        before: ChainWatch,
        ended: Row[Any] | None,
        now: datetime,
    ) -> None:
        self._seen, self._total, self._known, self._now = seen, total, known, now
        self._chain = watch_chain(
            before, hours_together(one.pulses for one in seen.values()), total
        )
        self._open = known.get((CHAIN, "chain"))
        self._of: str | None = None  # what the chain's anomaly, if there is one, is of
        if ended is not None and ended.closed_at > now - _A_DAY:
            self._of = ended.reason  # shops need a day to be as before

    def of_chain(self, connection: Connection, issuer: Issuer) -> int:
        """Say what is the chain's; return how many words were new."""
        _keep_chain(connection, self._chain)
        told = self._chain_told()
        if told is None:
            if self._open is not None:
                self._of = self._open.reason
                if not self._lasts(self._open.reason):
                    keep.close(connection, issuer, [self._open], "recovered", self._now)
            return 0
        if self._open is not None and self._open.reason != told.reason:
            keep.close(connection, issuer, [self._open], "recovered", self._now)
            self._known.pop((CHAIN, "chain"))
        self._of = told.reason
        new = keep.say(connection, self._known, told, self._now) is not None
        # Shops that were quicker than the crowd: theirs is the chain's now.
        kind = {"fewer": "drop", "more": "surge", "silent": "silent"}[told.reason]
        folded = [
            row
            for (name, of), row in self._known.items()
            if name != CHAIN and of == kind and row.opened_at > self._now - _A_DAY
        ]
        keep.close(connection, issuer, folded, "chain", self._now)
        for row in folded:
            self._known.pop((row.store, row.kind))
        if new:
            aside.count_up(connection, {aside.CHANGES: 1})
        return int(new)

    def _lasts(self, reason: str) -> bool:
        """Say whether at least half as many shops still raise what the chain's anomaly is of."""
        if reason == "silent":
            count = sum(one.silent is not None for one in self._seen.values())
        else:
            kind = "drop" if reason == "fewer" else "surge"
            count = sum(
                one.raised is not None and one.raised.kind == kind for one in self._seen.values()
            )
        return many(2 * count, self._total)

    def _chain_told(self) -> Told | None:
        shops = self._total
        silent = [one for one in self._seen.values() if one.silent is not None]
        if many(len(silent), shops):
            first = min(one.watched.gap.since for one in silent if one.watched.gap)
            return self._told(
                CHAIN,
                "chain",
                "silent",
                first,
                sum(one.silent or 0.0 for one in silent),
                None,
                shops=len(silent),
            )
        own = self._chain.state.raised
        raised = [one.raised for one in self._seen.values() if one.raised is not None]
        since = int((self._now - _A_DAY).timestamp())
        kind = (
            own.kind
            if own is not None
            else crowded([(one.kind, one.since) for one in raised], since, shops)
        )
        if kind is None:
            return None
        same = [one for one in raised if one.kind == kind]
        if own is not None:
            return self._of_raised(CHAIN, "chain", own, shops=len(same))
        together = Raised(
            kind=kind,
            since=min(one.since for one in same if one.since >= since),
            expected=sum(one.expected for one in same),
            variance=sum(one.variance for one in same),
            got=sum(one.got for one in same),
        )
        return self._of_raised(CHAIN, "chain", together, shops=len(same))

    def of_shop(self, connection: Connection, issuer: Issuer, name: str) -> int:
        """Say what is one shop's own; return how many words were new."""
        one, new = self._seen[name], 0
        raised = one.raised
        gone = [
            self._known[name, kind]
            for kind in ("drop", "surge", "silent")
            if (name, kind) in self._known and not self._goes_on(kind, one)
        ]
        for row in gone:
            why = "new_level" if one.settled else "recovered"
            why = "data_back" if row.kind == "silent" else why
            keep.close(connection, issuer, [row], why, self._now)
        if raised is not None and not self._is_chains(name, raised.kind):
            told = self._of_raised(name, raised.kind, raised)
            new += keep.say(connection, self._known, told, self._now) is not None
        gap = one.watched.gap
        if one.silent is not None and gap is not None and not self._is_chains(name, "silent"):
            told = self._told(name, "silent", gap.why, gap.since, one.silent, None)
            new += keep.say(connection, self._known, told, self._now) is not None
        if new or gone:
            aside.count_up(connection, {aside.CHANGES: 1})
        return new

    def _goes_on(self, kind: str, one: Seen) -> bool:
        if kind == "silent":
            return one.watched.gap is not None and one.watched.gap.ended is None
        return one.raised is not None and one.raised.kind == kind

    def _is_chains(self, name: str, kind: str) -> bool:
        """Say whether a shop's is part of the chain's, and was not told before that."""
        of = {"drop": "fewer", "surge": "more", "silent": "silent"}[kind]
        return self._of == of and (name, kind) not in self._known

    def _of_raised(self, name: str, kind: str, raised: Raised, shops: int | None = None) -> Told:
        low, high = band(raised.expected, raised.variance)
        return Told(
            store=name,
            kind=kind,
            reason=_REASONS[raised.kind],
            since=moment(raised.since),
            expected=raised.expected,
            low=low,
            high=high,
            got=raised.got,
            shops=shops,
        )

    def _told(
        self,
        name: str,
        kind: Literal["chain", "silent"],
        reason: str,
        since: int,
        expected: float,
        got: int | None,
        shops: int | None = None,
    ) -> Told:
        low, high = band(expected, expected)
        return Told(
            store=name,
            kind=kind,
            reason=reason,
            since=moment(since),
            expected=expected,
            low=low,
            high=high,
            got=got,
            shops=shops,
        )


def _keep_chain(connection: Connection, chain: ChainWatch) -> None:
    connection.execute(
        update(expectation)
        .where(expectation.c.store == CHAIN)
        .values(state=msgspec.json.encode(chain).decode())
    )
