"""One-time codes in a real store: each once, for a while, and not to be guessed."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.core.codes import CODE_LIVES, FAILURES_MAX, LOCKED_FOR, Outcome, read_typed
from edge.keys.onetime import code_at
from edge.store import code_tries, codes, holding
from edge.store.audit import Audit
from edge.store.codes import OPEN_MAX, Codes, PhoneUnclear
from edge.store.database import FILE_NAME, connect
from edge.store.endings import erase
from edge.store.people import MemberMissing, People, subject_of
from edge.store.register import Register
from edge.store.schema import migrations
from edge.store.switches import open_requests
from tests.support.people import NOW, joined, profile_keys

STEP_S = timedelta(seconds=30)


class Shop:
    """A store with members, their codes, and devices that type."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.keys = profile_keys()
        self.codes = Codes(db, self.keys)
        self.register = Register(db, self.keys, actor="local", tell=lambda *_: None)
        self.ids: dict[str, str] = {}

    def member(self, name: str) -> str:
        """Add a member; return the subject."""
        member_id = joined(self.register, name)
        subject = subject_of(self.db, member_id)
        self.ids[subject] = member_id
        return subject

    def phone(self, subject: str, number: str = "138 0013 8000") -> bytes:
        return self.codes.provide(subject, number, NOW, actor="manager")

    def type(
        self, code: str, phone: str = "", *, device: str = "till", late: timedelta = timedelta()
    ) -> Outcome:
        typed = read_typed(code, phone)
        return self.codes.redeem(typed, device=device, now=NOW + late, sure=True)

    def arrived(self) -> list[str | None]:
        """Return who waits for the eyes."""
        return [request.subject for request in open_requests(self.db)]

    def noted(self) -> list[tuple[str, str | None, object]]:
        entries = Audit(self.db).entries()
        return [(e.actor, e.subject, e.detail["how"]) for e in entries if e.what == "code"]


@pytest.fixture
def shop(db: Database) -> Shop:
    return Shop(db)


