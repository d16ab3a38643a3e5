"""The sections of `hub.toml`: which keys there are, and what each may be. Called by `config`.

`[oidc]` and `[digest]` have modules of their own beside it.
"""

import re
from dataclasses import field
from typing import Annotated, Final

from pydantic import AfterValidator, StrictBool, StrictInt
from pydantic.dataclasses import dataclass

from cloud.config_checks import BROKER, LISTEN
from cloud.config_digest import DigestSettings
from cloud.config_oidc import OidcSettings
from cloud.figures.suppress import LEAST
from cloud.urls import check_broker_url, check_database_url, check_hub_url
from menkou.listen import parse_listen
from menkou.logs import LogFormat
from menkou.settings import STRICT


def _check_listen(text: str) -> str:
    parse_listen(text)
    return text


_KEPT_DAYS: Final = range(31, 3_661)  # a box sends again what is 30 days old; ten years


def _check_days(text: str) -> str:
    days = re.fullmatch(r"(\d{1,4})d", text, re.ASCII)
    if days is None or int(days[1]) not in _KEPT_DAYS:
        raise ValueError(f"expected days from 31d to 3660d, such as 400d, got {text!r}")
    return text


_LEAST: Final = range(5, 1_001)  # fewer would hide next to nothing


def _check_least(number: int) -> int:
    if number not in _LEAST:
        raise ValueError(f"expected a number of people from 5 to 1000, got {number}")
    return number


def _check_share(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError(f"expected 1 to 64 of A-Z a-z 0-9 _ -, got {text!r}")
    return text


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HubSettings:
    """`[hub]`: the pages, the database and where files are kept."""

    listen: Annotated[str, AfterValidator(_check_listen)] = LISTEN
    data_dir: str = "/var/lib/menkou-hub"
    database_url: Annotated[str, AfterValidator(check_database_url)] | None = field(
        default=None, repr=False
    )
    cert: str | None = None
    key: str | None = None
    url: Annotated[str, AfterValidator(check_hub_url)] | None = None
    password: str | None = field(default=None, repr=False)
    keep_events: Annotated[str, AfterValidator(_check_days)] = "400d"
    suppress_below: Annotated[StrictInt, AfterValidator(_check_least)] = LEAST
    holidays: str | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BrokerSettings:
    """`[broker]`: an existing one, or the embedded one on loopback."""

    url: Annotated[str, AfterValidator(check_broker_url)] = field(default=BROKER, repr=False)
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    embedded: StrictBool = False
    share: Annotated[str, AfterValidator(_check_share)] | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MetricsSettings:
    """`[metrics]`: where Prometheus reads `serve`, and each `ingest`; off by default."""

    listen: Annotated[str, AfterValidator(_check_listen)] | None = None
    ingest_listen: Annotated[str, AfterValidator(_check_listen)] | None = None
    cert: str | None = None
    key: str | None = None
    token: str | None = field(default=None, repr=False)
    per_box: StrictBool = True


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LogSettings:
    """`[log]`: how the hub logs."""

    format: LogFormat | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Settings:
    """The whole of `hub.toml`, as it is written."""

    hub: HubSettings = field(default_factory=HubSettings)
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    log: LogSettings = field(default_factory=LogSettings)
    oidc: OidcSettings | None = None
    digest: DigestSettings | None = None
