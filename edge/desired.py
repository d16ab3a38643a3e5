"""Lays what head office desires over the box's own settings. Called by `app`; pure.

Whatever is laid over can only lower what the file allows: the lower mode, the shorter window and
the narrower circle hold. Hours, the shop's name and the list of where guests come from are head
office's to say.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import timedelta

from edge.config import EdgeConfig
from edge.config_checks import hours_faults
from edge.config_desk import AdvertSection, ChannelSection
from edge.config_sections import HoursSection
from edge.modes import MODES
from edge.wire.channels import Listed
from edge.wire.orders import ConfigOrder, Week
from menkou.settings import SettingsFault, build


class CannotLay(ValueError):
    """What is desired makes no sense as settings of a box. `code` as `config_reported` has it."""

    def __init__(self, code: str) -> None:
        super().__init__(f"what head office desires cannot be laid over the box's own: {code}")
        self.code = code


def laid_over(config: EdgeConfig, wish: ConfigOrder | None) -> EdgeConfig:
    """Return the settings that hold.

    Args:
        config: the box's own file.
        wish: what head office desires, None for nothing.

    Raises:
        CannotLay: these hours cannot be kept.
    """
    if wish is None:
        return config
    dedup = config.dedup
    longest = timedelta(seconds=wish.window_s_at_most) if wish.window_s_at_most else dedup.window
    return replace(
        config,
        store=replace(config.store, name=wish.name or config.store.name),
        hours=_hours(wish.hours) if wish.hours else config.hours,
        dedup=replace(
            dedup,
            window=min(dedup.window, longest),
            since="first_seen" if wish.since else dedup.since,
            who="members" if wish.who else dedup.who,
        ),
        wifi=replace(config.wifi, enabled=config.wifi.enabled and wish.wifi is None),
        mode_at_most=next((mode for mode in MODES if mode == wish.mode_at_most), None),
        channel=_channels(wish.channels) if wish.channels else config.channel,
        channels_fixed=bool(wish.channels),
    )


def laid_as_far(config: EdgeConfig, wish: ConfigOrder | None) -> EdgeConfig:
    """Return the settings that hold when hours that cannot be kept are left as the file has them.

    For a wish that was accepted once: the file was changed since, or this program. All else of
    it, above all what it takes away, stays in force.
    """
    try:
        return laid_over(config, wish)
    except CannotLay:
        assert wish is not None, "nothing cannot fail to be laid over"
        return laid_over(config, replace(wish, hours=None))


def _hours(week: Week) -> HoursSection:
    try:
        hours = build(HoursSection, {day: list(pair) for day, pair in week.items()}, "", {})
    except SettingsFault:
        raise CannotLay("hours") from None
    if hours_faults(hours):
        raise CannotLay("hours")
    return hours


def _channels(listed: Sequence[Listed]) -> tuple[ChannelSection, ...]:
    return tuple(
        ChannelSection(
            id=one["id"],
            zh=one["zh"],
            en=one["en"],
            active=one["active"],
            advert=tuple(AdvertSection(**advert) for advert in one["adverts"]),
        )
        for one in listed
    )


def laid(wish: ConfigOrder | None) -> tuple[str, ...]:
    """Return the names of the settings that head office has laid over the file's."""
    if wish is None:
        return ()
    names = (field.name for field in fields(wish) if field.name != "version")
    return tuple(name for name in names if getattr(wish, name) is not None)


def same_for_the_eyes(one: EdgeConfig, other: EdgeConfig) -> bool:
    """Say whether two settings differ in nothing that counting or recognition go by."""
    seen = replace(
        one,
        store=other.store,
        wifi=other.wifi,
        channel=other.channel,
        channels_fixed=other.channels_fixed,
    )
    return seen == other
