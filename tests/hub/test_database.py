"""The database: its settings, its schema, and two at once."""

import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from cloud import aside, db, facts, tables
from cloud.db import check_schema, migrate, open_engine, reading, writing
from cloud.db_faults import why_unopened
from cloud.errors import DatabaseFault
from cloud.partitions import ulid_time
from cloud.retention import retain
from cloud.rollup import rollup
from cloud.throwaway import Postgres
from tests.hub.conftest import NOW, on_sqlite
from tests.support.processes import until


def empty(folder: Path) -> Engine:
    return open_engine(f"sqlite:///{folder / 'new' / 'hub.db'}")


def is_declared(one: Any, name: str | None, kind: str, reflected: bool, _: Any) -> bool:
    """Leave out the partitions, which are as their tables are."""
    table = name if kind == "table" else one.table.name
    return not (reflected and re.search(r"_(default|\d{4}_\d\d)$", str(table)))


def test_the_migrations_make_the_tables_that_the_code_declares(engine: Engine) -> None:
    with reading(engine) as connection:
        opts = {"compare_type": True, "include_object": is_declared}
        found = compare_metadata(MigrationContext.configure(connection, opts=opts), tables.METADATA)
        names = inspect(connection).get_table_names()
        keys = {
            name: inspect(connection).get_pk_constraint(name)["constrained_columns"]
            for name in tables.METADATA.tables
        }
        references = {
            (name, key["referred_table"])
            for name in tables.METADATA.tables
            for key in inspect(connection).get_foreign_keys(name)
        }
    expected = {
        name: list(table.primary_key.columns.keys())
        for name, table in tables.METADATA.tables.items()
    }
    links = {("box", "store"), ("gap", "epoch"), ("alert", "epoch"), ("member_change", "epoch")}
    links |= {(name, "office_member") for name in ("office_member_shop", "member_merge")}
    links |= {(name, "account") for name in ("account_shop", "recovery_code", "account_session")}
    links |= {("hub_token_shop", "hub_token"), ("anomaly_ack", "anomaly")}
    if engine.dialect.name == "postgresql":  # as `tables` says of what is partitioned there
        expected["event"].append("at")
        (lacking,) = found
        assert lacking[0] == "add_fk"
        assert lacking[1].parent.name == "event"
    else:
        links.add(("event", "epoch"))
        assert found == []
    assert keys == expected
    assert references == links
    assert set(tables.METADATA.tables) < set(names)


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    with writing(engine) as connection:
        aside.count_up(connection, {"kept": 3})
    migrate(engine)
    with reading(engine) as connection:
        assert aside.meters(connection) == {"kept": 3}


def test_a_database_of_the_first_release_keeps_its_visits_as_visitors(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    engine = empty(tmp_path)
    with writing(engine) as connection:
        command.upgrade(db._config(connection), "0001")
        connection.execute(text("INSERT INTO store VALUES ('s', 's', 'UTC')"))
        values = ":visit, :rev, :at, 'door', 'visitor', NULL, 0, NULL, 'crossings', 0, NULL, NULL"
        connection.execute(
            text(f"INSERT INTO visit VALUES ('s', 'b', {values})"),
            [
                {"visit": "opened", "rev": 0, "at": 0},
                {"visit": "revised", "rev": 3, "at": 1},
                {"visit": "only its close is known", "rev": -1, "at": None},
            ],
        )
        facts.mark_dirty(connection, [("s", 0)])
    migrate(engine)
    assert rollup(engine) == 1
    with reading(engine) as connection:
        assert connection.execute(tables.hourly.select()).one().visitors == 2
        counted = connection.execute(
            text("SELECT counted FROM visit ORDER BY visit"),
        )
        assert counted.scalars().all() == [None, 1, 1]
    engine.dispose()


def test_a_postgresql_of_an_earlier_release_keeps_its_facts_and_sorts_them_into_months(
    postgres: Postgres,
) -> None:
    engine = open_engine(postgres.make("earlier"))
    at = int(NOW.timestamp() * 1000)
    with writing(engine) as connection:
        command.upgrade(db._config(connection), "0002")
        for statement in (
            "INSERT INTO epoch VALUES (1, 's', 'b', 'e', 2, 2, 2, 0, 0)",
            f"INSERT INTO event VALUES (1, 1, 'k', {at}, 0, 'ok', '{{}}')",
            "INSERT INTO event VALUES (1, 2, 'k', 9, 0, 'ok', '{}')",
            "INSERT INTO visit (store, box, visit, rev, void)"
            f" VALUES ('s', 'b', '{ulid_time(NOW)}', 0, false)",
        ):
            connection.execute(text(statement))
    migrate(engine)
    retain(engine, timedelta(days=31), NOW + timedelta(days=1), threading.Event())
    with reading(engine) as connection:
        places = "SELECT tableoid::regclass::text, seq FROM event"
        assert connection.execute(text(places)).all() == [("event_2026_11", 1)]
        places = "SELECT tableoid::regclass::text FROM visit"
        assert connection.execute(text(places)).scalars().all() == ["visit_2026_11"]
    engine.dispose()


def test_two_that_migrate_at_once_both_succeed(tmp_path: Path) -> None:
    empty(tmp_path).dispose()
    faults: list[BaseException] = []
    together = threading.Barrier(4)

    def run() -> None:
        engine = empty(tmp_path)
        try:
            together.wait()
            migrate(engine)
            check_schema(engine)
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            faults.append(exc)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_database_that_is_not_migrated_says_what_to_run(tmp_path: Path) -> None:
    engine = empty(tmp_path)
    with pytest.raises(DatabaseFault, match=r"got no file.*run `menkou-hub migrate`"):
        check_schema(engine)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "hub.db").touch()
    with pytest.raises(DatabaseFault, match=r"got none or an older one; run `menkou-hub migrate`"):
        check_schema(engine)
    engine.dispose()


