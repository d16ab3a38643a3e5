"""Amounts of money as people read them. Used by pages with money on them."""

from cloud.figures.currency import units
from menkou.web.i18n import Speech


def money_text(said: Speech, minor: int, currency: str) -> str:
    """Return an amount of minor units in whole ones, such as `¥1,288` or `BHD 1,288`.

    By the signs of Unicode's CLDR: a yuan is `¥` in Chinese and `CN¥` in English.
    """
    amount = said.number(round(units(abs(minor), currency)))
    code = currency.lower()
    known = said.has(f"money.{code}")
    text = said.t(f"money.{code}", amount=amount) if known else f"{currency} {amount}"
    return f"−{text}" if minor < 0 else text
