"""The table of shops today as a file: footfall as the page shows it, of all shops. Pure."""

from collections.abc import Iterator
from typing import Final

from cloud.pages.export import Cell, Column
from cloud.pages.shop_state import state_of
from cloud.views import ChainToday, on_page

SHOPS: Final = (
    Column(key="shop", title="shops.id"),
    Column(key="name", title="chain.shop"),
    Column(key="basis", title="shops.basis"),
    Column(key="day", title="shops.day", kind="day"),
    Column(key="visitors", title="chain.visitors", kind="count"),
    Column(key="entered", title="chain.entered", kind="count"),
    Column(key="left", title="chain.left", kind="count"),
    Column(key="health", title="chain.state"),
    Column(key="known_until", title="export.known_until", kind="moment"),
    Column(key="last_seen", title="export.last_seen", kind="moment"),
)


def shop_rows(today: ChainToday, page: int | None) -> Iterator[tuple[Cell, ...]]:
    """Yield each shop, or those of a page; a shop of which nothing is known today has no figure."""
    places = range(len(today.shops)) if page is None else on_page(len(today.shops), page)
    for place in places:
        shop = today.shops[place]
        state = state_of(shop, today.now, place)
        counts = (shop.visitors, shop.entered, shop.left) if state.has_today else (None,) * 3
        times = state.known_until, state.last_seen
        yield (shop.store_id, shop.name, shop.basis, shop.day, *counts, state.health, *times)
