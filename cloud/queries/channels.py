"""What brought guests, and what came of it; how head office calls those channels; and all that
stands on the page of channels and bookings.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, select

from cloud.accounts.scope import Scope
from cloud.figures.metric import Sums
from cloud.figures.period import Period
from cloud.figures.suppress import LEAST
from cloud.queries import bookings, days
from cloud.queries.bookings import Weeks
from cloud.queries.days import Shops, only
from cloud.queries.hidden import ChainScreen, chain_screen
from cloud.queries.money import Takings, takings
from cloud.queries.named import few_names, names
from cloud.queries.summed import summed
from cloud.tables import desired
from cloud.tally.tables import channel_money, channel_tally

_LISTS: Final = 20
"""So many of the newest lists are looked at: shops have mostly one and the same."""
Places = Mapping[tuple[str, str], "Brought"]
"""By channel and advertisement; "": none was said."""


class Brought(Struct, frozen=True, kw_only=True):
    """Guests whom an advertisement brought; of them those with an appointment and those who bought.

    `value`: what they bought for, in minor units by currency.
    """

    asked: int
    booked: int
    sales: int
    value: Mapping[str, int]


class Called(Struct, frozen=True, kw_only=True):
    """How people read a channel or an advertisement."""

    zh: str
    en: str


class Asked(Struct, frozen=True, kw_only=True):
    """What the page is about: of one shop (its id and name) or of all that somebody sees.

    `screen`: what is hidden of the shops' sums of the period, which are told in parts here.
    `desks`: counts of visitors of shops with a desk, by basis. `choices`: shops to choose from by
    id, as long as they are few.
    """

    shop: str | None
    name: str
    choices: Mapping[str, str]
    screen: ChainScreen
    desks: Mapping[str, Sums]
    brought: Places
    called: Mapping[tuple[str, str], Called]
    takings: Mapping[str, Takings]
    ways: Mapping[str, Sums]
    reasons: Mapping[str, int]
    weeks: Mapping[str, Weeks]


def channels_page(
    connection: Connection,
    scope: Scope,
    period: Period,
    shop: str | None,
    now: datetime,
    least: int = LEAST,
) -> Asked | None:
    """Return what is asked of channels and bookings; None: there is no such shop to be seen."""
    shops = None if shop is None else (shop,)
    name = ""
    if shops is not None:
        seen = names(connection, scope, shops)
        if not seen:
            return None
        name = seen[shops[0]]
    about = (connection, scope, period.first, period.last, shops)
    return Asked(
        shop=shop,
        name=name,
        choices=few_names(connection, scope),
        screen=chain_screen(connection, scope, period.first, period.last, least),
        desks=days.by_basis(*about),
        brought=brought(*about),
        called=called(connection, scope, shops),
        takings=takings(*about),
        ways=bookings.by_way(*about),
        reasons=bookings.reasons(*about),
        weeks=bookings.weeks(connection, scope, now, shops),
    )


def brought(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> Places:
    """Return what each channel and advertisement brought in a period."""
    keys = ("channel", "advert")
    counted = summed(connection, scope, channel_tally, first, last, keys, shops)
    paid = summed(connection, scope, channel_money, first, last, (*keys, "currency"), shops)
    value: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for (channel, advert, currency), sums in paid.items():
        value[channel, advert][currency] = sums["value"] or 0
    return {
        (channel, advert): Brought(
            asked=sums["asked"] or 0,
            booked=sums["booked"] or 0,
            sales=sums["sales"] or 0,
            value=value.get((channel, advert), {}),
        )
        for (channel, advert), sums in counted.items()
    }


def called(
    connection: Connection, scope: Scope, shops: Shops = None
) -> dict[tuple[str, str], Called]:
    """Return the names that head office gave, by channel and advertisement; the newest hold."""
    lists = connection.execute(
        select(desired.c.body)
        .where(only(desired, scope, shops), desired.c.body.contains('"channels": ['))
        .order_by(desired.c.version.desc())
        .limit(_LISTS)
    )
    found: dict[tuple[str, str], Called] = {}
    for body in lists.scalars():
        for channel in json.loads(body)["channels"]:
            for advert in ({**_name(channel), "id": ""}, *channel["adverts"]):
                found.setdefault((channel["id"], advert["id"]), Called(**_name(advert)))
    return found


def _name(listed: Mapping[str, str]) -> dict[str, str]:
    return {language: listed[language] for language in ("zh", "en")}
