"""`menkou-hub simulate`: what reaches the hub is what the simulator says it told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from cloud.accounts.scope import EVERYTHING
from cloud.cli import main
from cloud.db import reading
from cloud.ingest import Ingest
from cloud.queries.today import chain_today
from cloud.rollup import rollup
from cloud.simulate.chain import make_chain
from cloud.simulate.removal import shops_in
from cloud.simulate.years.habits import habits_of
from cloud.tables import FIGURES, METADATA, box, daily, event, hourly
from cloud.tally.recount import recount
from tests.hub.conftest import FakeBox
from tests.support.processes import Mosquitto, Running, our_command, until

NOON = "2026-11-21T12:00:00+08:00"
SMALL = ("--shops", "6", "--visits", "250000")


@pytest.fixture
def url(engine: Engine) -> str:
    return str(engine.url)


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))


def simulate(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run the command; return its last line, or what it said if it was to fail."""
    assert main(["simulate", *arguments]) == code
    captured = capsys.readouterr()
    if code:
        return {"said": captured.err}
    last: dict[str, Any] = json.loads(captured.out.splitlines()[-1])
    return last


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def shown(engine: Engine) -> list[dict[str, Any]]:
    columns = [hourly.c.store, hourly.c.hour, *(hourly.c[name] for name in FIGURES)]
    with reading(engine) as connection:
        rows = connection.execute(select(*columns).order_by(hourly.c.store, hourly.c.hour))
        return [dict(row) for row in rows.mappings()]


