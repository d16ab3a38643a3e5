"""Checks of single field values. Used by `messages` to declare fields, by `codec` to apply them.

A check takes a JSON value and returns the Python value, or raises `ValueError` with
"expected ..., got ...". There is no check for free text, bytes or nested arrays: what has no
check cannot be declared, and what is not declared cannot be sent.

Beside the checks stand quick tests, for a hub that reads the events of a whole chain (`facts`).
A quick test only ever says "this is good as it stands"; what it does not let pass goes to the
check, which alone decides and finds the words.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

Check = Callable[[Any], Any]
QuickTest = Callable[[Any], object]
_QUICK: Final[dict[Check, QuickTest]] = {}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
# As `codec.utc_text` writes it; that there is such a day is for `instant` to find out.
_SENT_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{3}Z"
)

_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_HEX_128: Final = re.compile(r"[0-9a-f]{32}")
_HEX_KEY: Final = re.compile(r"[0-9a-f]{64}")
# HPKE with X25519 and AES-256-GCM: 32 bytes of encapsulated key, 32 sealed, 16 of tag.
_HEX_SEALED: Final = re.compile(r"[0-9a-f]{160}")
# No dots, colons or spaces: neither an address of a device nor a person's full name fits.
LABEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_RELEASE: Final = re.compile(r"[0-9]+(\.[0-9]+){1,3}([a-z0-9.+-]{0,32})")
_SHOWN: Final = 9  # digits; a telephone number has more


def quick(check: Check) -> QuickTest:
    """Return the quick test of a check.

    It is true only for JSON values that the check returns unchanged, and for instants of the
    form in which they are sent. For others it is false or raises `TypeError`.
    """
    return _QUICK[check]


def _refuse(expected: str, got: Any) -> ValueError:
    return ValueError(f"expected {expected}, got {_described(got)}")


def _described(got: Any) -> str:
    """Return what was got, but no text: where a code belongs a name or a face could stand."""
    if isinstance(got, str):
        return f"text of {len(got)} characters"
    if got is None or (isinstance(got, int | float) and len(repr(got)) <= _SHOWN):
        return repr(got)
    return type(got).__name__


def _pattern(pattern: re.Pattern[str], expected: str) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        raise _refuse(expected, value)

    _QUICK[check] = pattern.fullmatch
    return check


ulid: Final = _pattern(_ULID, "a ULID (26 characters)")
epoch: Final = _pattern(_HEX_128, "128 bits as 32 lower-case hexadecimal digits")
public_key: Final = _pattern(_HEX_KEY, "32 bytes as 64 lower-case hexadecimal digits")
digest: Final = _pattern(_HEX_KEY, "a SHA-256 as 64 lower-case hexadecimal digits")
sealed_key: Final = _pattern(_HEX_SEALED, "80 bytes as 160 lower-case hexadecimal digits")
label: Final = _pattern(LABEL, "a label of 1 to 32 letters, digits, _ and -, a letter first")
release: Final = _pattern(_RELEASE, "a version such as 1.2.3")


INTEGER_MAX: Final = 2**53 - 1


def integer(low: int, high: int = INTEGER_MAX) -> Check:
    """Return a check for a whole number within bounds. JSON's numbers are exact to 2^53."""

    def check(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _refuse(f"a whole number from {low} to {high}", value)

    _QUICK[check] = lambda value: type(value) is int and low <= value <= high
    return check


# Versions are the moments at which they were made, in milliseconds since 1970: a hub that was
# restored goes on above those that it gave out and forgot. No telephone number lies in between.
version: Final = integer(1_600_000_000_000, 7_258_118_399_999)


_SEALED: Final = re.compile(r"[A-Za-z0-9+/]{64,6000}={0,2}")
"""Base64 of what HPKE sealed: what is in it only the receiver can tell."""
sealed: Final = _pattern(_SEALED, "64 to 6,000 characters of base64")


def seconds(value: Any) -> float:
    """Check a monotonic reading: a finite number of seconds, 0 or more."""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value < 1e12  # NaN and infinity fail this comparison too
    ):
        return float(value)
    raise _refuse("a number of seconds from 0", value)


def boolean(value: Any) -> bool:
    """Check a truth value."""
    if isinstance(value, bool):
        return value
    raise _refuse("true or false", value)


def choice(*allowed: str) -> Check:
    """Return a check for one of the given words."""
    words = frozenset(allowed)

    def check(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise _refuse(" | ".join(allowed), value)

    _QUICK[check] = words.__contains__
    return check


def optional(inner: Check) -> Check:
    """Return a check that lets null pass as well."""

    def check(value: Any) -> Any:
        return None if value is None else inner(value)

    if test := _QUICK.get(inner):
        _QUICK[check] = lambda value: value is None or test(value)
    return check


def instant(value: Any) -> datetime:
    """Check an ISO 8601 time with an offset; the result is aware and in UTC.

    Years outside 2000 to 2200 are refused: they are faults, and would break hour arithmetic.
    """
    if isinstance(value, str) and len(value) <= 35:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None and 2000 <= moment.year <= 2200:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise _refuse("an ISO 8601 time with an offset", value) from None
    raise _refuse("an ISO 8601 time with an offset, from 2000 to 2200", value)


def milliseconds(moment: datetime) -> int:
    """Return the whole milliseconds since 1970 of an aware moment, rounded down."""
    return (moment - _EPOCH) // _MS


def sent_milliseconds(text: str) -> int:
    """Return the milliseconds since 1970 of an instant that passed its quick test.

    Raises:
        ValueError: there is no such minute, or it is out of `instant`'s range.
    """
    return _minute_milliseconds(text[:16]) + int(text[17:19] + text[20:23])


@lru_cache(maxsize=65_536)  # a box sends many events of a minute, a chain thousands
def _minute_milliseconds(text: str) -> int:
    return milliseconds(instant(text + ":00Z"))


def shop_text(value: Any) -> str:
    """Check the shop's own printable name, 1 to 80 characters. Never used in an event."""
    if isinstance(value, str) and 1 <= len(value) <= 80 and value.isprintable():
        return value
    raise _refuse("1 to 80 printable characters", value)


def time_zone(value: Any) -> str:
    """Check the form of an IANA zone name; whether it exists is for the receiver to find out."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", value):
        return value
    raise _refuse("an IANA time zone such as Asia/Shanghai", value)


_QUICK[seconds] = lambda value: type(value) is float and 0 <= value < 1e12
_QUICK[boolean] = lambda value: value is True or value is False
_QUICK[instant] = _SENT_INSTANT.fullmatch
