"""Checks of single settings, each with a message of its own: expected what, got what.

Used by `config`, which declares where each one applies.
"""

import re
from datetime import date, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from edge.wire.checks import LABEL
from edge.wire.topics import ID_PATTERN
from menkou.listen import parse_listen

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_DURATION: Final = re.compile(r"(\d+)\s*(s|min|h|d)")
_SIZE: Final = re.compile(r"(\d+)\s*(MB|GB)")
_INTERFACE: Final = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9_.-]{1,15}")
"""IFNAMSIZ is 16, a zero included; `.` and `..` are names of the kernel's own."""
_UNIT_BYTES: Final = {"MB": 10**6, "GB": 10**9}
_SIZE_LEAST: Final = 64 * 10**6
_UNIT_S: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def own(check: Any) -> WrapValidator:
    """Replace pydantic's check by one of ours that says expected and got in our words."""

    def wrapped(value: Any, _: ValidatorFunctionWrapHandler) -> Any:
        return check(value)

    return WrapValidator(wrapped)


def text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected {what}, got {value!r}")
    return value


def identifier(value: Any) -> str:
    if isinstance(value, str) and ID_PATTERN.fullmatch(value):
        return value
    raise ValueError(f"expected 1 to 64 of A-Z a-z 0-9 _ . - such as nj-001, got {value!r}")


def camera_name(value: Any) -> str:
    if isinstance(value, str) and LABEL.fullmatch(value):
        return value
    raise ValueError(f"expected 1 to 32 letters, digits, _ or -, a letter first, got {value!r}")


def interface(value: Any) -> str:
    if isinstance(value, str) and _INTERFACE.fullmatch(value):
        return value
    raise ValueError(f"expected 1 to 15 of A-Z a-z 0-9 _ . - such as mon0, got {value!r}")


def shop_name(value: Any) -> str:
    if isinstance(value, str) and 1 <= len(value) <= 80 and value.isprintable():
        return value
    raise ValueError(f"expected 1 to 80 printable characters, got {value!r}")


def zone(value: Any) -> str:
    try:
        ZoneInfo(text(value, "an IANA time zone such as Asia/Shanghai"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"expected an IANA time zone such as Asia/Shanghai, got {value!r}"
        ) from None
    return str(value)


def point(value: Any) -> tuple[float, float]:
    match value:
        case [int() | float() as x, int() | float() as y] if 0 <= x <= 1 and 0 <= y <= 1:
            return float(x), float(y)
    raise ValueError(f"expected a point [x, y] of fractions from 0 to 1, got {value!r}")


def line(value: Any) -> tuple[tuple[float, float], ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"expected two points [[x, y], [x, y]], got {value!r}")
    ends = tuple(point(item) for item in value)
    if ends[0] == ends[1]:
        raise ValueError(f"expected two different points, got {value!r}")
    return ends


def polygon(value: Any) -> tuple[tuple[float, float], ...]:
    if value in ([], ()):
        return ()
    if not isinstance(value, list) or len(value) < 3:
        raise ValueError(f"expected 3 or more points [[x, y], ...] or [], got {value!r}")
    return tuple(point(item) for item in value)


def duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        length = int(match[1]) * _UNIT_S[match[2]]
        if 1 <= length <= 30 * 86400:
            return timedelta(seconds=length)
    raise ValueError(f"expected a duration such as 90s, 10min, 3h (30d at most), got {value!r}")


def size(value: Any) -> int:
    """A size of a store in bytes."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        count = int(match[1]) * _UNIT_BYTES[match[2]]
        if count >= _SIZE_LEAST:
            return count
    raise ValueError(f"expected a size such as 500MB or 2GB (64MB at least), got {value!r}")


def rate(value: Any) -> float:
    """A rate of false positives, in which 0.001 is about the least that was measured."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.001 <= value <= 0.1:
        return float(value)
    raise ValueError(f"expected a rate from 0.001 to 0.1, such as 0.01 for 1 %, got {value!r}")


def clock_pair(value: Any) -> tuple[time, time] | None:
    if value is None:
        return None
    try:
        opens, closes = (time.fromisoformat(part) for part in value)
        if opens != closes and opens.tzinfo is None and closes.tzinfo is None:
            return opens, closes
    except (TypeError, ValueError, AttributeError):
        pass  # one message for every way of being wrong, below
    raise ValueError(f'expected ["HH:MM", "HH:MM"] such as ["09:30", "22:00"], got {value!r}')


def secret_reference(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.startswith("file:")):
        return value
    raise ValueError("expected a file: reference such as file:/etc/menkou/box.key")


def host_port(value: Any) -> str:
    parse_listen(text(value, "HOST:PORT such as 127.0.0.1:8780"))
    return str(value)


def broker_url(value: Any) -> str:
    parts = urlsplit(text(value, "mqtts://HOST:PORT"))
    try:
        sound = parts.scheme in ("mqtt", "mqtts") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ValueError("expected mqtts://HOST:PORT (mqtt:// on this machine only)")
    if parts.password is not None:
        raise ValueError("expected no password in the address; use a client certificate")
    if parts.scheme == "mqtt" and parts.hostname not in _LOOPBACK:
        raise ValueError(
            f"expected mqtts:// for a broker on another machine, got mqtt://{parts.hostname}"
        )
    return str(value)


_SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "rtmp")
_CREDENTIAL: Final = re.compile(r"(?i)@|(pass|pwd|user|token|secret|key|auth)[a-z]*=")