def test_a_database_newer_than_the_program_is_refused_and_left_alone(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (check_schema, migrate):
        with pytest.raises(DatabaseFault, match=r"newer.*menkou-hub migrate"):
            use(engine)
    with reading(engine) as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    assert version == "9999"


def test_a_database_that_cannot_be_opened_is_an_error_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "hub.db").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    with pytest.raises(DatabaseFault, match="cannot be used"):
        check_schema(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("postgresql://hub:geheim@127.0.0.1:1/hub", "the server refuses connections"),
        ("postgresql://hub:geheim@nowhere.invalid/hub", "there is no such host"),
        ("postgresql://hub:geheim@127.0.0.1/x?sslmode=bogus", 'invalid sslmode value: "bogus"'),
    ],
)
def test_a_server_that_cannot_be_reached_is_said_with_its_cause(address: str, cause: str) -> None:
    for use in (check_schema, migrate):
        engine = open_engine(address)
        with pytest.raises(DatabaseFault) as caught:
            use(engine)
        assert f"hub:***@{engine.url.host}" in str(caught.value)
        assert cause in str(caught.value)
        assert "geheim" not in str(caught.value)
        engine.dispose()


@pytest.mark.parametrize(
    "address", ["postgresql://hub:ge%2Fheim@h/hub", "postgresql://hub@h/hub?password=ge/heim"]
)
def test_a_driver_that_repeats_the_password_is_not_repeated(address: str) -> None:
    exc = DBAPIError("", {}, Exception("never\nheard of ge/heim"))
    told = why_unopened(make_url(address), exc)
    assert told.endswith("cannot be used: never heard of ***")
    assert "heim" not in told.removesuffix("***")


@pytest.mark.parametrize(
    ("user", "name", "cause"),
    [
        ("stranger:geheim", "hub", "wrong user or password; see to USER:PASSWORD in the address"),
        ("stranger", "hub", "wrong user or password"),
        ("nobody", "hub", "there is no such user; make one: createuser"),
        ("menkou", "absent", "there is no such database; make it: createdb"),
        ("poor", "templated", "this user may not use it; make USER the owner"),
    ],
)
def test_a_server_that_refuses_is_said_with_its_cause(
    postgres: Postgres, user: str, name: str, cause: str
) -> None:
    admin = open_engine(postgres.url("postgres"))
    with writing(admin) as connection:
        for role in ("stranger", "poor"):
            connection.execute(text(f"DROP ROLE IF EXISTS {role}"))
            connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'another'"))
        place = connection.execute(text("SHOW hba_file")).scalar_one()
    rules = Path(place).read_text()
    if name == "templated":
        postgres.make(name)
    try:
        Path(place).write_text(f"local all stranger scram-sha-256\n{rules}")
        with writing(admin) as connection:
            connection.execute(text("SELECT pg_reload_conf()"))
        engine = open_engine(postgres.url(name).replace("menkou@", f"{user}@"))

        def refused() -> bool:
            with pytest.raises(DatabaseFault) as caught:
                migrate(engine)
            assert "geheim" not in str(caught.value)
            return cause in str(caught.value)

        # The server reads its rules anew a moment after it is told to.
        until(refused, what=cause)
        engine.dispose()
    finally:
        Path(place).write_text(rules)
        with writing(admin) as connection:
            connection.execute(text("SELECT pg_reload_conf()"))
        admin.dispose()
        postgres.drop("templated")


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_text("A letter to a friend, " * 50)
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    with pytest.raises(DatabaseFault, match="the file is no SQLite database"):
        check_schema(engine)
    engine.dispose()


@on_sqlite
def test_sqlite_syncs_every_commit_and_checks_references(engine: Engine) -> None:
    with reading(engine) as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    assert values == expected


def test_writers_that_read_first_wait_for_each_other(engine: Engine) -> None:
    """Without taking the lock at the start, one of them fails at once: `database is locked`."""
    faults: list[BaseException] = []

    def add() -> None:
        try:
            for _ in range(20):
                with writing(engine) as connection:
                    aside.meters(connection)
                    aside.count_up(connection, {"sum": 1})
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            faults.append(exc)

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with reading(engine) as connection:
        assert aside.meters(connection)["sum"] == 60


def test_a_transaction_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as connection:
            facts.mark_dirty(connection, [("s", 1)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with reading(engine) as connection:
        assert connection.execute(tables.dirty.select()).all() == []


def test_the_same_tables_can_be_made_in_postgresql() -> None:
    made: list[str] = []
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in tables.METADATA.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
    assert any("pk BIGSERIAL" in statement for statement in made)
