"""Every figure has one definition, with its formula, in both languages, and one tap away."""

import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path
from string import Formatter

import pytest
from flask import Flask, render_template_string, request
from flask.testing import FlaskClient
from sqlalchemy import Engine

from cloud.accounts.access import RULES as RULES_OF_ACCESS
from cloud.accounts.access import SEEN_BY_ALL
from cloud.app import create_app
from cloud.config import load
from cloud.figures.metric import DEFINED, METRICS, OF_TABLES, value_of
from cloud.figures.period import period_of
from cloud.pages.frame import framed
from cloud.pages.glossary import TEXT, create_glossary
from cloud.pages.glossary.board import GROUPS, OF_MONEY, RULES, SEEN, seen_on
from cloud.pages.places import PLACES
from menkou.web.i18n import LANGUAGES, load_texts
from tests.hub.conftest import on_sqlite

TEXTS = load_texts(TEXT)
SHOWN = [key for keys in GROUPS.values() for key in keys]


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[FlaskClient]:
    config = load(None, {"MENKOU_DATA_DIR": str(tmp_path), "MENKOU_SUPPRESS_BELOW": "12"})
    with create_app(config, engine).test_client() as made:
        yield made


def test_each_figure_stands_in_the_glossary_once() -> None:
    assert len(SHOWN) == len(set(SHOWN))
    assert set(METRICS) | set(OF_TABLES) == set(DEFINED) <= set(SHOWN)
    assert set(SHOWN) - set(DEFINED) == {"wait", "queue", "dwell", "fair"} | OF_MONEY
    assert {key for figures in SEEN.values() for key in figures} <= set(SHOWN)
    assert set(SEEN) <= {name for _, name in PLACES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", SHOWN)
def test_each_figure_has_a_name_a_meaning_and_a_formula(key: str, language: str) -> None:
    for part in ("", ".means", ".formula"):
        assert TEXTS[language][f"metric.{key}{part}"].strip()


def _parts(text: str) -> list[str]:
    return [name for _, name, *_ in Formatter().parse(text) if name]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", DEFINED)
def test_a_formula_names_the_counts_of_which_the_figure_is_made(key: str, language: str) -> None:
    metric, text = DEFINED[key], TEXTS[language][f"metric.{key}.formula"]
    top, divided, bottom = text.partition("÷")
    assert tuple(_parts(top)) == metric.top
    assert tuple(_parts(bottom)) == metric.bottom
    assert bool(divided) == (metric.form == "share")
    for name in _parts(text):
        assert TEXTS[language][f"part.{name}"]
    # And these are what it is worked out from: without any of them it is not known.
    whole = dict.fromkeys((*metric.top, *metric.bottom), 7)
    assert value_of(metric, whole) is not None
    for name in whole:
        assert value_of(metric, {**whole, name: None}) is None


@on_sqlite
def test_the_page_tells_all_figures_and_where_they_are_seen(client: FlaskClient) -> None:
    for language in LANGUAGES:
        page = unescape(client.get(f"/glossary?lang={language}").text)
        for key in SHOWN:
            article = page.split(f'id="{key}"')[1].split("</article>")[0]
            assert TEXTS[language][f"metric.{key}.means"] in article
            assert "{" not in article
        for rule in RULES:
            assert f'id="rule-{rule}"' in page
        few = TEXTS[language]["glossary.people_note"].format(least=12)
        of_people = {key for key in DEFINED if DEFINED[key].people} | OF_MONEY
        assert page.count(few) == len(of_people)
    street = page.split('id="passers"')[1].split("</article>")[0]
    assert 'href="/street"' in street
    assert seen_on("passers") == ("funnel", "street")


@pytest.fixture
def taps() -> FlaskClient:
    """A page that names a figure, and one that needs a period."""
    app = Flask("x")
    framed(app)
    app.register_blueprint(create_glossary(10))
    app.add_url_rule("/static/<filename>", "web.static")

    @app.get("/named")
    def named() -> str:
        return render_template_string(
            '{% from "figure_name.html" import figure_name %}{{ figure_name("conversion") }}'
            '{% from "exports.html" import exports %}{{ exports() }}'
        )

    @app.get("/days")
    def days() -> str:
        return str(period_of(request.args, date(2026, 11, 21)).length)

    return app.test_client()


def test_a_figures_name_tells_its_meaning_without_a_script(taps: FlaskClient) -> None:
    page = taps.get("/named?lang=en&days=7").text
    told = re.search(r"<details[^>]*><summary>(.*)</summary>(.*)</details>", page, re.DOTALL)
    assert told is not None
    assert "Conversion" in told[1]
    assert "÷" in told[2]
    assert 'href="/glossary#conversion"' in told[2]
    assert "<script" not in page
    links = {unescape(link) for link in re.findall(r'href="(/named[^"]*)"', page)}
    assert links == {f"/named?lang=en&days=7&format={form}" for form in ("csv", "parquet")}


@on_sqlite
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_what_is_wrong_with_a_period(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    def days() -> str:
        return str(period_of(request.args, date(2026, 11, 21)).length)

    client.application.add_url_rule("/days", "days", days)
    monkeypatch.setattr("cloud.accounts.door.RULES", {**RULES_OF_ACCESS, "days": SEEN_BY_ALL})
    monkeypatch.setattr("cloud.accounts.access.RULES", {**RULES_OF_ACCESS, "days": SEEN_BY_ALL})
    assert client.get("/days").text == "28"
    for query, code in (("from=x", "day"), ("days=999", "days"), ("from=2020-01-01", "long")):
        answer = client.get(f"/days?{query}&shop=nj-001&lang={language}")
        assert answer.status_code == 400
        assert TEXTS[language][f"period.fault.{code}"] in answer.text
        assert f'href="/days?shop=nj-001&amp;lang={language}"' in answer.text