def source(value: Any) -> str:
    """A device number, a URL or a file. A password must be behind a `file:` reference."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValueError("expected an RTSP address, a device number or a file")
    if "://" in value and not value.startswith("file:"):
        if _CREDENTIAL.search(value):
            raise ValueError(
                "expected no user or password in the address; put the whole address into a"
                " file that only root and the service can read, and write file:/etc/menkou/door.url"
            )
        check_url(value)
    return value


def is_device(place: str) -> bool:
    """Say whether a source is a device number such as 0, which is /dev/video0."""
    return place.isascii() and place.isdecimal()


def is_file(place: str) -> bool:
    """Say whether a source is a file: neither an address nor a device."""
    return "://" not in place and not is_device(place)


def check_url(url: str) -> None:
    """Check that an address has a scheme and a host. Never repeats it: it may hold a password.

    Raises:
        ValueError: it has not.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "#" in url:
        raise ValueError(
            f"expected an address such as rtsp://HOST/PATH ({', '.join(_SCHEMES)}), got one that"
            " cannot be read; write / ? # @ : in a password as %2F %3F %23 %40 %3A"
        )


_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def local_name(value: Any) -> str:
    """A label under `.local`, with room for a number behind it (RFC 1035: 63 characters)."""
    if value == "" or (isinstance(value, str) and _LABEL.fullmatch(value)):
        return str(value)
    raise ValueError(
        'expected up to 32 characters of a-z, 0-9 and -, such as "menkou" for menkou.local, or ""'
        f" for none, got {value!r}"
    )


Words = Annotated[str, Field(min_length=1)]
Flag = Annotated[bool, Field(strict=True)]
Day = Annotated[date, Field(strict=True)]
GallerySize = Annotated[int, Field(ge=100, le=1_000_000, strict=True)]
WifiChannel = Annotated[int, Field(ge=1, le=233, strict=True)]
Signal = Annotated[int, Field(ge=-100, le=-10, strict=True)]
Interface = Annotated[str, own(interface)]
Points = tuple[tuple[float, float], ...]
Identifier = Annotated[str, own(identifier)]
LocalName = Annotated[str, own(local_name)]
CameraName = Annotated[str, own(camera_name)]
ShopName = Annotated[str, own(shop_name)]
Zone = Annotated[str, own(zone)]
Source = Annotated[str, own(source)]
LinePoints = Annotated[Points | None, own(line)]
Area = Annotated[Points, own(polygon)]
Duration = Annotated[timedelta, own(duration)]
Size = Annotated[int, own(size)]
Rate = Annotated[float, own(rate)]
Hours = Annotated[tuple[time, time] | None, own(clock_pair)]
Secret = Annotated[str | None, own(secret_reference)]
HostPort = Annotated[str, own(host_port)]
BrokerUrl = Annotated[str, own(broker_url)]
