"""The list of channels and advertisements that head office may lay over a shop's own.

Part of `orders.ConfigOrder`; `edge.desired` makes settings of it. The ids are what boxes send up
(`messages.DeskFact`), the names what people in the shop read.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge.wire import checks

Listed = Mapping[str, Any]
"""`id`, `zh`, `en`, `active`; of a channel `adverts` beside them, a list of the same."""
CHANNELS_MAX: Final = 24
ADVERTS_MAX: Final = 40
"""Of one channel. A list of all of them fits into an order many times over."""
NAME_MAX: Final = 40
UNKNOWN: Final = "unknown"
_OF_ADVERT: Final = frozenset({"id", "zh", "en", "active"})
_OF_CHANNEL: Final = _OF_ADVERT | {"adverts"}


def channels(value: Any) -> Sequence[Listed]:
    """Check a list of channels, ids different from each other.

    Raises:
        ValueError: it is none. No name is repeated.
    """
    if (
        _is_list(value, CHANNELS_MAX, _OF_CHANNEL)
        and value
        and all(_is_list(one["adverts"], ADVERTS_MAX, _OF_ADVERT) for one in value)
    ):
        return tuple(value)
    raise ValueError(
        f"expected 1 to {CHANNELS_MAX} channels with up to {ADVERTS_MAX} adverts each, every one"
        f" with an id of its own (not {UNKNOWN}), names zh and en of 1 to {NAME_MAX} printable"
        " characters, and active"
    )


def is_name(text: Any) -> bool:
    """Say whether people can read a text as a name."""
    return isinstance(text, str) and 1 <= len(text.strip()) <= NAME_MAX and text.isprintable()


def is_id(text: Any) -> bool:
    """Say whether a channel or an advertisement can have this id."""
    return isinstance(text, str) and text != UNKNOWN and bool(checks.LISTED.fullmatch(text))


def _is_list(value: Any, most: int, names: frozenset[str]) -> bool:
    if not isinstance(value, list | tuple) or len(value) > most:
        return False
    if not all(isinstance(one, dict) and one.keys() == names for one in value):
        return False
    ids = {one["id"] if isinstance(one["id"], str) else "" for one in value}
    return len(ids) == len(value) and all(_is_one(one) for one in value)


def _is_one(one: Listed) -> bool:
    named = is_id(one["id"]) and is_name(one["zh"]) and is_name(one["en"])
    return named and isinstance(one["active"], bool)
