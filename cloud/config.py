"""The hub's settings: `hub.toml` and the environment, into one frozen record.

Every key can also be set by the environment (`MENKOU_DATABASE_URL`), which wins. All faults are
reported at once, each with its line or its variable. Called by `cli`; the keys stand in
`config_sections`.

    [hub]                                [broker]
    listen = "127.0.0.1:8700"            url = "mqtts://mqtt.example.com:8883"
    data_dir = "/var/lib/menkou-hub"     ca = "ca.pem"
    database_url = "postgresql+..."      cert = "hub.pem"
    cert = "page.pem"                    key = "hub.key"
    key = "page.key"                     embedded = false
    password = "file:hub.password"       share = "menkou"
    keep_events = "400d"
    suppress_below = 10
    url = "https://hub.example.com"      [metrics]
    holidays = "holidays.toml"           listen = "127.0.0.1:9464"
    [log]                                ingest_listen = "127.0.0.1:9465"
    format = "json"
                                         [oidc] (`config_oidc`)
                                         [digest] (`config_digest`)
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

from pydantic.dataclasses import dataclass

from cloud.config_checks import cross_checks
from cloud.config_digest import KEYS as DIGEST_KEYS
from cloud.config_digest import DigestConfig, resolve_digest
from cloud.config_oidc import KEYS as OIDC_KEYS
from cloud.config_oidc import OidcConfig, resolve_oidc
from cloud.config_sections import Settings
from cloud.expect.calendar import CHINA
from cloud.mqtt import BrokerAddress
from cloud.urls import broker_parts
from menkou.guards import certificate_faults as unusable
from menkou.guards import listen_for_metrics, read_password_hash
from menkou.listen import Listen, parse_listen
from menkou.logs import VARIABLE, LogFormat
from menkou.settings import STRICT, Fault, SettingsFault, build, read_toml

# What may hold a password is shown neither by repr nor in a fault.
_SECRET_KEYS: Final = frozenset(
    {
        "hub.database_url",
        "hub.password",
        "broker.url",
        "metrics.token",
        "oidc.client_secret",
        "digest.password",
    }
)
_FLAGS: Final = frozenset({"broker.embedded", "metrics.per_box"})
_NUMBERS: Final = frozenset({"hub.suppress_below"})
_WORDS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """Where metrics are served, None for nowhere; and whether each box has series of its own."""

    listen: Listen | None = None
    ingest_listen: Listen | None = None
    per_box: bool = True


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HubConfig:
    """The hub's settings, ready for use: paths are resolved, the password's hash is read.

    `file` is where they were read, None for none.
    """

    listen: Listen = field(repr=False)
    data_dir: Path
    database_url: str = field(repr=False)
    broker: BrokerAddress
    embedded: bool
    share: str | None
    keep_events: timedelta
    suppress_below: int
    metrics: MetricsConfig
    log_format: LogFormat | None
    oidc: OidcConfig | None = None
    digest: DigestConfig | None = None
    holidays: Path = CHINA
    file: Path | None = None

    @property
    def migrate_command(self) -> str:
        """What to run where the database is not made yet, or not up to date."""
        return "menkou-hub migrate" + (f" --config {self.file}" if self.file else "")

    @property
    def session_secret(self) -> Path:
        """The file that holds the key of the pages' sessions."""
        return self.data_dir / "session.secret"

    @property
    def accounts_secret(self) -> Path:
        """The file that holds the key under which accounts' second factors are sealed."""
        return self.data_dir / "accounts.secret"

    @property
    def office_keys(self) -> Path:
        """The file with the two keys of head office's members, for the API (`member open-api`)."""
        return self.data_dir / "office.keys"

    @property
    def share_secret(self) -> Path:
        """The file that holds the secret from which every box's share of its keys is derived."""
        return self.data_dir / "share.secret"


_VARIABLES: Final = {
    **{
        f"hub.{name}": f"MENKOU_{name.upper()}"
        for name in (
            *("listen", "data_dir", "database_url", "cert", "key", "password", "keep_events"),
            *("url", "suppress_below", "holidays"),
        )
    },
    **{
        f"broker.{name}": f"MENKOU_BROKER_{name.upper()}"
        for name in ("url", "ca", "cert", "key", "embedded", "share")
    },
    **{
        f"metrics.{name}": f"MENKOU_METRICS_{name.upper()}"
        for name in ("listen", "ingest_listen", "cert", "key", "token", "per_box")
    },
    **{f"oidc.{name}": f"MENKOU_OIDC_{name.upper()}" for name in OIDC_KEYS},
    **{f"digest.{name}": f"MENKOU_DIGEST_{name.upper()}" for name in DIGEST_KEYS},
    "log.format": VARIABLE,
}


