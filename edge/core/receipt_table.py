"""What the cells of a table of receipts mean, and how amounts are shown. Pure; used by
`edge.desk.drop` and the arrivals' page.

A row is a receipt or one line of it: rows of one number stand together. Amounts are written as
people write them (1,288.00), times in the shop's own zone unless they have an offset.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from edge.core.receipts import Buyer, Kind

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("小票号", "单号", "小票编号", "receipt", "receipt number"),
    "at": ("时间", "交易时间", "日期", "time", "date"),
    "total": ("总额", "合计", "实收", "应收", "total amount"),
    "currency": ("币种",),
    "kind": ("类型", "type"),
    "buyer": ("购买人", "买方"),
    "member": ("会员号", "会员编号", "member id"),
    "queue": ("排队号", "queue number"),
    "consultant": ("导购", "销售员", "seller"),
    "what": ("商品", "品名", "item"),
    "quantity": ("数量", "qty"),
    "amount": ("金额", "小计"),
    "voids": ("作废小票", "原小票号"),
    "rev": ("版本", "revision"),
    "store": ("门店", "门店编号", "shop"),
}
"""The headings of each column beside its own name."""
NEEDED: Final = ("number", "at", "total")
_KINDS: Final[Mapping[str, Kind]] = {
    **{"": "sale", "sale": "sale", "销售": "sale"},
    **{"return": "return", "退货": "return", "退款": "return"},
    **{"exchange": "exchange", "换货": "exchange"},
}
_BUYERS: Final[Mapping[str, Buyer]] = {
    "": "guest",
    "guest": "guest",
    "顾客": "guest",
    "staff": "staff",
    "员工": "staff",
}
_TIMES: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M")
_WHOLE: Final = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"),
        *("VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
"""Currencies without minor units, and those with a thousand of them (ISO 4217). The hub has the
same lists (`cloud.figures.currency`): a value crosses the wire in minor units."""
_THOUSANDTHS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_AMOUNT: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{0,9})?", re.ASCII)


class BadCell(ValueError):
    """A cell that cannot be read; `column` says which. Nothing of it is repeated."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def places(currency: str) -> int:
    """Return how many places behind the point amounts of a currency have."""
    return 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2


def money_text(value: int, currency: str) -> str:
    """Return an amount in minor units as people read it, such as ¥1,288.00."""
    shown = f"{abs(Decimal(value).scaleb(-places(currency))):,f}"
    sign = "-" if value < 0 else ""
    return f"{sign}¥{shown}" if currency == "CNY" else f"{sign}{currency} {shown}"


def minor_units(text: str, currency: str, column: str) -> int:
    """Return an amount such as `1,288.00` in minor units.

    Raises:
        BadCell: it is none, or has more places than the currency.
    """
    plain = text.replace(",", "").replace("，", "").lstrip("¥￥$ ")
    value = Decimal(plain).scaleb(places(currency)) if _AMOUNT.fullmatch(plain) else None
    if value is None or value != int(value):
        raise BadCell(column)
    return int(value)


def moment(text: str, zone: ZoneInfo) -> datetime:
    """Return a time, aware.

    Raises:
        BadCell: it is none.
    """
    try:
        found = datetime.fromisoformat(text) if "T" in text or "+" in text else _local(text)
    except ValueError:
        raise BadCell("at") from None
    if not 2000 < found.year < 2200:
        raise BadCell("at")
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _local(text: str) -> datetime:
    for form in _TIMES:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the shop's
        except ValueError:
            continue
    raise ValueError("expected a time such as 2026-11-22 15:04")


def kind_of(text: str) -> Kind:
    """Return the kind that a word means; an empty cell is a sale.

    Raises:
        BadCell: it is none.
    """
    if (found := _KINDS.get(text.casefold())) is None:
        raise BadCell("kind")
    return found


def buyer_of(text: str) -> Buyer:
    """Return who bought; an empty cell is a guest.

    Raises:
        BadCell: it is nobody.
    """
    if (found := _BUYERS.get(text.casefold())) is None:
        raise BadCell("buyer")
    return found


def whole(text: str, column: str, most: int) -> int | None:
    """Return a whole number from 1 on, None for an empty cell.

    Raises:
        BadCell: it is none.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise BadCell(column)
    return int(text)
