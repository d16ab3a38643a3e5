"""The room of shops: the list, and each shop's own page.

`cloud.app` gives it what it asks and registers it; reads nothing itself. What it draws is worked
out by `listing` and `board`.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, abort, render_template, request
from flask.sansio.app import App
from flask.typing import ResponseReturnValue

from cloud.figures.accuracy import Accuracy
from cloud.figures.metric import METRICS, Sums
from cloud.figures.period import Period, PeriodFault, period_of
from cloud.pages.board import ShopRow, board_of
from cloud.pages.export import as_shown, asked_form, asked_table
from cloud.pages.frame import framed
from cloud.pages.shops.board import shop_board
from cloud.pages.shops.files import LIST, list_rows
from cloud.pages.shops.listing import list_board
from cloud.pages.shops.sheets import SHEETS
from cloud.queries.funnel import due_of
from cloud.queries.shop import ShopPeriod
from cloud.queries.shops import SORTS, ShopList, Wanted
from cloud.views import PAGE_SHOPS, ChainToday
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"
_LONGEST: Final = 80
_REACH: Final = timedelta(days=366 * 20)
"""No shop's day is further away; and one at the end of the calendar has none before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What the room asks; each is scoped by who opens the page.

    `today`: which day it is, in a shop's zone, or in that of most shops. `states`: some shops as
    they are now. `measured`: how right some shops count; one that nobody checked is not in it.
    """

    today: Callable[[str | None], date]
    listed: Callable[[Wanted], ShopList]
    one: Callable[[str, Period, date], ShopPeriod | None]
    states: Callable[[Collection[str]], ChainToday]
    measured: Callable[[Collection[str]], Mapping[str, Accuracy]]


def create_shops(asking: Asking) -> Blueprint:
    """Make the pages of shops: `/shops` and `/shops/SHOP`."""
    pages = Blueprint("shops", __name__, url_prefix="/shops", template_folder="templates")

    pages.record_once(lambda state: begin(state.app))

    @pages.get("")
    def page() -> ResponseReturnValue:
        today = asking.today(None)
        period, fault = asked_period(today)
        form = asked_form()
        wanted = _wanted(period, today, whole=form is not None)
        found = asking.listed(wanted)
        ids = {line.shop.store_id for line in found.lines}
        board = list_board(found, wanted, _states(asking, ids))
        if form is not None:
            return as_shown(LIST, list_rows(board), form, name="shops")
        return render_template(
            "shops.html", board=board, measured=asking.measured(ids), period=period, fault=fault
        )

    @pages.get("/<store_id>")
    def shop(store_id: str) -> ResponseReturnValue:
        today = asking.today(store_id)
        period, fault = asked_period(today)
        day = _day(period, today)
        found = asking.one(store_id, period, day)
        if found is None:
            abort(404)
        state = _states(asking, [store_id]).get(store_id)
        board = shop_board(found, datetime.now(UTC), state.known_until if state else None)
        if (form := asked_form()) is not None:
            table = asked_table(SHEETS)
            name = "shop" if table == "days" else f"shop-{table}"
            return as_shown(*SHEETS[table](found, board), form, name=name)
        return render_template(
            "shop.html",
            board=board,
            chosen=day,
            of=lambda key: parts(key, board.sums),
            state=state,
            measured=asking.measured([store_id]).get(store_id),
            period=period,
            fault=fault,
            due=due_of(period, today),
            today=today,
        )

    return pages


def begin(app: App) -> None:
    """Give an app what the pages of shops, and of figures by shop, have in common."""
    framed(app)
    speak(app, TEXT)
    assert isinstance(app, Flask)
    app.jinja_env.globals["period_args"] = period_args


def period_args(period: Period) -> dict[str, str]:
    """Return what an address says to ask for a period."""
    return {"from": period.first.isoformat(), "to": period.last.isoformat()}


def parts(key: str, sums: Sums) -> tuple[int, int]:
    """Return the two sums that a share is made of, to be shown beside it."""
    metric = METRICS[key]
    top, bottom = (sum(sums[name] or 0 for name in names) for names in (metric.top, metric.bottom))
    return top, bottom


def asked_period(today: date) -> tuple[Period, str]:
    """Return the period that the address asks for, and which word says what is wrong with it.

    With a fault it is the usual one.
    """
    try:
        return period_of(request.args, today), ""
    except PeriodFault as fault:
        return period_of({}, today), fault.code


def _day(period: Period, today: date) -> date:
    """Return the day of the curve: `?day=`, or the last one of the period that is not to come."""
    with suppress(ValueError):
        asked = date.fromisoformat(request.args.get("day", ""))
        if abs(asked - today) <= _REACH:
            return asked
    return min(period.last, max(today, period.first))


def _wanted(period: Period, today: date, *, whole: bool) -> Wanted:
    """Return what the address asks for; `whole`: of a file, all pages unless it names one."""
    sort = request.args.get("sort", "name")
    return Wanted(
        period=period,
        today=today,
        text=request.args.get("q", "").strip()[:_LONGEST],
        sort=sort if sort in SORTS else "name",
        down=request.args.get("order") == "down",
        page=request.args.get("page", None if whole else 1, type=int),
    )


def _states(asking: Asking, ids: Collection[str]) -> Mapping[str, ShopRow]:
    """Return some shops as they are now, with what is said of it, by their ids."""
    found: dict[str, ShopRow] = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), PAGE_SHOPS):  # as many as a board draws
        some = ordered[start : start + PAGE_SHOPS]
        for group in board_of(asking.states(some)).groups:
            found |= {row.shop.store_id: row for row in group.rows}
    return found
