"""The box's settings: one TOML file to frozen records, all faults at once.

Read by `edge.app` and `edge.cli`; the parts get values, never this.

    config ──> config_checks ──> config_outlets ──> config_sections ──> config_values
"""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from edge.config_checks import cross_checks
from edge.config_desk import ChannelSection, ServiceSection
from edge.config_outbound import OutboundSection, QueueSection
from edge.config_outlets import LogSection, MetricsSection, ShopLocalSection
from edge.config_sections import (
    BoxSection,
    CameraSection,
    ConsoleSection,
    DeclarationSection,
    DedupSection,
    FacesSection,
    HoursSection,
    KeyKind,
    Mode,
    PrivacySection,
    StoreSection,
    UplinkSection,
    WifiSection,
)
from edge.config_till import TillSection
from edge.core.hours import OpeningHours
from edge.core.sources import USUAL, Channel
from menkou.guards import certificate_faults
from menkou.settings import STRICT, Fault, SettingsFault, build, fault_at, read_toml

TPM_DEVICE: Final = Path("/dev/tpmrm0")
"""The kernel's resource manager of a TPM 2, which the TPM tools use."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EdgeConfig:
    """Everything in edge.toml."""

    store: StoreSection
    box: BoxSection
    privacy: PrivacySection = field(default_factory=PrivacySection)
    declaration: DeclarationSection | None = None
    hours: HoursSection | None = None
    camera: tuple[CameraSection, ...] = ()
    dedup: DedupSection = field(default_factory=DedupSection)
    faces: FacesSection = field(default_factory=FacesSection)
    wifi: WifiSection = field(default_factory=WifiSection)
    uplink: UplinkSection | None = None
    console: ConsoleSection = field(default_factory=ConsoleSection)
    metrics: MetricsSection = field(default_factory=MetricsSection)
    log: LogSection = field(default_factory=LogSection)
    shop_local: ShopLocalSection | None = None
    outbound: tuple[OutboundSection, ...] = ()
    queue: QueueSection = field(default_factory=QueueSection)
    till: TillSection = field(default_factory=TillSection)
    channel: tuple[ChannelSection, ...] = ()
    service: ServiceSection = field(default_factory=ServiceSection)
    base: Annotated[Path, Field(exclude=True)] = Path()
    # Not of the file: what head office allows at most (`edge.desired`).
    mode_at_most: Annotated[Mode | None, Field(exclude=True)] = None
    # Not of the file either: the list of channels is head office's.
    channels_fixed: Annotated[bool, Field(exclude=True)] = False

    @property
    def opening_hours(self) -> OpeningHours:
        """The shop's hours; without a section the shop never closes."""
        by_weekday = self.hours.by_weekday if self.hours else None
        return OpeningHours(zone=self.store.zone, by_weekday=by_weekday)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Where guests may come from, as far as the settings say it."""
        return tuple(section.channel for section in self.channel) or USUAL

    @property
    def data_dir(self) -> Path:
        """The data directory; a relative one is taken from the settings file's place."""
        return self.base / self.box.data_dir

    @property
    def keys_dir(self) -> Path:
        """Where the box's keys are kept."""
        return self.data_dir / "keys"

    @property
    def key_kind(self) -> KeyKind:
        """Where the box's keys live: as set, as they were made, or as the machine allows."""
        if self.privacy.key is not None:
            return self.privacy.key
        if (self.keys_dir / "profile.key").exists():
            return "file"
        return "tpm" if TPM_DEVICE.exists() else "file"


def load(path: Path, *, files: bool = False) -> EdgeConfig:
    """Read and check the box's settings.

    Args:
        path: the file.
        files: whether certificates have to be there: a running box needs them, a replay does not.

    Raises:
        SettingsFault: with every fault that was found, each with its line.
    """
    raw, lines = read_toml(path)
    base = path.resolve().parent
    crossed = [
        fault_at(path.name, key, text, lines) for key, text in cross_checks(raw, base, files=files)
    ]
    for name in {"base", "mode_at_most", "channels_fixed"} & raw.keys():
        crossed.append(fault_at(path.name, (name,), "unknown key", lines))
    try:
        config = build(EdgeConfig, {**raw, "base": base}, path.name, lines)
    except SettingsFault as exc:
        raise SettingsFault(sorted([*exc.faults, *crossed], key=_place)) from None
    if crossed:
        raise SettingsFault(sorted(crossed, key=_place))
    return config


def _place(fault: Fault) -> tuple[int, str]:
    return fault.line, fault.key


def unusable_files(config: EdgeConfig, path: Path) -> list[Fault]:
    """Return the faults of certificates that are there; a box counts all the same."""
    _, lines = read_toml(path)
    sections: dict[
        str,
        UplinkSection | ConsoleSection | MetricsSection | ShopLocalSection | TillSection | None,
    ]
    sections = {
        "uplink": config.uplink,
        "console": config.console,
        "metrics": config.metrics,
        "shop_local": config.shop_local,
        "till": config.till,
    }
    return [
        fault_at(path.name, (name, key), text, lines)
        for name, section in sections.items()
        if section is not None
        for key, text in certificate_faults(section.files, config.base)
    ]
