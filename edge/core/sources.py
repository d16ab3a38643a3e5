"""Where guests come from: the list of channels and advertisements, and what is asked. Pure.

    not asked ──> a channel ──> one of its advertisements
                     │     └──> "unknown": the guest does not know which one
                     └────────> "unknown": the guest does not know

"Not asked" is no answer and nothing is held of it; "unknown" is one. Used by `edge.desk.sources`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = "unknown"
"""The guest was asked and does not know. No channel and no advertisement has this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """An advertisement of a channel. What is not `active` is not asked for any more."""

    id: str
    zh: str
    en: str
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel; `id` is what leaves the shop, `zh` and `en` are what people read."""

    id: str
    zh: str
    en: str
    active: bool = True
    adverts: tuple[Advert, ...] = ()

    @property
    def asked(self) -> tuple[Advert, ...]:
        """The advertisements that are asked for."""
        return tuple(one for one in self.adverts if one.active)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a guest said: ids of the list, or `UNKNOWN`. `advert` None: that was not asked."""

    channel: str
    advert: str | None = None


USUAL: Final = (
    Channel(id="passing", zh="路过", en="Passing by"),
    Channel(id="friend", zh="朋友介绍", en="A friend"),
    Channel(id="dianping", zh="大众点评", en="Dianping"),
    Channel(id="xiaohongshu", zh="小红书", en="Xiaohongshu"),
    Channel(id="douyin", zh="抖音", en="Douyin"),
    Channel(id="wechat", zh="微信", en="WeChat"),
    Channel(id="app", zh="品牌 App", en="Our app"),
    Channel(id="web", zh="官网", en="Our website"),
    Channel(id="phone", zh="电话", en="Telephone"),
    Channel(id="other", zh="其他", en="Other"),
)
"""Until somebody lists others."""


def channel_of(channels: Sequence[Channel], channel: str) -> Channel | None:
    """Return a channel by its id; None: there is none."""
    return next((one for one in channels if one.id == channel), None)


def advert_of(channel: Channel, advert: str) -> Advert | None:
    """Return an advertisement of a channel by its id; None: there is none."""
    return next((one for one in channel.adverts if one.id == advert), None)


def answered(channels: Sequence[Channel], channel: str, advert: str) -> Answer | None:
    """Return what was tapped as an answer; None: the list does not have it.

    Args:
        channels: the list that is in force. What is not asked for any more may still be answered:
            a page was drawn before.
        channel: an id, or `UNKNOWN`.
        advert: an id, `UNKNOWN`, or nothing.
    """
    if channel == UNKNOWN:
        return Answer(channel=UNKNOWN) if not advert else None
    found = channel_of(channels, channel)
    if found is None:
        return None
    if advert and advert != UNKNOWN and advert_of(found, advert) is None:
        return None
    return Answer(channel=channel, advert=advert or None)


def wants_advert(channels: Sequence[Channel], answer: Answer | None) -> bool:
    """Say whether the advertisement is still to be asked for."""
    if answer is None or answer.advert is not None:
        return False
    found = channel_of(channels, answer.channel)
    return found is not None and bool(found.asked)


def proposed(channels: Sequence[Channel], booked_by: str) -> str | None:
    """Return the channel that is proposed to be tapped: that by which an appointment was made.

    Args:
        channels: the list that is in force.
        booked_by: what the appointment says: app, web, phone, shop, other, or nothing. A channel
            with that id is proposed while it is asked for.
    """
    found = channel_of(channels, booked_by) if booked_by else None
    return found.id if found is not None and found.active else None
