"""The section `[digest]`: the morning's figures by e-mail. Called by `config`.

[digest]
smtp = "smtps://mail.example.com:465"     # or smtp://mail.example.com:587, with STARTTLS
user = "menkou@example.com"
password = "file:smtp.password"
from = "menkou@example.com"
at = "08:00"
zone = "Asia/Shanghai"
days = ["mon", "tue", "wed", "thu", "fri"]
language = "zh"
ca = "mail-ca.pem"                        # where the server's certificate is the company's own
[[digest.to]]
address = "board@example.com"             # every shop
[[digest.to]]
address = "east@example.com"
shops = ["nj-001", "nj-002"]              # these only
language = "en"
[[digest.to]]
address = "li@example.com"
account = "li@example.com"                # what this account sees, while it is active
"""

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from cloud.hours import zone_named
from cloud.urls import MailServer, mail_server
from menkou.guards import missing_files
from menkou.settings import STRICT, read_secret

KEYS: Final = ("smtp", "user", "password", "from", "at", "zone", "language", "ca")
"""The keys that the environment may set, too."""
Language = Literal["zh", "en"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII
)
_AT: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"expected an address such as board@example.com, got {text!r}")
    return text


def _at(text: str) -> str:
    if not _AT.fullmatch(text):
        raise ValueError(f"expected a time of day such as 08:00, got {text!r}")
    return text


def _zone(text: str) -> str:
    zone_named(text)
    return text


def _server(text: str) -> str:
    mail_server(text)
    return text


def _some(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("expected at least one, got none")
    return value


_Address = Annotated[str, AfterValidator(_address)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ToSettings:
    """`[[digest.to]]`: who gets it, and of which shops."""

    address: _Address
    account: str | None = None
    shops: tuple[str, ...] | None = None
    language: Language | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DigestSettings:
    """`[digest]`: the server, the sender, when, and to whom."""

    smtp: Annotated[str, AfterValidator(_server)]
    sender: _Address = Field(alias="from")
    to: Annotated[tuple[ToSettings, ...], AfterValidator(_some)]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    at: Annotated[str, AfterValidator(_at)] = "08:00"
    zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    days: Annotated[tuple[Weekday, ...], AfterValidator(_some)] = WEEKDAYS
    language: Language = "zh"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Recipient:
    """Who gets the digest. `shops`: of these only, None: of what `account` sees, or of all."""

    address: str
    account: str | None
    shops: frozenset[str] | None
    language: Language


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DigestConfig:
    """The digest, ready for use. `days` are weekdays, Monday is 0."""

    server: MailServer
    user: str | None
    password: str | None = field(repr=False)
    ca: Path | None
    sender: str
    to: tuple[Recipient, ...]
    at: time
    zone: ZoneInfo
    days: frozenset[int]


def digest_faults(raw: Mapping[str, Any], base: Path) -> list[tuple[str, str]]:
    """Return (key, fault) for what no single value of the section shows."""
    section = raw.get("digest")
    if not isinstance(section, dict):
        return []
    faults: list[tuple[str, str]] = []
    user, password, ca, to = (section.get(name) for name in ("user", "password", "ca", "to"))
    if isinstance(password, str):
        try:
            read_secret(password, base)
        except ValueError as exc:
            faults.append(("digest.password", str(exc)))
    if (user is None) != (password is None):
        key, other = ("password", "user") if user is None else ("user", "password")
        faults.append((f"digest.{key}", f"expected {other} beside it"))
    if isinstance(ca, str):
        faults += [(f"digest.{name}", t) for name, t in missing_files({"ca": Path(ca)}, base)]
    for number, one in enumerate(to if isinstance(to, list) else []):
        if isinstance(one, dict) and one.get("account") and one.get("shops") is not None:
            text = "expected either an account, whose shops these are, or shops; got both"
            faults.append((f"digest.to[{number}].shops", text))
        if isinstance(one, dict) and one.get("shops") == []:
            faults.append((f"digest.to[{number}].shops", "expected at least one shop, got none"))
    return faults


def resolve_digest(settings: DigestSettings | None, base: Path) -> DigestConfig | None:
    """Return the section with its secret read and its paths resolved."""
    if settings is None:
        return None
    return DigestConfig(
        server=mail_server(settings.smtp),
        user=settings.user,
        password=None if settings.password is None else read_secret(settings.password, base),
        ca=None if settings.ca is None else base / settings.ca,
        sender=settings.sender,
        to=tuple(
            Recipient(
                address=one.address,
                account=one.account,
                shops=None if one.shops is None else frozenset(one.shops),
                language=one.language or settings.language,
            )
            for one in settings.to
        ),
        at=time.fromisoformat(settings.at),
        zone=zone_named(settings.zone),
        days=frozenset(WEEKDAYS.index(day) for day in settings.days),
    )
