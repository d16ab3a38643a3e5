"""The shops of a simulated chain and their boxes, all drawn from a seed. Pure.

Shops are named `sim-0001`, `sim-0002`, ...: so they can be told from real ones, and be removed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal
from zlib import crc32
from zoneinfo import ZoneInfo

from cloud.hours import zone_named
from edge.wire.topics import BoxAddress

_DISK_MB: Final = 29_820  # a card of 32 GB
SIMULATED: Final = re.compile(r"sim-[0-9]{4,}")
"""What the ids of simulated shops look like."""
SHOPS: Final = 2_100
"""The chain that the hub is built for (FINDINGS)."""
VERSION: Final = "1.0.0"
"""The release that simulated boxes say they run."""
VISITS_A_SHOP: Final = 190_476
"""A year's visits of an average shop: 400 million for 2,100 (FINDINGS)."""

Fault = Literal["offline", "suspect", "camera"]

_SPREAD: Final = (
    0.6  # of the logarithm of the sizes: the largest of 2,100 has about 7 times the mean
)
_CITIES: Final = (
    *("上海", "北京", "广州", "深圳", "成都", "重庆", "杭州", "武汉", "西安", "南京", "苏州"),
    *("天津", "长沙", "郑州", "青岛", "宁波", "无锡", "合肥", "福州", "厦门", "济南", "昆明"),
    *("大连", "沈阳", "哈尔滨", "长春", "南昌", "贵阳", "太原", "南宁", "石家庄", "珠海"),
)
# Made up: two characters and a kind of place.
_FIRST: Final = "云锦和瑞金明星嘉永祥春江海天银玉宝福德文"
_SECOND: Final = "华泰源丰盛景林湖山悦汇港澜庭阳辉远达宁康"
_PLACES: Final = ("广场", "天地", "路", "大街", "里", "中心", "百货", "城")
_OPENS: Final = (570, 600, 600, 600, 630)  # minutes of the day
_CLOSES: Final = (1260, 1290, 1320, 1320, 1320)
_ENTRANCE_SHARE: Final = 0.3
_TWO_BOXES_SHARE: Final = 0.06
_WIFI_SHARE: Final = 0.25
_FAULTS: Final[tuple[tuple[Fault, float], ...]] = (
    ("offline", 0.012),
    ("suspect", 0.008),
    ("camera", 0.015),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One box. `share` of its shop's visitors come in at its doors; `fault`: what ails it.

    `wifi`: it listens to Wi-Fi.
    """

    store: str
    id: str
    share: float
    mode: Literal["count", "entrance"]
    basis: Literal["crossings", "distinct"]
    cameras: tuple[str, ...]
    fault: Fault | None
    wifi: bool = False

    @property
    def address(self) -> BoxAddress:
        """The box's address on the wire."""
        return BoxAddress(store=self.store, box=self.id)

    @property
    def controller(self) -> str | None:
        """Who answers for faces there: the chain, or of every eighth shop who runs it for it."""
        if self.mode != "entrance":
            return None
        return "示例加盟商贸有限公司" if crc32(self.store.encode()) % 8 == 0 else "示例珠宝有限公司"

    def states(self) -> list[tuple[str, str]]:
        """Return each camera with its state; where one ails, it is the last."""
        ailing = self.cameras[-1] if self.fault == "camera" else None
        return [(name, "lost" if name == ailing else "ok") for name in self.cameras]

    def board(self) -> dict[str, int]:
        """Return what its board tells in a heartbeat: some are warmer and fuller than others."""
        some = crc32(f"{self.store}/{self.id}".encode())
        return {
            "temperature_c": 45 + some % 20,
            "disk_mb": _DISK_MB,
            "disk_free_mb": _DISK_MB * (30 + some % 50) // 100,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """One shop. `opens` and `closes` are minutes of the local day, Monday first."""

    id: str
    name: str
    zone: ZoneInfo
    visits_a_day: float
    opens: tuple[int, ...]
    closes: tuple[int, ...]
    members: int
    staff: int
    boxes: tuple[Box, ...]


def make_chain(
    *, seed: int, shops: int, visits_a_year: float, zones: Sequence[str] = ("Asia/Shanghai",)
) -> tuple[Shop, ...]:
    """Return a chain.

    Args:
        seed: everything follows from it; a larger chain begins with the shops of a smaller one.
        shops: how many.
        visits_a_year: of all shops together; sizes are log-normal.
        zones: IANA names; the shops take them in turn.

    Raises:
        ValueError: this machine knows no zone of that name.
    """
    known = [zone_named(name) for name in zones]
    drawn = [Random(f"{seed}/shop/{number}") for number in range(1, shops + 1)]
    sizes = [random.lognormvariate(0, _SPREAD) for random in drawn]
    per_size = visits_a_year / 365 / sum(sizes)
    return tuple(
        _shop(number, random, size * per_size, known[number % len(known)])
        for number, (random, size) in enumerate(zip(drawn, sizes, strict=True))
    )


def _shop(number: int, random: Random, visits_a_day: float, zone: ZoneInfo) -> Shop:
    store = f"sim-{number + 1:04}"
    opens, closes = random.choice(_OPENS), random.choice(_CLOSES)
    later = random.choice((0, 0, 30))  # on Friday and Saturday
    place = random.choice(_FIRST) + random.choice(_SECOND) + random.choice(_PLACES)
    return Shop(
        id=store,
        name=f"{random.choice(_CITIES)}{place}店",
        zone=zone,
        visits_a_day=visits_a_day,
        opens=(opens,) * 7,
        closes=tuple(closes + (later if day in (4, 5) else 0) for day in range(7)),
        members=random.randint(40, 400),
        staff=random.randint(2, 6),
        boxes=_boxes(store, random),
    )


def _boxes(store: str, random: Random) -> tuple[Box, ...]:
    two = random.random() < _TWO_BOXES_SHARE
    entrance = random.random() < _ENTRANCE_SHARE and not two
    shares = (0.65, 0.35) if two else (1.0,)
    # Of a source of its own: the rest of a chain is as it was before there was Wi-Fi.
    wifi = Random(f"{store}/wifi").random() < _WIFI_SHARE
    return tuple(
        _box(
            store,
            f"{store}-{letter}",
            share,
            random,
            entrance=entrance,
            wifi=wifi and letter == "a",
        )
        for letter, share in zip("ab", shares, strict=False)
    )


def _box(
    store: str, box_id: str, share: float, random: Random, *, entrance: bool, wifi: bool
) -> Box:
    fault = _fault(random)
    two_doors = random.random() < 0.2 or fault == "camera"
    return Box(
        store=store,
        id=box_id,
        share=share,
        mode="entrance" if entrance else "count",
        # Two boxes do not know each other's visitors (DESIGN section 6).
        basis="distinct" if entrance else "crossings",
        cameras=("door", "side") if two_doors else ("door",),
        fault=fault,
        wifi=wifi,
    )


def _fault(random: Random) -> Fault | None:
    point = random.random()
    for fault, share in _FAULTS:
        if point < share:
            return fault
        point -= share
    return None
