"""API: receipts of the shop's tills. Each is known by its number: sent again it does no harm."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from edge.console.api.peer import Peer
from edge.console.api.problems import Refused
from edge.console.api.route import Body, Topic, Way
from edge.core.receipt import LINES_MAX, Line, Receipt
from edge.core.receipts import QUEUE_NUMBER, Buyer, Kind, Tied, Why, queue_number
from edge.core.wording import one_line
from edge.desk.till import BATCH, TillBusy, TillDesk
from edge.store.receipts import Answer, KeysMissing
from edge.store.senders import Sender
from edge.wire.messages import MONEY_MAX

Number = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
"""Of a receipt: letters, digits and signs without spaces."""
Money = Annotated[int, Field(ge=-MONEY_MAX, le=MONEY_MAX)]
Outcome = Literal["kept", "conflict", "future", "too_old", "other_shop"]
_BY: Final[tuple[Way, ...]] = ("signature", "certificate")
_BUSY_S: Final = "1"
_PROBLEMS: Final = {
    "conflict": "receipt_conflict",
    "future": "receipt_future",
    "too_old": "receipt_old",
    "other_shop": "other_shop",
}


def _sound_time(at: datetime) -> datetime:
    if not 2000 < at.year < 2200:
        raise ValueError("expected a year from 2001 to 2199")
    return at


class SoldLine(Body):
    """A line: `amount` in minor units, for all pieces of it."""

    what: Annotated[str, StringConstraints(max_length=80)] = ""
    quantity: Annotated[int, Field(ge=1, le=10_000)] = 1
    amount: Money | None = None


class SentReceipt(Body):
    """A receipt.

    `store` is this shop's id. `total` is in minor units (fen, cents) of `currency` (ISO 4217), less
    than nothing for what is paid back. `at` has an offset, such as 2026-11-22T15:04:05+08:00.
    Whose it is, as far as the till knows: `member` (the number in the shop's own systems), else
    `queue` (a number of that day's queue, as the slip has it), else `consultant` (an id or a name
    of the staff list). `voids`: the number of a receipt that this one takes back. A later word on
    the same number has a higher `rev`.
    """

    store: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    number: Number
    at: Annotated[AwareDatetime, AfterValidator(_sound_time)]
    total: Money
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    rev: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    kind: Kind = "sale"
    buyer: Buyer = "guest"
    lines: Annotated[list[SoldLine], Field(max_length=LINES_MAX)] = []  # noqa: RUF012 - pydantic copies it
    member: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    queue: Annotated[str, StringConstraints(pattern=QUEUE_NUMBER)] | None = None
    consultant: Annotated[str, StringConstraints(min_length=1, max_length=80)] | None = None
    voids: Number | None = None


class SentReceipts(Body):
    """Several receipts at once, such as those of a till that was offline."""

    receipts: Annotated[list[SentReceipt], Field(min_length=1, max_length=BATCH)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReceipt:
    """What became of a receipt. `kept`: it is held under this `rev`, now or since it came first.

    The rest are not: `conflict` (other content under this rev or a later one), `future`, `too_old`
    (over 90 days), `other_shop`. `tied` says to what it ties, `why` how that was found or why
    not; both may change when more is known.
    """

    number: str
    outcome: Outcome
    rev: int
    tied: Tied | None
    why: Why | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReceipts:
    """What became of each receipt, in the order in which they were sent."""

    receipts: tuple[KeptReceipt, ...]


def receipts_api(desk: TillDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("receipts", "Receipts of the shop's tills")
    refused: dict[str, Any] = {"scope": "write:receipts", "by": _BY}

    @topic.post("/receipts", **refused, problems=(*_PROBLEMS.values(), "key_missing", "busy"))
    def send_receipt(caller: Sender | Peer, body: SentReceipt) -> KeptReceipt:
        """Send a receipt.

        Known by its number within this shop: the same again is answered as before, other content
        is refused unless its `rev` is higher. Late ones are taken, of up to 90 days ago.
        """
        (told,) = _take(desk, [body])
        if told.outcome != "kept":
            values = {"store": desk.store_id, "count": told.rev}
            raise Refused(_PROBLEMS[told.outcome], values=values)
        return told

    @topic.post("/receipts/batch", **refused, problems=("key_missing", "busy"))
    def send_receipts(caller: Sender | Peer, body: SentReceipts) -> KeptReceipts:
        """Send up to 100 receipts; each is answered by itself, and those that can be are kept.

        With `busy` (429) nothing was done: wait for `Retry-After` seconds and send them again.
        """
        return KeptReceipts(receipts=_take(desk, body.receipts))

    return topic


def _take(desk: TillDesk, sent: list[SentReceipt]) -> tuple[KeptReceipt, ...]:
    ours = [one for one in sent if one.store == desk.store_id]
    try:
        kept = iter(desk.take([_receipt(one) for one in ours]) if ours else ())
    except TillBusy:
        raise Refused("busy", values={"count": 1}, headers={"Retry-After": _BUSY_S}) from None
    except KeysMissing:
        raise Refused("key_missing") from None
    return tuple(_told(next(kept)) if one.store == desk.store_id else _foreign(one) for one in sent)


def _receipt(sent: SentReceipt) -> Receipt:
    return Receipt(
        number=sent.number,
        at=sent.at,
        total=sent.total,
        currency=sent.currency,
        rev=sent.rev,
        kind=sent.kind,
        buyer=sent.buyer,
        lines=tuple(
            Line(what=one_line(one.what), quantity=one.quantity, amount=one.amount)
            for one in sent.lines
        ),
        member=sent.member,
        queue=queue_number(sent.queue) if sent.queue else None,
        consultant=sent.consultant,
        voids=sent.voids,
    )


def _told(answer: Answer) -> KeptReceipt:
    return KeptReceipt(
        number=answer.number,
        outcome=answer.outcome,
        rev=answer.rev,
        tied=answer.tied,
        why=answer.why,
    )


def _foreign(sent: SentReceipt) -> KeptReceipt:
    return KeptReceipt(number=sent.number, outcome="other_shop", rev=sent.rev, tied=None, why=None)