def test_what_ingest_took_in_is_the_stated_truth(
    engine: Engine, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "truth.jsonl"
    arguments = (*SMALL, "--days", "1", "--start", NOON, "--database", url)
    done = simulate(capsys, *arguments, "--truth", str(truth))
    assert done["events"] == done["acknowledged"] > 1000
    assert shown(engine) == told(truth)
    assert done["visitors"] == sum(row["visitors"] for row in told(truth)) > 100
    before = shown(engine)
    again = simulate(capsys, *arguments)
    assert again == done | {"seconds": again["seconds"]}
    assert shown(engine) == before, "the same events are the same events"
    with reading(engine) as connection:
        held = connection.execute(select(func.count()).select_from(event)).scalar()
    assert held == done["events"]


def test_a_year_of_rollups_is_shown_by_the_page_and_its_days_are_its_hours(
    engine: Engine, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = simulate(capsys, *SMALL, "--years", "0.1", "--start", NOON, "--database", url)
    assert done["days"] == 6 * 36
    with reading(engine) as connection:
        of_hours, of_days = (
            connection.execute(
                select(table.c.store, *(func.sum(table.c[name]) for name in FIGURES))
                .group_by(table.c.store)
                .order_by(table.c.store)
            ).all()
            for table in (hourly, daily)
        )
        now = connection.execute(select(func.max(box.c.last_seen))).scalar_one()
        today = chain_today(connection, EVERYTHING, now)
        count = connection.execute(select(func.count()).select_from(hourly)).scalar()
    assert of_hours == of_days
    assert count == done["hours"] == 6 * (35 * 24 + 13)
    assert sum(shop.visitors for shop in today.shops) > 50
    assert [shop.store_id for shop in today.shops] == [f"sim-000{n}" for n in range(1, 7)]
    for shop in today.shops:
        assert shop.visitors == sum(hour.visitors for hour in shop.hours)


def test_a_year_and_the_facts_of_the_same_day_agree_on_visitors(
    engine: Engine, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    midnight = "2026-11-21T00:00:00+08:00"
    simulate(capsys, *SMALL, "--days", "1", "--start", midnight, "--database", url)
    facts = {(r["store"], r["hour"]): r["visitors"] for r in shown(engine) if r["visitors"]}
    simulate(capsys, "--remove", "--database", url)
    last = "2026-11-21T23:59:59+08:00"
    simulate(capsys, *SMALL, "--years", "0.01", "--start", last, "--database", url)
    first = min(hour for _, hour in facts)
    years = {(r["store"], r["hour"]): r["visitors"] for r in shown(engine) if r["visitors"]}
    # Which shops are in trouble is the years' own.
    chain = make_chain(seed=1, shops=6, visits_a_year=250_000)
    well = {shop.id for shop in chain if not habits_of(1, shop).declines}
    assert len(well) > 4
    assert {key: count for key, count in years.items() if key[1] >= first and key[0] in well} == {
        key: count for key, count in facts.items() if key[0] in well
    }


def test_all_that_was_simulated_is_removed_and_nothing_else(
    engine: Engine, ingest: Ingest, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    real = FakeBox(store="sim", box="sim-0001")  # named so that only its id tells it apart
    ingest.take([real.hello(), real.batch(real.opened(), real.crossed())])
    rollup(engine)
    recount(engine)
    kept = everything(engine)
    refused = simulate(capsys, *SMALL, "--days", "1", "--database", url, code=1)
    assert "expected one without real shops, got 1, sim among them" in refused["said"]
    assert everything(engine) == kept
    arguments = (*SMALL, "--days", "1", "--start", NOON, "--database", url)
    simulate(capsys, *arguments, "--into-existing")
    assert len(shops_in(engine)[0]) == 6
    refused = simulate(capsys, "--years", "1", "--into-existing", "--database", url, code=1)
    assert "run `menkou-hub simulate --remove` first" in refused["said"]
    assert simulate(capsys, "--remove", "--database", url) == {"removed": 6}
    assert everything(engine) == kept
    assert simulate(capsys, "--remove", "--database", url) == {"removed": 0}


def everything(engine: Engine) -> dict[str, list[Any]]:
    """Return all rows but counters."""
    with reading(engine) as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in METADATA.sorted_tables
            if table.name not in ("meter", "chain_revision")
        }


@pytest.fixture
def hub(
    mosquitto: Mosquitto, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    monkeypatch.setenv("MENKOU_DATABASE_URL", url)
    monkeypatch.setenv("MENKOU_BROKER_URL", mosquitto.url)
    running = our_command("cloud.cli", "ingest", log=tmp_path / "ingest.log").start()
    until(lambda: "connected" in running.log(), what="ingest connects")
    yield running
    running.kill()


def rolled_up(engine: Engine) -> bool:
    with reading(engine) as connection:
        marks: int = connection.exec_driver_sql("SELECT count(*) FROM dirty").scalar_one()
    return marks == 0


def test_a_chain_over_a_real_broker_reaches_the_hub_exactly_as_it_says(
    engine: Engine, hub: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "truth.csv"
    arguments = (*SMALL, "--rate", "200", "--duration", "20m", "--start", NOON)
    behind = ("--backlog", "2h", "--backlog-shops", "3", "--connections", "2", "--window", "150")
    done = simulate(capsys, *arguments, *behind, "--truth", str(truth))
    assert done["unacknowledged"] == 0
    assert done["told"] == done["acknowledged"] == done["backlog"] + done["live"]
    assert min(done["backlog"], done["live"]) > 20
    assert done["ages"]["max"] is not None
    until(lambda: rolled_up(engine), what="the rollup")
    lines = truth.read_text(encoding="utf-8").splitlines()
    names = lines[0].split(",")
    stated = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    assert [{k: str(v) for k, v in row.items()} for row in shown(engine)] == stated


def test_a_hub_that_is_killed_meanwhile_loses_nothing(
    engine: Engine, hub: Running, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    truth = tmp_path / "truth.jsonl"
    arguments = (*SMALL, "--rate", "60", "--duration", "10m", "--start", NOON, "--backlog", "2h")
    chain = our_command(
        *("cloud.cli", "simulate", "--broker", mosquitto.url),
        *(*arguments, "--truth", str(truth)),
        log=tmp_path / "simulate.log",
    ).start()
    until(lambda: len(shown(engine)) > 3, what="the first facts")
    hub.kill()
    hub.start()
    mosquitto.kill()
    mosquitto.start()
    assert chain.wait() == 0, chain.log()
    until(lambda: rolled_up(engine), what="the rollup")
    assert shown(engine) == told(truth)


def test_a_chain_without_a_hub_says_so_and_fails(
    mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--broker", mosquitto.url, "--shops", "1", "--visits", "300000", "--start", NOON)
    more = ("--rate", "max", "--duration", "1h", "--settle", "1s")
    said = simulate(capsys, *arguments, *more, code=1)["said"]
    assert "were not acknowledged: does ingest run?" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--broker", "mqtt://198.51.100.7"], "would send in the clear"),
        (["--rate", "0"], "expected a number from 0.01"),
        (["--duration", "5"], "expected a time such as 90s"),
        (["--start", "2026-11-21T10:00"], "without one"),
        (["--shops", "0"], "expected a whole number from 1"),
        (["--days", "1", "--remove"], "not allowed with"),
    ],
)
def test_wrong_usage_is_told_and_ends_with_two(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_zone_that_is_not_known_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        "--zone: expected an IANA time zone"
        in simulate(capsys, "--zone", "Mars/Base", "--days", "1", code=1)["said"]
    )
