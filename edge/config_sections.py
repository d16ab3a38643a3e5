"""The sections of edge.toml as frozen records, one a section (DESIGN section 4).

Joined by `config`; `config_values` says what each value may hold.
"""

from collections.abc import Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic.dataclasses import dataclass

from edge.config_values import (
    Area,
    BrokerUrl,
    CameraName,
    Day,
    Duration,
    Flag,
    GallerySize,
    HostPort,
    Hours,
    Identifier,
    Interface,
    LinePoints,
    LocalName,
    Rate,
    Secret,
    ShopName,
    Signal,
    Size,
    Source,
    WifiChannel,
    Words,
    Zone,
    check_url,
    is_file,
    own,
)
from edge.core.geometry import Line, Polygon
from edge.core.visit import Window
from menkou.listen import Listen, parse_listen
from menkou.settings import STRICT, read_secret

Mode = Literal["count", "checkin", "entrance"]
_TOLD_CHARS: Final = 80
"""So much of a name goes to head office."""
KeyKind = Literal["tpm", "hub", "file"]
Inside = Literal["above", "below", "left", "right"]
DetectorChoice = Literal["auto", "hog", "yunet-s", "yunet-n"]
T = TypeVar("T")


def file_of(reference: str | None) -> Path | None:
    """Return the path in a `file:` reference."""
    return Path(reference.removeprefix("file:")) if reference else None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StoreSection:
    """The shop: its id on the wire, its name for people, its time zone."""

    id: Identifier
    name: ShopName
    timezone: Zone

    @property
    def zone(self) -> ZoneInfo:
        """The shop's zone."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BoxSection:
    """This box and where it keeps its data.

    `clock`: whom to believe that the wall time is right: the `kernel`, which a time daemon tells,
    or the `host` of a virtual machine or container, which keeps the time for it. None: the host in
    a virtual machine, else the kernel. `store_limit`: what its database may take, in bytes.
    """

    id: Identifier
    data_dir: Path
    clock: Literal["kernel", "host"] | None = None
    store_limit: Size = 2 * 10**9


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PrivacySection:
    """The mode that is asked for; `edge.modes` says which one runs.

    `key` None: in the TPM if the machine has one, else in a file (`EdgeConfig.key_kind`).
    """

    mode: Mode = "count"
    key: KeyKind | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DeclarationSection:
    """What `checkin` and `entrance` need before a face may be read (DESIGN section 2)."""

    jurisdiction: Words
    controller: Words
    contact: Words
    assessment: Words
    signage_attested_by: Words
    signage_attested_on: Day
    expires: Day
    accept_file_key: Flag = False
    basis_everybody: str = ""

    @property
    def answering(self) -> str | None:
        """Who answers for faces, as one line that head office is told; None: it says nothing."""
        line = " ".join(self.controller.split())
        return "".join(letter for letter in line if letter.isprintable())[:_TOLD_CHARS] or None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HoursSection:
    """Opening hours by weekday, in the shop's zone; a day without an entry is closed."""

    mon: Hours = None
    tue: Hours = None
    wed: Hours = None
    thu: Hours = None
    fri: Hours = None
    sat: Hours = None
    sun: Hours = None

    @property
    def by_weekday(self) -> Mapping[int, tuple[time, time]]:
        """Monday is 0."""
        days = (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)
        return {day: hours for day, hours in enumerate(days) if hours is not None}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CameraSection:
    """One camera. `loop` plays a file over and over, for a demonstration.

    `mirrored`: its picture is as in a mirror, so at check-in left and right are swapped.
    """

    name: CameraName
    source: Source
    role: Literal["entrance", "checkin", "floor"] = "entrance"
    line: LinePoints = None
    inside: Inside | None = None
    zone: Area = ()
    staff_zone: Area = ()
    loop: Flag = False
    mirrored: Flag = False

    def address(self, base: Path) -> str:
        """Return the true source: a `file:` reference is read, a relative file is placed.

        Raises:
            ValueError: the reference cannot be read.
        """
        place = self.source
        if place.startswith("file:"):
            place = read_secret(place, base)
            if "://" in place:
                check_url(place)
        return str(base / place) if is_file(place) else place

    @property
    def counting_line(self) -> Line | None:
        """The line for the counter; None: the border counts."""
        if self.line is None or self.inside is None:
            return None
        return Line(start=self.line[0], end=self.line[1], inside=self.inside)

    @property
    def face_zone(self) -> Polygon | None:
        """Where faces may be read, if a zone is set."""
        return Polygon(corners=self.zone) if self.zone else None

    @property
    def staff_polygon(self) -> Polygon | None:
        """The zone in which staff appear, if one is set."""
        return Polygon(corners=self.staff_zone) if self.staff_zone else None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DedupSection:
    """How long and for whom a return is no new visitor."""

    window: Duration = timedelta(hours=3)
    since: Literal["last_seen", "first_seen"] = "last_seen"
    who: Literal["members", "everybody"] = "members"

    @property
    def span(self) -> Window:
        """The window for the shop's book."""
        return Window(length=self.window, since=self.since)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FacesSection:
    """How faces are found and recognised, where the mode reads any.

    `detector` `auto`: YuNet-s once `menkou-edge models fetch` has brought it, else dlib's HOG.
    `precision` of the embedder: `auto` takes int8 where the processor is faster in it. `fpir`: the
    part of strangers that may be taken for a member. `gallery`: how many members are searched by
    face; of more, those of this shop and those who were here last. `presentation`: whether a
    check-in camera names only who was seen to be no picture.
    """

    detector: DetectorChoice = "auto"
    precision: Literal["auto", "fp32", "int8"] = "auto"
    fpir: Rate = 0.01
    gallery: GallerySize = 20_000
    presentation: Literal["refuse", "off"] = "refuse"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WifiSection:
    """Probe requests; off by default.

    `interface` is in monitor mode; the radio goes round `channels`, or stays where it was put if
    there are none. A device whose strongest frame reaches `near_dbm` is near, else `far_dbm` far.
    """

    enabled: Flag = False
    interface: Interface = "mon0"
    channels: tuple[WifiChannel, ...] = (1, 6, 11)
    near_dbm: Signal = -65
    far_dbm: Signal = -80


