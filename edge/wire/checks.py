"""Checks of single field values. Used by `messages` to declare fields, by `codec` to apply them.

A check takes a JSON value and returns the Python value, or raises `ValueError` with
"expected ..., got ...". There is no check for free text, bytes or nested arrays: what has no
check cannot be declared, and what is not declared cannot be sent.

Beside each check that an event uses stands its form, which says the same without being called:
a hub that reads the events of a whole chain builds a compiled reader from the forms. That reader
only ever says "this is good as it stands"; what it does not let pass goes to the check, which
alone decides and finds the words.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

Check = Callable[[Any], Any]


class Pattern(NamedTuple):
    """Text that a pattern matches from end to end."""

    pattern: re.Pattern[str]


class Whole(NamedTuple):
    """A whole number, bounds included. JSON's `1.0` is none."""

    low: int
    high: int


class Words(NamedTuple):
    """One of some words."""

    words: tuple[str, ...]


class Plain(NamedTuple):
    """A truth value, a number of seconds, or an instant in the form in which it is sent."""

    type: type[bool] | type[float] | type[datetime]


class Nullable(NamedTuple):
    """A form, or null."""

    inner: "Pattern | Whole | Words | Plain"


Form = Pattern | Whole | Words | Plain | Nullable
_FORMS: Final[dict[Check, Form]] = {}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_HEX_128: Final = re.compile(r"[0-9a-f]{32}")
_HEX_KEY: Final = re.compile(r"[0-9a-f]{64}")
# HPKE with X25519 and AES-256-GCM: 32 bytes of encapsulated key, 32 sealed, 16 of tag.
_HEX_SEALED: Final = re.compile(r"[0-9a-f]{160}")
# No dots, colons or spaces: neither an address of a device nor a person's full name fits.
LABEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
# Of a list that somebody set up, never typed at a guest: no capital, space or number of a phone.
LISTED: Final = re.compile(r"[a-z](?![a-z0-9_-]*[0-9]{7})[a-z0-9_-]{0,23}")
_RELEASE: Final = re.compile(r"[0-9]+(\.[0-9]+){1,3}([a-z0-9.+-]{0,32})")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_SHOWN: Final = 9  # digits; a telephone number has more


def form(check: Check) -> Form | None:
    """Return the form of a check: JSON values of it are ones that the check takes unchanged.

    None: it has none, and only the check itself can tell.
    """
    return _FORMS.get(check)


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

    _FORMS[check] = Pattern(pattern)
    return check


ulid: Final = _pattern(_ULID, "a ULID (26 characters)")
epoch: Final = _pattern(_HEX_128, "128 bits as 32 lower-case hexadecimal digits")
public_key: Final = _pattern(_HEX_KEY, "32 bytes as 64 lower-case hexadecimal digits")
digest: Final = _pattern(_HEX_KEY, "a SHA-256 as 64 lower-case hexadecimal digits")
sealed_key: Final = _pattern(_HEX_SEALED, "80 bytes as 160 lower-case hexadecimal digits")
label: Final = _pattern(LABEL, "a label of 1 to 32 letters, digits, _ and -, a letter first")
currency: Final = _pattern(_CURRENCY, "a currency of three capital letters (ISO 4217)")
listed: Final = _pattern(
    LISTED, "1 to 24 of a-z 0-9 _ -, a letter first, at most 6 digits together"
)
release: Final = _pattern(_RELEASE, "a version such as 1.2.3")


INTEGER_MAX: Final = 2**53 - 1


def integer(low: int, high: int = INTEGER_MAX) -> Check:
    """Return a check for a whole number within bounds. JSON's numbers are exact to 2^53."""

    def check(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _refuse(f"a whole number from {low} to {high}", value)

    _FORMS[check] = Whole(low, high)
    return check


SECONDS_BELOW: Final = 1e12

# Versions are the moments at which they were made, in milliseconds since 1970: a hub that was
# restored goes on above those that it gave out and forgot. No telephone number lies in between.
VERSION_MAX: Final = 7_258_118_399_999
version: Final = integer(1_600_000_000_000, VERSION_MAX)


_SEALED: Final = re.compile(r"[A-Za-z0-9+/]{64,6000}={0,2}")
"""Base64 of what HPKE sealed: what is in it only the receiver can tell."""
sealed: Final = _pattern(_SEALED, "64 to 6,000 characters of base64")

_SITE: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # as `topics.ID_PATTERN`
_SHOP_ID: Final = re.compile(_SITE)
place: Final = _pattern(re.compile(f"{_SITE}/{_SITE}"), "a box as STORE/BOX")
# In base64 what begins with 0x30 0x82, as every certificate of 256 bytes and more does.
_CERTIFICATE: Final = re.compile(r"MI[IJ][A-Za-z0-9+/]{300,2796}={0,2}")
_SIGNATURE: Final = re.compile(
    r"M[EG][A-Za-z0-9+/]{86,142}={0,2}"  # ECDSA with P-256 or P-384: a short DER sequence
    r"|[A-Za-z0-9+/]{342}=="  # RSA with 2,048 bits
    r"|[A-Za-z0-9+/]{512}"  # and with 3,072: less than the 512 bytes of a face
)
signature: Final = _pattern(_SIGNATURE, "a signature of ECDSA or RSA in base64")
CERTIFICATES_MAX: Final = 3


def certificates(value: Any) -> tuple[str, ...]:
    """Check 1 to 3 certificates, DER in base64."""
    few = isinstance(value, list | tuple) and 1 <= len(value) <= CERTIFICATES_MAX
    if few and all(isinstance(one, str) and _CERTIFICATE.fullmatch(one) for one in value):
        return tuple(value)
    raise _refuse(f"1 to {CERTIFICATES_MAX} certificates in base64", value)


def is_shop_id(text: str) -> bool:
    """Say whether a shop can have this id."""
    return _SHOP_ID.fullmatch(text) is not None


def shop_ids(most: int) -> Check:
    """Return a check for a list of at most so many shops' ids."""

    def check(value: Any) -> tuple[str, ...]:
        few = isinstance(value, list | tuple) and len(value) <= most
        if few and all(isinstance(one, str) and _SHOP_ID.fullmatch(one) for one in value):
            return tuple(value)
        raise _refuse(f"a list of at most {most} shops' ids", value)

    return check


def seconds(value: Any) -> float:
    """Check a monotonic reading: a finite number of seconds, 0 or more."""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value < SECONDS_BELOW  # NaN and infinity fail this comparison too
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

    _FORMS[check] = Words(allowed)
    return check


def optional(inner: Check) -> Check:
    """Return a check that lets null pass as well."""

    def check(value: Any) -> Any:
        return None if value is None else inner(value)

    if (known := _FORMS.get(inner)) and not isinstance(known, Nullable):
        _FORMS[check] = Nullable(known)
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


_FORMS[seconds] = Plain(float)
_FORMS[boolean] = Plain(bool)
_FORMS[instant] = Plain(datetime)
