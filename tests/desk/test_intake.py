"""Tables of members are taken in: all that is sound, in short steps, whatever stands in them."""

import threading
from pathlib import Path

import pytest

from edge.desk import intake
from edge.desk.intake import FAULTS_KEPT, ImportDesk, Progress, take_in
from edge.store.database import StoreFull
from edge.store.people import People
from edge.store.register import Register
from tests.support.people import NOW
from tests.web.shopbox import ShopBox


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def taken(box: ShopBox, text: str) -> Progress:
    return take_in(text.encode(), box.register, box.now, pause_s=0.0)


def test_a_great_table_is_taken_in_steps_and_says_how_far_it_is(box: ShopBox) -> None:
    rows = "".join(f"会员{n},C-{n}\n" if n % 100 else f",C-{n}\n" for n in range(2000))
    told: list[Progress] = []
    done = take_in(
        f"name,external_id\n{rows}".encode(), box.register, box.now, told.append, pause_s=0.0
    )
    assert (done.stage, done.added, done.changed, done.broken) == ("done", 1980, 0, 20)
    percents = [one.percent for one in told]
    assert percents == sorted(percents)
    assert len(set(percents)) > 9
    again = taken(box, f"name,external_id\n{rows}")
    assert (again.added, again.changed, again.broken) == (0, 1980, 20)


def test_very_many_broken_rows_are_all_counted_and_some_are_named(box: ShopBox) -> None:
    done = taken(box, "name,birthday\n" + "王丽,99-99\n" * (FAULTS_KEPT + 7))
    assert (done.broken, len(done.faults), done.added) == (FAULTS_KEPT + 7, FAULTS_KEPT, 0)


def test_a_member_whose_profile_is_damaged_keeps_nobody_else_out(box: ShopBox) -> None:
    damaged = box.member("王丽", external_id="C-2")
    box.db.execute("UPDATE member SET profile = x'00' WHERE id = ?", [damaged.id])
    done = taken(box, "name,external_id\n李雷,C-1\n王丽,C-2\n韩梅,C-3\n")
    assert (done.added, done.changed, done.broken) == (2, 0, 1)
    assert [(fault.line, fault.column) for fault in done.faults] == [(3, "external_id")]


def test_a_store_that_gives_up_stops_it_and_what_came_before_stays(
    box: ShopBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_over = Register.take_over
    steps = []

    def full_at_the_second(*given: object) -> object:
        steps.append(1)
        if len(steps) > 1:
            raise StoreFull("no room")
        return take_over(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Register, "take_over", full_at_the_second)
    done = taken(box, "name\n" + "王丽\n" * 300)
    assert (done.stage, done.added, done.why) == ("stopped", intake.AT_ONCE, "no room")


def test_one_import_at_a_time_and_a_fault_of_ours_does_not_run_for_ever(
    box: ShopBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()

    def slow(_actor: str) -> Register | None:
        held.wait(10)
        raise RuntimeError("of ours")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    desk = ImportDesk(box.means, register=slow)
    assert desk.progress == Progress()
    assert desk.begin(b"name\nA\n", "local") is None
    assert desk.begin(b"name\nB\n", "local") == "running"
    at_work = desk.progress.stage
    assert at_work == "running"
    held.set()
    desk.wait(10)
    assert desk.progress.stage == "stopped"
    assert desk.begin(b"name\nB\n", "local") is None
    desk.wait(10)


def test_names_that_could_be_code_are_kept_as_text(box: ShopBox) -> None:
    names = ("<script>alert(1)</script>", "=HYPERLINK(1)", "Robert'); DROP TABLE member;--")
    quoted = "".join(f'"{name}"\n' for name in names)
    assert taken(box, f"name\n{quoted}").added == len(names)
    members = People(box.db, box.keys).everybody().members
    assert {one.profile.name for one in members} == set(names)


def test_ten_megabytes_of_one_row_are_no_matter(box: ShopBox) -> None:
    done = taken(box, 'name,note\n王丽,"' + "x" * 10_000_000 + '"\n李雷,\n')
    assert done.added + done.broken >= 1
    assert done.stage == "done"
