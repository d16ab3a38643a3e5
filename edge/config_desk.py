"""The sections of edge.toml for the desk: `[[channel]]` (where guests come from) and `[service]`.

Joined by `config`; `config_values` says what each value may hold.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic.dataclasses import dataclass

from edge.config_values import Flag, Identifier, own
from edge.core.service import Kind
from edge.core.sources import Advert, Channel
from edge.wire.channels import ADVERTS_MAX, CHANNELS_MAX, NAME_MAX, UNKNOWN, is_id, is_name
from menkou.settings import STRICT

_TEXT_MAX: Final = 200


def _listed(value: Any) -> str:
    if is_id(value):
        return str(value)
    raise ValueError(
        "expected 1 to 24 of a-z 0-9 _ -, a letter first, at most 6 digits together, and not"
        f" {UNKNOWN!r}; got {value!r}"
    )


def _name(value: Any) -> str:
    if is_name(value):
        return str(value)
    raise ValueError(f"expected 1 to {NAME_MAX} printable characters, got {value!r}")


def _message(value: Any) -> str:
    sound = isinstance(value, str) and 0 < len(value) <= _TEXT_MAX and value.isprintable()
    if sound and not {"{", "}"} & set(value.replace("{shop}", "")):
        return str(value)
    raise ValueError(
        f"expected 1 to {_TEXT_MAX} characters in one line with {{shop}} in them if wanted,"
        f" got {value!r}"
    )


_Id = Annotated[str, own(_listed)]
_Name = Annotated[str, own(_name)]
_Message = Annotated[str, own(_message)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AdvertSection:
    """An advertisement of a channel."""

    id: _Id
    zh: _Name
    en: _Name
    active: Flag = True


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ChannelSection:
    """A channel that may bring guests. `id` is all that leaves the shop."""

    id: _Id
    zh: _Name
    en: _Name
    active: Flag = True
    advert: tuple[AdvertSection, ...] = ()

    @property
    def channel(self) -> Channel:
        """The channel as the desk asks for it."""
        adverts = tuple(
            Advert(id=one.id, zh=one.zh, en=one.en, active=one.active) for one in self.advert
        )
        return Channel(id=self.id, zh=self.zh, en=self.en, active=self.active, adverts=adverts)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ServiceSection:
    """Service tickets. `target`: the `[[outbound]]`, a webhook or short messages, that tells guests
    to come; None: consultants call them. The texts may have `{shop}` in them.
    """

    target: Identifier | None = None
    repair: _Message = "【{shop}】您交给我们的维修已经好了，方便时请来店里取。"
    back: _Message = "【{shop}】您的退换货已经办好，方便时请来店里。"
    stock: _Message = "【{shop}】您要的商品到店了，方便时请来店里看看。"

    def text(self, kind: Kind, shop: str) -> str:
        """Return what a guest is told of a ticket of a kind."""
        texts = {"repair": self.repair, "return": self.back, "stock": self.stock}
        return texts.get(kind, self.repair).replace("{shop}", shop)


def list_faults(channels: Sequence[tuple[str, Sequence[str]]]) -> list[tuple[tuple[Any, ...], str]]:
    """Find ids that stand in a list twice, and lists that are too long.

    Args:
        channels: the id of each channel, with those of its adverts.
    """
    faults: list[tuple[tuple[Any, ...], str]] = []
    for index in _again([name for name, _ in channels]):
        text = f"expected an id of its own, got {channels[index][0]!r} again"
        faults.append((("channel", index, "id"), text))
    if len(channels) > CHANNELS_MAX:
        text = f"expected at most {CHANNELS_MAX} channels, got {len(channels)}"
        faults.append((("channel", CHANNELS_MAX), text))
    for number, (_, adverts) in enumerate(channels):
        place = ("channel", number, "advert")
        for index in _again(adverts):
            text = f"expected an id of its own, got {adverts[index]!r} again"
            faults.append(((*place, index, "id"), text))
        if len(adverts) > ADVERTS_MAX:
            text = f"expected at most {ADVERTS_MAX} adverts, got {len(adverts)}"
            faults.append(((*place, ADVERTS_MAX), text))
    return faults


def _again(ids: Sequence[str]) -> list[int]:
    return [index for index, name in enumerate(ids) if name in ids[:index]]