def _shown(secret: bytes, late: timedelta = timedelta()) -> str:
    """Return what the member's phone shows."""
    return code_at(secret, int((NOW + late).timestamp()) // 30)


def test_six_digits_of_the_shop_are_good_once(shop: Shop) -> None:
    subject = shop.member("王丽")
    code = shop.codes.issue(subject, NOW, actor="manager")
    assert code.expires_at == NOW + CODE_LIVES
    assert shop.type(code.text) == "taken"
    assert shop.arrived() == [subject]
    assert shop.type(code.text) == "used"
    assert shop.type(code.text, device="phone") == "used"
    assert shop.arrived() == [subject]
    assert shop.noted() == [("manager", subject, "shop")]


def test_six_digits_of_the_shop_live_ten_minutes(shop: Shop) -> None:
    code = shop.codes.issue(shop.member("王丽"), NOW, actor="manager").text
    assert shop.type(code, late=CODE_LIVES) == "wrong"
    other = shop.codes.issue(shop.member("张伟"), NOW, actor="manager").text
    assert shop.type(other, late=CODE_LIVES - timedelta(seconds=1)) == "taken"


def test_digits_made_by_a_clock_that_went_back_are_dropped(shop: Shop) -> None:
    code = shop.codes.issue(shop.member("王丽"), NOW, actor="manager").text
    assert shop.type(code, late=timedelta(minutes=-1)) == "wrong"


def test_a_new_code_of_a_member_ends_the_one_before(shop: Shop) -> None:
    subject = shop.member("王丽")
    first, second = (shop.codes.issue(subject, NOW, actor="manager").text for _ in range(2))
    assert shop.type(first) == "wrong"
    assert shop.type(second) == "taken"


def test_few_codes_live_at_a_time(shop: Shop) -> None:
    first = shop.codes.issue(shop.member("王丽"), NOW, actor="manager").text
    for number in range(OPEN_MAX):
        later = NOW + timedelta(seconds=1)
        shop.codes.issue(shop.member(f"guest {number}"), later, actor="manager")
    assert shop.db.table("shop_code").count == OPEN_MAX
    assert shop.type(first, late=timedelta(seconds=1)) == "wrong"


def test_what_a_phone_shows_is_good_with_its_digits_and_once(shop: Shop) -> None:
    subject = shop.member("王丽")
    code = _shown(shop.phone(subject))
    assert shop.type(code, "8000") == "taken"
    assert shop.type(code, "8000") == "used"
    assert shop.type("8000" + code, device="phone") == "used"
    assert shop.arrived() == [subject]


def test_that_a_code_was_used_is_known_after_a_restart(shop: Shop, tmp_path: Path) -> None:
    code = _shown(shop.phone(shop.member("王丽")))
    assert shop.type(code, "8000") == "taken"
    again = Shop(connect(tmp_path))
    assert again.type(code, "8000") == "used"
    again.db.close()


@pytest.mark.parametrize(
    ("late", "outcome"),
    [(-2, "wrong"), (-1, "taken"), (0, "taken"), (1, "taken"), (2, "wrong")],
    ids=["two steps early", "one early", "in time", "one late", "two late"],
)
def test_a_phone_may_be_wrong_by_one_step(shop: Shop, late: int, outcome: Outcome) -> None:
    secret = shop.phone(shop.member("王丽"))
    assert shop.type(_shown(secret), "8000", late=late * STEP_S) == outcome


def test_an_older_code_is_no_good_once_a_newer_one_was_used(shop: Shop) -> None:
    secret = shop.phone(shop.member("王丽"))
    assert shop.type(_shown(secret, STEP_S), "8000") == "taken"
    assert shop.type(_shown(secret), "8000") == "used"
    assert shop.type(_shown(secret, 2 * STEP_S), "8000", late=STEP_S) == "taken"


def test_of_several_members_with_the_same_four_digits_the_code_decides(shop: Shop) -> None:
    subjects = [shop.member(name) for name in ("王丽", "张伟", "李娜")]
    secrets = [shop.phone(subject) for subject in subjects]
    for subject, secret in reversed(list(zip(subjects, secrets, strict=True))):
        assert shop.type(_shown(secret), "8000") == "taken"
        assert shop.arrived()[-1] == subject


def test_a_code_that_two_phones_show_is_nobodys(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "new_secret", lambda: bytes(range(20)))
    secret, _ = (shop.phone(shop.member(name)) for name in ("王丽", "张伟"))
    assert shop.type(_shown(secret), "8000") == "wrong"
    assert shop.arrived() == []


def test_another_phones_digits_make_a_code_wrong(shop: Shop) -> None:
    code = _shown(shop.phone(shop.member("王丽")))
    assert shop.type(code, "8001") == "wrong"
    assert shop.type(code) == "wrong"
    assert shop.type(code, "8000") == "taken"


def test_a_new_phone_ends_the_one_before(shop: Shop) -> None:
    subject = shop.member("王丽")
    before, now = shop.phone(subject), shop.phone(subject, "139 0000 1234")
    assert shop.type(_shown(before), "8000") == "wrong"
    assert shop.type(_shown(now), "1234") == "taken"


def test_a_lost_phone_makes_no_codes_any_more(shop: Shop) -> None:
    subject = shop.member("王丽")
    code = _shown(shop.phone(subject))
    assert codes.end(shop.db, subject, NOW, actor="manager")
    assert shop.type(code, "8000") == "wrong"
    assert not codes.end(shop.db, subject, NOW, actor="manager")
    assert [how for _, _, how in shop.noted()] == ["phone", "ended"]


def test_a_shops_code_typed_with_a_phones_digits_is_taken(shop: Shop) -> None:
    subject = shop.member("王丽")
    code = shop.codes.issue(subject, NOW, actor="manager").text
    assert shop.type(code, "8000") == "taken"
    assert shop.arrived() == [subject]


def test_while_nobody_vouches_for_the_time_phones_cannot_be_judged(shop: Shop) -> None:
    subject = shop.member("王丽")
    typed = read_typed(_shown(shop.phone(subject)), "8000")
    of_the_shop = read_typed(shop.codes.issue(subject, NOW, actor="manager").text)
    for _ in range(FAILURES_MAX + 1):
        assert shop.codes.redeem(typed, device="till", now=NOW, sure=False) == "clock"
    assert shop.arrived() == []
    assert shop.codes.redeem(of_the_shop, device="till", now=NOW, sure=False) == "taken"


def test_the_fifth_wrong_code_locks_the_device_and_no_other(shop: Shop) -> None:
    subject = shop.member("王丽")
    code = shop.codes.issue(subject, NOW, actor="manager").text
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert [shop.type(wrong) for _ in range(FAILURES_MAX)] == ["wrong"] * FAILURES_MAX
    assert shop.type(code) == "locked"
    assert shop.arrived() == []
    assert [one.device for one in code_tries.locked(shop.db, NOW)] == ["till"]
    assert shop.noted()[-1] == ("till", None, "locked")
    assert shop.type(code, device="phone") == "taken"


def test_a_lock_holds_over_a_restart_and_ends_by_itself(shop: Shop, tmp_path: Path) -> None:
    for _ in range(FAILURES_MAX):
        shop.type("000000")
    again = Shop(connect(tmp_path))
    assert again.type("000000", late=LOCKED_FOR - timedelta(seconds=1)) == "locked"
    assert again.type("000000", late=LOCKED_FOR) == "wrong"
    again.db.close()


def test_a_lock_made_by_a_clock_that_was_ahead_ends_too(shop: Shop) -> None:
    for _ in range(FAILURES_MAX):
        shop.type("000000", late=timedelta(days=9))
    assert shop.type("000000") == "locked"
    assert shop.type("000000", late=LOCKED_FOR) == "wrong"


def test_the_manager_unlocks_a_device(shop: Shop) -> None:
    for _ in range(FAILURES_MAX):
        shop.type("000000")
    assert code_tries.unlock(shop.db, "till", NOW, by="manager")
    assert shop.type("000000") == "wrong"
    assert code_tries.tries_of(shop.db, "till").tries.left == FAILURES_MAX - 1
    assert ("manager", None, "unlocked") in shop.noted()
    assert not code_tries.unlock(shop.db, "till", NOW, by="manager")


def test_an_erased_members_codes_are_no_good_and_nothing_of_them_is_left(
    shop: Shop, tmp_path: Path
) -> None:
    subject, other = shop.member("王丽"), shop.member("张伟")
    secret, kept = shop.phone(subject), shop.phone(other, "139 0000 1234")
    code = shop.codes.issue(subject, NOW, actor="manager").text
    (sealed,) = shop.db.execute(
        "SELECT sealed FROM code_secret WHERE subject = ?", [subject]
    ).fetchone()
    assert sealed in _bytes_of(tmp_path)
    erase(shop.db, shop.ids[subject], NOW, actor="local", tell=lambda *_: None)
    assert shop.type(_shown(secret), "8000") == "wrong"
    assert shop.type(code) == "wrong"
    assert sealed not in _bytes_of(tmp_path)
    assert shop.type(_shown(kept), "1234") == "taken"


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(f"{FILE_NAME}*"))