@dataclass(frozen=True, kw_only=True, config=STRICT)
class UplinkSection:
    """The broker that leads to the hub, and the box's certificate for it."""

    broker: BrokerUrl
    ca: Path | None = None
    cert: Path | None = None
    key: Secret = None

    @property
    def files(self) -> Mapping[str, Path | None]:
        """The certificates' files by setting."""
        return {"ca": self.ca, "cert": self.cert, "key": file_of(self.key)}


def _no_password(_value: object) -> None:
    raise ValueError(
        "expected no password: devices are paired now; take this line out, start the box, and run"
        " menkou-edge pair for the manager's device"
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConsoleSection:
    """Where the box's pages listen. Off loopback they need TLS, and let in paired devices only.

    `ca`: the authority that issued `cert`, if phones have to be told to trust it: the pages offer
    it. `local_name`: they are found as NAME.local in the shop's network; empty: as nothing.
    """

    listen: HostPort = "127.0.0.1:8780"
    cert: Path | None = None
    key: Secret = None
    ca: Path | None = None
    local_name: LocalName = "menkou"
    password: Annotated[None, own(_no_password)] = None  # of version 0.1; now a fault

    @property
    def files(self) -> Mapping[str, Path | None]:
        """The certificate's files by setting."""
        return {"ca": self.ca, "cert": self.cert, "key": file_of(self.key)}

    def listen_at(self, base: Path) -> Listen:
        """Return where the pages listen and what guards them; relative paths start at `base`."""
        host, port = parse_listen(self.listen)
        key = file_of(self.key)
        return Listen(
            host=host,
            port=port,
            cert=base / self.cert if self.cert else None,
            key=base / key if key else None,
            paired_only=True,
            setting="[console] listen",
        )
