"""Head office's page in both languages: why a box only counts, and how many members came."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from cloud.accounts.scope import EVERYTHING
from cloud.app import create_app
from cloud.config import load
from cloud.db import reading
from cloud.ingest import Ingest
from cloud.pages.board import board_of
from cloud.queries.today import chain_today
from cloud.rollup import rollup
from edge.wire.messages import MODE_REASONS
from menkou.web.i18n import load_texts
from tests.hub.conftest import NOW, FakeBox

TEXT = Path(__file__).parents[2] / "cloud/pages/text"
Page = Callable[[str], str]


@pytest.fixture
def page(engine: Engine, tmp_path: Path) -> Page:
    """The page as a browser of a language gets it."""
    app = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine)

    def get(language: str) -> str:
        client: FlaskClient = app.test_client()
        return client.get("/today", headers={"Accept-Language": language}).text

    return get


def test_every_reason_of_the_wire_has_words_in_both_languages() -> None:
    for texts in load_texts(TEXT).values():
        assert {
            why for why in (*MODE_REASONS, "unknown") if f"mode_why.{why}" not in texts
        } == set()


@pytest.mark.parametrize(
    ("language", "why", "words"),
    [
        ("zh", "declaration_expired", "设置为“入口识别”，现在“只计数”，原因：声明已过期"),
        ("en", "key_missing", "set to “entrance”, runs as “counting only”: its key is not there"),
        ("zh", None, "原因：设备没有说明原因"),
        ("en", None, "runs as “counting only”: it did not say why"),
    ],
)
def test_a_box_that_must_count_says_why(
    ingest: Ingest, box: FakeBox, page: Page, language: str, why: str | None, words: str
) -> None:
    ingest.take([box.hello(), box.heartbeat(mode_why=why)])
    assert words in page(language)


def test_a_lower_mode_makes_no_figure_doubtful(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello(), box.heartbeat(backlog=0)])
    ingest.beat(NOW)
    with reading(engine) as connection:
        board = board_of(chain_today(connection, EVERYTHING, NOW))
    ((row,),) = [group.rows for group in board.groups]
    assert row.health == "whole"
    assert [(one.wanted, one.mode) for one in row.lowered] == [("entrance", "count")]


def test_members_are_shown_where_there_are_any(
    engine: Engine, ingest: Ingest, box: FakeBox, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cloud.queries.live.chain_today",
        lambda connection, scope, _, page: chain_today(connection, scope, NOW, page),
    )
    ingest.take([box.hello(), box.status("online"), box.batch(box.opened())])
    rollup(engine)
    assert "· came back" not in page("en")
    ingest.take([box.batch(box.opened(who="member"), box.opened(who="member", reentry=True))])
    rollup(engine)
    assert "members not shown (few) · came back 1" in page("en")
    assert "会员 人数少，不显示 · 再次进店 1" in page("zh")


def test_a_large_chain_is_turned_over_page_by_page(
    engine: Engine, ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.views.PAGE_SHOPS", 1)
    monkeypatch.setattr("cloud.pages.board.PAGE_SHOPS", 1)
    ingest.take([FakeBox(store="s-1").hello(), FakeBox(store="s-2").hello()])
    client = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine).test_client()
    first, last = (client.get(f"/today?lang=en&page={number}").text for number in (1, 2))
    assert "Shops 1 to 1 of 2" in first
    assert 'href="/today?page=2">Next' in first
    assert "Previous" not in first
    assert "Next" not in last
    assert 'id="shop-s-1"' in first
    assert 'id="shop-s-2"' not in first
    assert 'id="shop-s-2"' in last
    assert 'href="/today?page=1#shop-s-1"' in last
    assert 'data-live="/today/live?lang=en&amp;page=2"' in last
    assert 'id="shop-s-2"' in client.get("/today/live?lang=en&page=2").text
    assert client.get("/today?page=nonsense").status_code == 200
