"""The frame of head office's pages: how figures read, what the macros draw, and the way about."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask, render_template_string

from cloud.pages.frame import change_text, figure_text, framed
from cloud.pages.plots import Gap, band_of, gaps_of, spark_of
from menkou.listen import Listen
from menkou.web.app import dress
from menkou.web.chart import Column, columns
from menkou.web.i18n import speech


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A figure beside what it was and what is usual."""

    value: float | None = 120.0
    week_ago: float | None = 100.0
    year_ago: float | None = None
    low: float | None = 90.0
    high: float | None = 110.0
    verdict: str = "above"


@dataclass(frozen=True, kw_only=True)
class Paged:
    page: int
    pages: int = 3
    first: int = 51
    last: int = 100
    shops: int = 130


@dataclass(frozen=True, kw_only=True)
class Days:
    first: date = date(2026, 11, 1)
    last: date = date(2026, 11, 28)


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = Flask("cloud", static_folder=None)
    framed(app)
    framed(app)  # by the next room
    app.add_url_rule("/shops/<shop_id>", "shops.shop", lambda shop_id: "")
    dress(app, Listen(host="127.0.0.1", port=0), secret_file=tmp_path / "secret")
    return app


@pytest.fixture
def asked(app: Flask) -> Iterator[None]:
    with app.test_request_context("/shops/nj-001?from=2026-11-01&shop=a&shop=b&page=2&lang=en"):
        app.preprocess_request()
        yield


def drawn(template: str, **values: object) -> str:
    return render_template_string(
        '{% from "figures.html" import band, bar_row, card, delta, missing, pager, period_picker,'
        " spark with context %}" + template,
        **values,
    )


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        pytest.param(None, "count", "–", id="what is not known is never 0"),
        pytest.param(0, "count", "0", id="nothing"),
        pytest.param(12345.0, "count", "12,345", id="grouped"),
        pytest.param(0.2345, "share", "23.4 %", id="a share"),
        pytest.param(0.0, "share", "0.0 %", id="no share"),
        pytest.param(42.4, "time", "42 s", id="seconds"),
        pytest.param(150.0, "time", "2.5 min", id="minutes"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_a_figure_reads_as_what_it_is(
    app: Flask, value: float | None, form: str, text: str
) -> None:
    assert figure_text(speech(app), value, form) == text


@pytest.mark.parametrize(
    ("now", "then", "form", "text"),
    [
        pytest.param(120, 100, "count", "+20.0 %", id="more"),
        pytest.param(80, 100, "count", "−20.0 %", id="less, with a true minus"),
        pytest.param(100, 100, "count", "±0.0 %", id="as before"),
        pytest.param(0.25, 0.2, "share", "+5.0 pts", id="shares differ by points"),
        pytest.param(0.25, 0.0, "share", "+25.0 pts", id="from none"),
        pytest.param(5, 0, "count", "", id="nothing to be a share of"),
        pytest.param(5, None, "count", "", id="not known then"),
        pytest.param(None, 5, "time", "", id="not known now"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_a_change_is_told_in_the_figures_own_terms(
    app: Flask, now: float | None, then: float | None, form: str, text: str
) -> None:
    assert change_text(speech(app), now, then, form) == text


def test_the_mark_lies_in_the_band_when_the_value_is_usual_and_outside_when_not() -> None:
    inside, above = band_of(Compared(value=100.0)), band_of(Compared(value=140.0))
    below = band_of(Compared(value=10.0))
    assert inside is not None
    assert above is not None
    assert below is not None
    assert inside.x < inside.value < inside.x + inside.width
    assert above.value > above.x + above.width
    assert below.value < below.x
    for one in (inside, above, below):
        assert one.x >= 0
        assert one.x + one.width <= 100
        assert 0 <= one.value <= 100


@pytest.mark.parametrize(
    "compared",
    [
        pytest.param(Compared(value=None), id="value"),
        pytest.param(Compared(low=None), id="low"),
        pytest.param(Compared(high=None), id="high"),
    ],
)
def test_no_band_is_drawn_of_what_is_not_known(compared: Compared) -> None:
    assert band_of(compared) is None


def test_a_day_that_is_not_known_is_a_gap_and_not_a_zero() -> None:
    shape = spark_of([0.1, None, 0.2, 0.0])
    assert shape.missing == ((25.0, 25.0),)
    assert shape.path.count("M") == 2
    assert spark_of([None, None]).path == ""
    assert spark_of([0, 0]).missing == ()


@pytest.mark.usefixtures("asked")
def test_a_card_says_the_figure_and_why_it_is_missing() -> None:
    known = drawn('{{ card("period.show", "12", compare, better="more") }}', compare=Compared())
    assert ">12<" in known
    assert "Above usual" in known
    assert "verdict-good" in known
    assert "+20.0 %" in known
    assert "not known then" in known
    missing = drawn('{{ card("period.show", "", why="No till") }}')
    assert "No till" in missing
    assert ">0<" not in missing
    worse = drawn("{{ delta(compare, better='less') }}", compare=Compared())
    assert "verdict-poor" in worse


@pytest.mark.usefixtures("asked")
def test_turning_over_keeps_what_was_asked_for() -> None:
    text = drawn("{{ pager(board) }}", board=Paged(page=2))
    for page in (1, 3):
        assert f"/shops/nj-001?from=2026-11-01&amp;shop=a&amp;shop=b&amp;page={page}" in text
    assert "Shops 51 to 100 of 130" in text
    assert drawn("{{ pager(board) }}", board=Paged(page=1, pages=1)).strip() == ""


@pytest.mark.usefixtures("asked")
def test_another_period_keeps_the_shops_and_begins_at_the_first_page() -> None:
    text = drawn("{{ period_picker(period) }}", period=Days())
    assert text.count('name="shop"') == 2
    assert 'name="page"' not in text
    assert 'name="from" value="2026-11-01"' in text
    assert 'href="/shops/nj-001?shop=a&amp;shop=b&amp;lang=en&amp;days=7"' in text


@pytest.mark.usefixtures("asked")
def test_a_bar_of_what_is_not_known_is_no_bar() -> None:
    assert 'class="bar"' in drawn('{{ bar_row("a", 0.5, "50 %") }}')
    assert 'class="bar"' not in drawn('{{ bar_row("a", none, "–") }}')


@dataclass(frozen=True, kw_only=True)
class Begun:
    start: datetime


@dataclass(frozen=True, kw_only=True)
class Bar:
    hour: Begun
    column: Column
    phase: str


def test_hours_in_a_row_of_which_nothing_is_known_are_one_gap() -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    phases = ["unknown", "unknown", "known", "unknown", "future"]
    bars = [
        Bar(hour=Begun(start=midnight + timedelta(hours=number)), column=column, phase=phase)
        for number, (column, phase) in enumerate(zip(columns([0] * 5, 1), phases, strict=True))
    ]
    assert gaps_of(bars) == (
        Gap(x=0.0, width=40.0, first=midnight, last=midnight + timedelta(hours=1)),
        Gap(
            x=60.0,
            width=20.0,
            first=midnight + timedelta(hours=3),
            last=midnight + timedelta(hours=3),
        ),
    )
    assert gaps_of(bars[2:3]) == ()
