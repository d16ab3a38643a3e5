"""Pairing: a code is good once and briefly, a session until it is revoked or forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.store.audit import Audit
from edge.store.database import connect, migrate, transaction
from edge.store.devices import CODE_LIVES, SEEN_EVERY, UNUSED_FOR, Devices, Role, first_role
from edge.store.schema import migrations

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = connect(tmp_path)
    migrate(made)
    yield made
    made.close()


@pytest.fixture
def devices(db: Database) -> Devices:
    return Devices(db)


def _code(devices: Devices, role: Role = "consultant", name: str = "") -> str:
    return devices.issue(role=role, name=name, by="local", now=NOW).text


def test_a_code_pairs_one_device_with_the_role_it_was_made_for(devices: Devices) -> None:
    session = devices.redeem(_code(devices, "installer", "till"), now=NOW)
    assert session is not None
    assert (session.device.role, session.device.name) == ("installer", "till")
    assert devices.find(session.token, NOW) == session.device


def test_devices_of_a_box_from_before_guests_screens_stay_paired(tmp_path: Path) -> None:
    db = connect(tmp_path)
    migrations.apply(db, stop_before="0011_guest_screens")
    devices = Devices(db)
    session = devices.redeem(_code(devices, "manager", "till"), now=NOW)
    waiting = _code(devices)
    assert session is not None
    migrations.apply(db)
    assert devices.find(session.token, NOW) == session.device
    assert devices.redeem(waiting, now=NOW) is not None
    screen = devices.redeem(_code(devices, "guest"), now=NOW)
    assert screen is not None
    assert screen.device.role == "guest"
    assert [entry.what for entry in Audit(db).entries()] == ["pair"] * 3
    db.close()


def test_a_code_is_good_once(devices: Devices) -> None:
    code = _code(devices)
    assert devices.redeem(code, now=NOW) is not None
    assert devices.redeem(code, now=NOW) is None


@pytest.mark.parametrize(
    ("after", "good"),
    [
        pytest.param(CODE_LIVES - SECOND, True, id="within ten minutes"),
        pytest.param(CODE_LIVES, False, id="after"),
        pytest.param(-SECOND, False, id="made by a clock that was ahead"),
    ],
)
def test_a_code_lives_ten_minutes(devices: Devices, after: timedelta, good: bool) -> None:
    assert (devices.redeem(_code(devices), now=NOW + after) is not None) == good


def test_a_code_may_be_typed_as_people_type(devices: Devices) -> None:
    code = _code(devices)
    assert len(code) == 9
    assert devices.redeem(f" {code.lower().replace('-', ' ')}", now=NOW) is not None


@pytest.mark.parametrize("typed", ["", "ABCD-EFGH", "A" * 10_000, "门口", "ABCD-EFGHJ"])
def test_another_code_pairs_nobody(devices: Devices, typed: str) -> None:
    _code(devices)
    assert devices.redeem(typed, now=NOW) is None
    assert devices.paired(NOW) == ()


def test_neither_code_nor_token_lies_in_the_database(devices: Devices, tmp_path: Path) -> None:
    waiting = _code(devices)
    session = devices.redeem(_code(devices), now=NOW)
    assert session is not None
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (waiting, waiting.replace("-", ""), session.token):
        assert secret.encode() not in held
    assert session.token not in repr(session)


def test_a_revoked_device_is_out_at_once_and_for_good(devices: Devices) -> None:
    session = devices.redeem(_code(devices), now=NOW)
    assert session is not None
    assert devices.revoke(session.device.id, by="local", now=NOW)
    assert devices.find(session.token, NOW) is None
    assert devices.paired(NOW) == ()
    assert not devices.revoke(session.device.id, by="local", now=NOW)


def test_a_revoked_device_cannot_return_by_a_code_that_it_made(
    devices: Devices, db: Database
) -> None:
    session = devices.redeem(_code(devices, "manager"), now=NOW)
    assert session is not None
    own = devices.issue(role="manager", name="", by=session.device.id, now=NOW)
    others = _code(devices)
    devices.revoke(session.device.id, by="local", now=NOW)
    assert db.execute("SELECT made_by FROM pairing_code").fetchall() == [("local",)]
    assert devices.redeem(own.text, now=NOW) is None
    assert devices.redeem(others, now=NOW) is not None


def test_a_code_that_is_made_while_its_maker_is_revoked_pairs_nobody(devices: Devices) -> None:
    session = devices.redeem(_code(devices, "manager"), now=NOW)
    assert session is not None
    devices.revoke(session.device.id, by="local", now=NOW)
    late = devices.issue(role="manager", name="", by=session.device.id, now=NOW)
    assert devices.redeem(late.text, now=NOW) is None


def test_of_very_many_codes_the_newest_twenty_are_good(devices: Devices) -> None:
    made = [
        devices.issue(role="consultant", name="", by="local", now=NOW + second * SECOND).text
        for second in range(21)
    ]
    now = NOW + 21 * SECOND
    assert devices.redeem(made[0], now=now) is None
    assert devices.redeem(made[1], now=now) is not None


def test_a_session_ends_after_thirty_days_without_use(devices: Devices) -> None:
    session = devices.redeem(_code(devices), now=NOW)
    assert session is not None
    last = NOW + UNUSED_FOR - SECOND
    device = devices.find(session.token, last)
    assert device is not None
    devices.saw(device, last)
    assert devices.find(session.token, NOW + UNUSED_FOR + timedelta(days=20)) is not None
    assert devices.find(session.token, last + UNUSED_FOR) is None
    assert devices.paired(last + UNUSED_FOR) == ()


def test_being_seen_is_written_once_a_minute(devices: Devices, db: Database) -> None:
    session = devices.redeem(_code(devices), now=NOW)
    assert session is not None
    before = db.conn.total_changes
    devices.saw(session.device, NOW + SEEN_EVERY - SECOND)
    assert db.conn.total_changes == before
    devices.saw(session.device, NOW + SEEN_EVERY)
    assert devices.paired(NOW)[0].seen_at == NOW + SEEN_EVERY


def test_the_first_device_is_the_managers_and_the_next_a_consultants(devices: Devices) -> None:
    assert first_role(devices, NOW) == "manager"
    devices.redeem(_code(devices, "consultant"), now=NOW)
    assert first_role(devices, NOW) == "manager"
    session = devices.redeem(_code(devices, "manager"), now=NOW)
    assert session is not None
    assert first_role(devices, NOW) == "consultant"
    devices.revoke(session.device.id, by="local", now=NOW)
    assert first_role(devices, NOW) == "manager"


def test_pairing_and_revoking_stand_in_the_audit_log(devices: Devices, db: Database) -> None:
    session = devices.redeem(_code(devices, "manager", "a name"), now=NOW)
    assert session is not None
    devices.revoke(session.device.id, by=session.device.id, now=NOW)
    told = [(e.what, e.actor, dict(e.detail)) for e in Audit(db).entries()]
    device = session.device.id
    assert told == [
        ("pair", "local", {"device": device, "role": "manager"}),
        ("revoke", device, {"device": device}),
    ]


def test_a_name_is_one_short_line(devices: Devices) -> None:
    session = devices.redeem(_code(devices), name="  till\n\u202e tablet " + "x" * 99, now=NOW)
    assert session is not None
    assert session.device.name.startswith("till tablet x")
    assert len(session.device.name) == 40


def test_a_pairing_that_is_cut_off_uses_up_no_code(devices: Devices, db: Database) -> None:
    code = _code(devices)
    db.execute("CREATE TRIGGER stop BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'cut'); END")
    with pytest.raises(Exception, match="cut"):
        devices.redeem(code, now=NOW)
    db.execute("DROP TRIGGER stop")
    assert devices.paired(NOW) == ()
    assert devices.redeem(code, now=NOW) is not None


def test_a_device_has_one_of_three_roles(db: Database) -> None:
    with pytest.raises(Exception, match="CHECK"), transaction(db):
        db.execute("INSERT INTO pairing_code VALUES (x'00', '', 'owner', 'local', '')")
