"""The sections of edge.toml for what leaves the box beside the uplink: metrics, log, shop's broker.

Joined by `config`; `config_values` says what each value may hold.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic.dataclasses import dataclass

from edge.config_sections import file_of
from edge.config_values import BrokerUrl, HostPort, Secret, Words, own
from menkou.guards import listen_for_metrics, metrics_exposure
from menkou.listen import Listen
from menkou.logs import LogFormat
from menkou.settings import STRICT

_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


def _topic_prefix(value: Any) -> str:
    if isinstance(value, str) and _PREFIX.fullmatch(value):
        return value
    raise ValueError(f"expected A-Z a-z 0-9 _ - / such as homeassistant, got {value!r}")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MetricsSection:
    """Where Prometheus reads the box's figures; off by default."""

    listen: HostPort | None = None
    cert: Path | None = None
    key: Secret = None
    token: Secret = None

    @property
    def files(self) -> Mapping[str, Path | None]:
        """The files by setting."""
        return {"cert": self.cert, "key": file_of(self.key), "token": file_of(self.token)}

    def exposure(self) -> str | None:
        """Say why figures must not be served there, None if they may."""
        if self.listen is None:
            return None
        key = file_of(self.key)
        return metrics_exposure(self.listen, cert=self.cert, key=key, token=self.token)

    def listen_at(self, base: Path) -> Listen | None:
        """Return where figures are served and what guards them, None while they are not.

        Raises:
            ValueError: the token cannot be read, or is too short.
        """
        if self.listen is None:
            return None
        key = file_of(self.key)
        return listen_for_metrics(
            self.listen,
            cert=base / self.cert if self.cert else None,
            key=base / key if key else None,
            token=self.token,
            base=base,
        )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LogSection:
    """How the box logs; MENKOU_LOG wins over it."""

    format: LogFormat | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ShopLocalSection:
    """The shop's own broker, for Home Assistant, Node-RED and the like."""

    broker: BrokerUrl
    ca: Path | None = None
    cert: Path | None = None
    key: Secret = None
    username: Words | None = None
    password: Secret = None
    discovery: Annotated[str, own(_topic_prefix)] = "homeassistant"
    language: Literal["en", "zh"] = "en"

    @property
    def files(self) -> Mapping[str, Path | None]:
        """The files by setting."""
        return {
            "ca": self.ca,
            "cert": self.cert,
            "key": file_of(self.key),
            "password": file_of(self.password),
        }

    def faults(self) -> list[tuple[str, str]]:
        """Return (setting, fault) for a password without a name, or the other way round."""
        if (self.username is None) == (self.password is None):
            return []
        there, absent = ("username", "password")
        if self.username is None:
            there, absent = absent, there
        return [(there, f"expected {absent} beside it, got none")]