def test_neither_secret_nor_digits_stand_in_the_store(shop: Shop, tmp_path: Path) -> None:
    subject = shop.member("王丽")
    secret = shop.phone(subject)
    code = shop.codes.issue(subject, NOW, actor="manager").text
    shop.type(code)
    assert secret not in _bytes_of(tmp_path)
    kept = [
        value
        for table in ("code_secret", "shop_code", "code_try", "request")
        for row in shop.db.execute(f"SELECT * FROM {table}")
        for value in row
    ]
    assert subject in kept
    for digits in (code, "8000"):
        assert not {digits, int(digits), digits.encode()} & set(kept)


def test_a_member_is_told_that_a_phone_makes_codes_and_not_its_secret(shop: Shop) -> None:
    subject = shop.member("王丽")
    secret = shop.phone(subject)
    assert shop.type(_shown(secret), "8000") == "taken"
    member = People(shop.db, shop.keys).by_id(shop.ids[subject])
    (told,) = holding.everything(shop.db, shop.keys, member, NOW)["codes"]
    assert told["last_used_at"].startswith("2026-11-22T03:00")
    assert told["secret"] == "encrypted, for the member's phone"


def test_one_damaged_secret_takes_no_other_members_code_away(shop: Shop) -> None:
    damaged, sound = shop.member("王丽"), shop.member("张伟")
    shop.phone(damaged)
    code = _shown(shop.phone(sound))
    shop.db.execute("UPDATE code_secret SET sealed = zeroblob(48) WHERE subject = ?", [damaged])
    assert shop.type(code, "8000") == "taken"


def test_codes_are_made_for_members_with_phones_only(shop: Shop) -> None:
    subject = shop.member("王丽")
    with pytest.raises(PhoneUnclear, match="last four digits"):
        shop.codes.provide(subject, "no phone", NOW, actor="manager")
    for make in (
        lambda: shop.codes.issue("nobody", NOW, actor="manager"),
        lambda: shop.codes.provide("nobody", "8000", NOW, actor="manager"),
    ):
        with pytest.raises(MemberMissing):
            make()
    assert shop.noted() == []


def test_requests_and_log_of_a_box_from_before_codes_are_kept(tmp_path: Path) -> None:
    db = connect(tmp_path)
    migrations.apply(db, stop_before="0009_codes")
    Audit(db).append(at=NOW, what="pair", actor="local")
    visit = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    db.execute(
        "INSERT INTO visit (id, rev, opened_at, who, void, origin)"
        " VALUES (?, 0, '2026-11-22T03:00:00.000Z', 'visitor', 0, 'run')",
        [visit],
    )
    db.execute(
        "INSERT INTO request (id, at, kind, visit, actor)"
        " VALUES (7, '2026-11-22T03:00:00.000Z', 'wrong_person', ?, 'device-1')",
        [visit],
    )
    migrations.apply(db)
    (request,) = open_requests(db)
    assert (request.id, request.kind, request.visit, request.subject) == (
        7,
        "wrong_person",
        visit,
        None,
    )
    assert Audit(db).verify().broken is None
    db.close()
    with (
        closing(sqlite3.connect(tmp_path / FILE_NAME)) as bare,
        pytest.raises(sqlite3.IntegrityError),
    ):
        bare.execute("INSERT INTO request (at, kind, actor) VALUES ('now', 'wrong_person', 'x')")
