"""How many minor units a currency has. Pure; used by whatever shows money.

Boxes send what a receipt came to in minor units; amounts of different currencies are never added.
"""

from typing import Final

_PLACES: Final = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"),
            *("VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Those that have not two places: ISO 4217, list one. No till takes its two with four."""
USUAL: Final = 2


def places(currency: str) -> int:
    """Return how many places behind the point amounts of a currency have.

    >>> places("CNY"), places("JPY"), places("KWD")
    (2, 0, 3)
    """
    return _PLACES.get(currency, USUAL)


def units(minor: int, currency: str) -> float:
    """Return an amount of minor units in the currency itself.

    >>> units(128_800, "CNY"), units(1_288, "JPY")
    (1288.0, 1288.0)
    """
    return minor / float(10 ** places(currency))