class _Places:
    """Says where a key was set: in the file by line, or by which variable."""

    def __init__(self, file: str, lines: Mapping[tuple[str | int, ...], int]) -> None:
        self.file = file
        self.lines = lines
        self.variables: dict[str, str] = {}

    def fault(self, key: str, text: str) -> Fault:
        """Return a fault of a key; what may be secret is cut from its text."""
        if key in _SECRET_KEYS:
            text = text.split(", got ")[0]
        if variable := self.variables.get(key):
            return Fault(file="environment", line=0, key=variable, text=text)
        path = tuple(key.split("."))
        line = self.lines.get(path) or self.lines.get(path[:1]) or 0
        return Fault(file=self.file, line=line, key=key, text=text)


def load(path: Path | None, environ: Mapping[str, str]) -> HubConfig:
    """Read the settings.

    Args:
        path: the file, or None for the defaults.
        environ: the environment; its `MENKOU_...` variables win over the file.

    Raises:
        SettingsFault: with every fault of file and environment. Never shows a secret.
    """
    raw, lines = read_toml(path) if path is not None else ({}, {})
    places = _Places(path.name if path is not None else "defaults", lines)
    faults: list[Fault] = []
    merged = {name: dict(v) if isinstance(v, dict) else v for name, v in raw.items()}
    for key, variable in _VARIABLES.items():
        if variable in environ:
            places.variables[key] = variable
            _set(merged, key, environ[variable], places, faults)
    base = path.parent if path is not None else Path()
    faults += [places.fault(key, text) for key, text in cross_checks(merged, base)]
    try:
        settings = build(Settings, merged, places.file, lines)
    except SettingsFault as exc:
        faults += [places.fault(fault.key, fault.text) for fault in exc.faults]
    if faults:
        raise SettingsFault(sorted(faults, key=lambda one: (one.line, one.key)))
    return _resolve(settings, base, path)


def certificate_faults(config: HubConfig, path: Path | None) -> list[Fault]:
    """Return the faults of certificates that are there but cannot be used."""
    _, lines = read_toml(path) if path is not None else ({}, {})
    places = _Places(path.name if path is not None else "environment", lines)
    listens = (config.listen, config.metrics.listen, config.metrics.ingest_listen)
    page, metrics = listens[0], listens[1] or listens[2]
    files: dict[str, Mapping[str, Path | None]] = {
        "hub": {"cert": page.cert, "key": page.key},
        "broker": {name: getattr(config.broker, name) for name in ("ca", "cert", "key")},
        "metrics": {"cert": metrics.cert, "key": metrics.key} if metrics else {},
    }
    return [
        places.fault(f"{section}.{name}", text)
        for section, named in files.items()
        for name, text in unusable(named, Path())
    ]


def _set(
    merged: dict[str, Any], key: str, value: str, places: _Places, faults: list[Fault]
) -> None:
    section, name = key.split(".")
    table = merged.setdefault(section, {})
    if not isinstance(table, dict):
        return  # a fault of its own
    table[name] = value
    if key in _NUMBERS and value.isdecimal():
        table[name] = int(value)
    if key in _FLAGS:
        table[name] = _WORDS.get(value.lower(), False)
        if value.lower() not in _WORDS:
            faults.append(places.fault(key, f"expected true or false, got {value!r}"))


def _resolve(settings: Settings, base: Path, file: Path | None) -> HubConfig:
    hub, broker, metrics = settings.hub, settings.broker, settings.metrics
    host, port = parse_listen(hub.listen)
    data_dir = (base / hub.data_dir).absolute()

    def path(name: str | None) -> Path | None:
        return None if name is None else base / name

    def metrics_at(name: Literal["listen", "ingest_listen"]) -> Listen | None:
        if (place := getattr(metrics, name)) is None:
            return None
        return listen_for_metrics(
            place,
            cert=path(metrics.cert),
            key=path(metrics.key),
            token=metrics.token,
            base=base,
            setting=f"[metrics] {name}",
        )

    return HubConfig(
        listen=Listen(
            host=host,
            port=port,
            cert=path(hub.cert),
            key=path(hub.key),
            password_hash=read_password_hash(hub.password, base),
            accounts=True,
            public_url=hub.url,
            setting="[hub] listen",
        ),
        data_dir=data_dir,
        database_url=hub.database_url or f"sqlite:///{data_dir / 'hub.db'}",
        broker=BrokerAddress(
            **broker_parts(broker.url),
            ca=path(broker.ca),
            cert=path(broker.cert),
            key=path(broker.key),
        ),
        embedded=broker.embedded,
        share=broker.share,
        keep_events=timedelta(days=int(hub.keep_events.removesuffix("d"))),
        suppress_below=hub.suppress_below,
        metrics=MetricsConfig(
            listen=metrics_at("listen"),
            ingest_listen=metrics_at("ingest_listen"),
            per_box=metrics.per_box,
        ),
        log_format=settings.log.format,
        oidc=resolve_oidc(settings.oidc, base),
        digest=resolve_digest(settings.digest, base),
        holidays=path(hub.holidays) or CHINA,
        file=file,
    )
