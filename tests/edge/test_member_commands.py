"""`menkou-edge member ...` and `menkou-edge audit ...`, as somebody in a shell meets them."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from edge import cli, member_commands
from edge.app.keys import keyring
from edge.app.member import LOCAL, Office
from edge.clock import SystemClock
from edge.config import load
from edge.consent.texts import consent_texts, text_hashes
from edge.keys.templates import TemplateOpener
from edge.store import register
from edge.store.database import FILE_NAME, StoreFault, StoreLock, connect
from edge.store.outbox import Outbox
from edge.store.people import subject_of, template_rows
from edge.store.register import Register
from edge.store.switches import FACES, switch
from edge.wire.messages import MemberChanged
from tests.support.people import RECORD

SETTINGS = """\
[store]
id = "nj-001"
name = "南京东路店"
timezone = "Asia/Shanghai"
[box]
id = "nj-001-a"
data_dir = "data"
[privacy]
mode = "{mode}"
key = "file"
[declaration]
jurisdiction = "CN"
controller = "Example Jewellery Co."
contact = "privacy@example.com"
assessment = "PIA-2026-014"
signage_attested_by = "Shop manager"
signage_attested_on = 2026-11-01
expires = {expires}
accept_file_key = {accepted}
"""


class Shell:
    """Runs commands against one box's settings."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.settings()

    def settings(
        self, mode: str = "checkin", expires: str = "2099-01-01", accepted: str = "true"
    ) -> None:
        text = SETTINGS.format(mode=mode, expires=expires, accepted=accepted)
        (self.folder / "edge.toml").write_text(text, encoding="utf-8")

    @property
    def config(self) -> Path:
        return self.folder / "edge.toml"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr of a command."""
        argv = [*map(str, words), "--config", str(self.config)]
        try:
            code = cli.main(argv)
        except SystemExit as exc:  # argparse's own
            code = int(str(exc.code))
        out, err = self._capsys.readouterr()
        return code, out, err

    def member(self, *words: str | Path) -> str:
        """Return stdout of a member command that must succeed."""
        code, out, err = self.run("member", *words)
        assert code == 0, err
        return out

    def enroll(self, *words: str | Path) -> str:
        """Return the id of a member who is enrolled."""
        return self.member("enroll", *words).splitlines()[-1]

    def consent(self, **changed: Any) -> Path:
        """Write a consent record."""
        now = datetime.now(UTC)
        record: Mapping[str, Any] = {
            **RECORD,
            "given_at": (now - timedelta(hours=1)).isoformat(),
            "expires": (now + timedelta(days=365)).date().isoformat(),
            **changed,
        }
        path = self.folder / "consent.json"
        path.write_text(json.dumps(record), encoding="utf-8")
        return path

    def told(self) -> list[str]:
        """Return what the hub would be told of members."""
        db = connect(self.data_dir)
        bodies = [waiting.event.body for waiting in Outbox(db).waiting(after=0, limit=200)]
        db.close()
        return [body.change for body in bodies if isinstance(body, MemberChanged)]


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each seal of this process was to be quiet. The tests' own process stays open."""
    seals: list[bool] = []
    monkeypatch.setattr(member_commands, "seal_process", lambda *, quietly: seals.append(quietly))
    return seals


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], sealed: list[bool]) -> Shell:
    return Shell(tmp_path, capsys)


def test_every_command_closes_its_memory_before_anything_is_in_it(
    shell: Shell, sealed: list[bool]
) -> None:
    actions = (("enroll", "--name", "王丽"), ("list",), ("import", "absent.csv"))
    for words in (*(("member", *action) for action in actions), ("audit", "list")):
        del sealed[:]
        shell.run(*words)
        assert sealed == [True], words


def test_a_withdrawn_consent_is_not_taken_again(shell: Shell) -> None:
    record = shell.consent()
    member_id = shell.enroll("--name", "王丽", "--consent", record)
    shell.member("withdraw", member_id)
    code, out, err = shell.run("member", "enroll", "--member", member_id, "--consent", record)
    assert (code, out) == (1, "")
    assert "consent: given_at: expected a time after" in err
    assert "given anew" in err
    assert json.loads(shell.member("show", member_id, "--json"))["consent"] == "none"
    shell.enroll("--name", "李雷", "--consent", record)  # somebody else's, who agreed as well
    anew = shell.consent(given_at=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    shell.enroll("--member", member_id, "--consent", anew)
    assert shell.told()[-1] == "consent_given"


def test_a_photo_is_refused_while_somebody_has_turned_faces_off(shell: Shell) -> None:
    member_id = shell.enroll("--name", "王丽")
    db = connect(shell.data_dir)
    switch(db, FACES, "off", actor=LOCAL, now=datetime.now(UTC))
    words = ("member", "enroll", "--member", member_id, "--consent", shell.consent())
    code, out, err = shell.run(*words, "--photo", "no.jpg")
    assert (code, out) == (1, "")
    assert "turned face recognition off" in err
    assert len(err.splitlines()) == 1
    shell.enroll("--name", "李雷")
    switch(db, FACES, "on", actor=LOCAL, now=datetime.now(UTC))
    db.close()
    assert "photo 1 of 1: expected a file" in shell.run(*words, "--photo", "no.jpg")[2]


@pytest.mark.parametrize("state", ["ok", "suspect"])
def test_a_clock_in_doubt_stops_no_enrolment_but_is_said(
    shell: Shell, recordings: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(SystemClock, "state", lambda _: state)
    photo = recordings / "faces/pairs/lin-manuel-miranda.png"
    words = ("member", "enroll", "--name", "Lin", "--consent", shell.consent(), "--photo", photo)
    code, out, err = shell.run(*words)
    assert (code, len(out.splitlines()[-1])) == (0, 26)
    assert ("clock is not synchronised" in err) is (state == "suspect")
    assert "clock" not in shell.run("member", "enroll", "--name", "王丽")[2]


@pytest.mark.parametrize("mode", ["count", "checkin", "entrance"])
def test_a_member_without_a_face_is_enrolled_in_any_mode(shell: Shell, mode: str) -> None:
    shell.settings(mode=mode)
    member_id = shell.enroll("--name", "王丽", "--external-id", "C-1", "--tags", "翡翠;送礼")
    assert len(member_id) == 26
    shown = json.loads(shell.member("show", member_id, "--json"))
    assert (shown["name"], shown["tags"], shown["face"]) == ("王丽", "翡翠;送礼", "none")
    assert shell.told() == ["joined"]


def test_a_member_with_a_face_is_enrolled_and_only_the_template_s_key_opens_it(
    shell: Shell, recordings: Path
) -> None:
    photo = recordings / "faces/pairs/lin-manuel-miranda.png"
    words = ("--name", "Lin", "--consent", shell.consent(), "--photo", photo)
    member_id = shell.enroll(*words)
    db = connect(shell.data_dir)
    (row,) = template_rows(db, datetime.now(UTC))
    assert row.subject == subject_of(db, member_id)
    root = keyring(load(shell.config), db).root("template")
    assert TemplateOpener(root).open(row.sealed_key, row.sealed, subject=row.subject).shape == (
        128,
    )
    db.close()
    assert shell.told() == ["joined", "consent_given", "template_stored"]
    shutil.rmtree(shell.data_dir / "models")
    content = b"".join(p.read_bytes() for p in shell.data_dir.rglob("*") if p.is_file())
    assert photo.read_bytes()[:64] not in content
    exported = json.loads(shell.member("export", member_id))
    assert exported["template"]["model"].startswith("dlib")
    assert [row["kind"] for row in exported["consents"]] == ["given"]
    assert exported["audit"][-1]["what"] == "export"


def test_a_face_is_added_to_a_member_who_has_none(shell: Shell, recordings: Path) -> None:
    member_id = shell.enroll("--name", "Lin")
    photo = recordings / "faces/pairs/lin-manuel-miranda.png"
    words = ("--member", member_id, "--consent", shell.consent(member=member_id))
    assert shell.enroll(*words, "--photo", photo) == member_id
    assert shell.told() == ["joined", "consent_given", "template_stored"]


def test_a_photo_that_cannot_be_used_leaves_no_member_behind(
    shell: Shell, recordings: Path
) -> None:
    photo = recordings / "faces/pairs/two_people.jpg"
    code, out, err = shell.run(
        *("member", "enroll", "--name", "Two", "--consent", shell.consent(), "--photo", photo)
    )
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert shell.member("list") == ""


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        pytest.param({"mode": "count"}, "mode 'count'", id="count"),
        pytest.param({"expires": "2026-01-01"}, "has expired", id="declaration expired"),
        pytest.param({"accepted": "false"}, "accept_file_key", id="file key not accepted"),
    ],
)
def test_a_photo_is_refused_by_a_box_that_counts(
    shell: Shell, settings: dict[str, str], why: str
) -> None:
    shell.settings(**settings)
    code, out, err = shell.run(
        *("member", "enroll", "--name", "王丽", "--consent", shell.consent(), "--photo", "no.jpg")
    )
    assert (code, out) == (1, "")
    assert why in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        pytest.param({"expires": "2026-01-01"}, "expires", id="expired"),
        pytest.param({"adult": False}, "guardian", id="under 18 alone"),
        pytest.param({"born": "2020-01-01"}, "born", id="a child"),
        pytest.param({"text_version": "2020-01"}, "text_version", id="unknown text"),
        pytest.param({"member": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "member", id="another member's"),
        pytest.param({"scope": "chain", "shops": ["bj-001"]}, "shops", id="another shop's"),
    ],
)
def test_a_consent_that_does_not_hold_enrols_nobody(
    shell: Shell, changed: dict[str, Any], key: str
) -> None:
    code, out, err = shell.run(
        "member", "enroll", "--name", "王丽", "--consent", shell.consent(**changed)
    )
    assert (code, out) == (1, "")
    assert f"consent: {key}: expected" in err
    assert shell.member("list") == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "JSON", id="empty"),
        pytest.param(b"null", "got null", id="null"),
        pytest.param(b'{"purpose": "a", "purpose": "b"}', "'purpose' twice", id="a key twice"),
        pytest.param(b"\xff\xfe", "JSON", id="no text"),
        pytest.param(b"[" * 60000, "JSON", id="very deep"),
        pytest.param(b" " * 70000, "at most", id="too long"),
    ],
)
def test_a_consent_file_that_is_no_consent_is_refused(
    shell: Shell, content: bytes, reason: str
) -> None:
    path = shell.folder / "bad.json"
    path.write_bytes(content)
    code, _, err = shell.run("member", "enroll", "--name", "王丽", "--consent", path)
    assert code == 1
    assert reason in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["enroll"], id="no name"),
        pytest.param(["enroll", "--name", "王丽", "--photo", "a.jpg"], id="a photo alone"),
        pytest.param(["enroll", "--name", "王丽", "--birthday", "1990-03-08"], id="birthday"),
        pytest.param(["enroll", "--member", "X"], id="nothing to add"),
        pytest.param(["enroll", "--member", "X", "--name", "Y", "--photo", "p"], id="both"),
        pytest.param(["erase", "X"], id="erase without yes"),
        pytest.param(["change", "X"], id="change of nothing"),
        pytest.param(["dance"], id="unknown action"),
    ],
)
def test_a_command_that_was_called_wrongly_exits_2(shell: Shell, words: list[str]) -> None:
    code, out, err = shell.run("member", *words)
    assert (code, out) == (2, "")
    assert "expected" in err or "invalid choice" in err
    assert not shell.data_dir.exists()


@pytest.mark.parametrize("action", ["show", "export", "withdraw", "change", "erase"])
def test_an_unknown_id_is_named(shell: Shell, action: str) -> None:
    rest = {"change": ["--tier", "gold"], "erase": ["--yes"]}.get(action, [])
    code, out, err = shell.run("member", action, "01ARZ3NDEKTSV4RRFFQ69G5FAV", *rest)
    assert (code, out) == (1, "")
    assert "01ARZ3NDEKTSV4RRFFQ69G5FAV" in err


def test_members_are_listed_and_a_damaged_one_is_named(shell: Shell) -> None:
    whole, broken = shell.enroll("--name", "王丽"), shell.enroll("--name", "李雷")
    listed = [json.loads(line) for line in shell.member("list", "--json").splitlines()]
    assert {(line["member"], line["name"], line["face"]) for line in listed} == {
        *((whole, "王丽", "none"), (broken, "李雷", "none")),
    }
    db = connect(shell.data_dir)
    db.execute("UPDATE member SET profile = x'00' WHERE id = ?", [broken])
    db.close()
    code, out, err = shell.run("member", "list")
    assert code == 1
    assert whole in out
    assert broken in err


def test_a_profile_is_changed_field_by_field(shell: Shell) -> None:
    member_id = shell.enroll("--name", "王丽", "--tier", "gold", "--note", "x")
    shell.member("change", member_id, "--tier", "platinum", "--note", "")
    shown = json.loads(shell.member("show", member_id, "--json"))
    assert (shown["name"], shown["tier"], "note" in shown) == ("王丽", "platinum", False)


def test_withdrawing_ends_the_consent_once(shell: Shell) -> None:
    member_id = shell.enroll("--name", "王丽", "--consent", shell.consent())
    assert "live" in shell.member("show", member_id)
    shell.member("withdraw", member_id)
    assert json.loads(shell.member("show", member_id, "--json"))["consent"] == "none"
    assert shell.run("member", "withdraw", member_id)[0] == 1
    assert shell.told() == ["joined", "consent_given", "consent_withdrawn"]


def test_erasing_leaves_nothing_but_proof(shell: Shell) -> None:
    words = ("--name", "王丽芳", "--external-id", "C-7654321", "--consent", shell.consent())
    member_id = shell.enroll(*words)
    shell.member("erase", member_id, "--yes")
    assert shell.run("member", "show", member_id)[0] == 1
    content = b"".join(p.read_bytes() for p in shell.data_dir.rglob("*") if p.is_file())
    secrets = ("王丽芳", "C-7654321", member_id)
    assert not any(secret.encode() in content for secret in secrets)
    code, out, _ = shell.run("audit", "verify")
    assert code == 0
    assert "audit: 3 rows, whole" in out
    assert "consent: 2 rows, whole" in out
    assert shell.told()[-1] == "erased"


def test_an_export_is_written_to_a_new_file_only(shell: Shell) -> None:
    guardian = {"name": "王芳", "relation": "母亲", "given_at": "2026-11-01T00:00:00Z"}
    record = shell.consent(adult=False, guardian=guardian)
    member_id = shell.enroll("--name", "王小丽", "--consent", record)
    out = shell.folder / "export.json"
    shell.member("export", member_id, "--out", out)
    held = json.loads(out.read_text(encoding="utf-8"))
    assert held["profile"]["name"] == "王小丽"
    assert held["consents"][0]["personal"]["guardian"] == "王芳"
    assert held["template"] is None
    assert out.stat().st_mode & 0o077 == 0
    code, _, err = shell.run("member", "export", member_id, "--out", out)
    assert code == 1
    assert "expected a new file" in err


def test_of_a_table_the_broken_rows_are_named_and_the_others_imported(shell: Shell) -> None:
    table = shell.folder / "members.csv"
    table.write_text("name,tear\n王丽,gold\n", encoding="utf-8")
    code, _, err = shell.run("member", "import", table)
    assert code == 1
    assert "members.csv: line 1: column 2: not a known name; did you mean tier?" in err
    assert not shell.data_dir.exists()
    table.write_text("姓名,会员号\n王丽,C-1\n李雷,C-2\n,C-3\n", encoding="gbk")
    code, out, err = shell.run("member", "import", table)
    assert code == 1
    assert "1 row not imported, the others were:" in err
    assert "members.csv: line 4: name: expected a name, got none" in err
    assert "2 members added, 0 changed" in out
    table.write_text("name,external_id\n王丽,C-1\n李雷,C-2\n", encoding="utf-8")
    assert "0 members added, 2 changed" in shell.member("import", table)
    assert shell.told() == ["joined", "joined"]


def test_an_import_that_the_store_stops_says_how_far_it_came(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_over: Callable[..., register.Imported] = Register.take_over
    calls = []

    def full_at_the_second(*arguments: Any) -> register.Imported:
        calls.append(1)
        if len(calls) == 2:
            raise StoreFault("no room")
        return take_over(*arguments)

    monkeypatch.setattr(Register, "take_over", full_at_the_second)
    table = shell.folder / "members.csv"
    table.write_text("name\n" + "王丽\n" * 250, encoding="utf-8")
    code, _, err = shell.run("member", "import", table)
    assert code == 1
    assert "the rows up to line 201 of about 252 were imported, then:\nmenkou-edge: no room" in err
    assert len(shell.member("list").splitlines()) == 200


def test_a_key_that_is_gone_is_said_and_members_can_still_be_erased(shell: Shell) -> None:
    member_id = shell.enroll("--name", "王丽")
    (shell.data_dir / "keys/profile.key").unlink()
    for action in (("list",), ("show", member_id), ("enroll", "--name", "李雷")):
        code, _, err = shell.run("member", *action)
        assert code == 1
        assert "profile key: expected the key that this store was made with, got none" in err
    assert not (shell.data_dir / "keys/profile.key").exists()
    shell.member("erase", member_id, "--yes")
    shell.enroll("--name", "李雷")


def test_commands_work_beside_a_running_box(shell: Shell) -> None:
    shell.enroll("--name", "王丽")
    lock = StoreLock(shell.data_dir)
    try:
        shell.enroll("--name", "李雷")
        assert len(shell.member("list").splitlines()) == 2
    finally:
        lock.release()


def test_a_store_that_must_be_made_is_not_made_beside_a_running_box(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = StoreLock(shell.data_dir)
    try:
        code, _, err = shell.run("member", "enroll", "--name", "王丽")
    finally:
        lock.release()
    assert code == 1
    assert "another menkou-edge works" in err
    assert not (shell.data_dir / FILE_NAME).exists()


def test_a_changed_row_is_found_by_audit_verify(shell: Shell) -> None:
    shell.enroll("--name", "王丽")
    shell.enroll("--name", "李雷")
    db = connect(shell.data_dir)
    db.execute("DROP TRIGGER audit_no_update")
    db.execute("UPDATE audit SET actor = 'x' WHERE id = 2")
    db.close()
    code, out, _ = shell.run("audit", "verify")
    assert code == 1
    assert "audit: broken at row 2" in out
    assert "consent: 0 rows, whole" in out


def test_codes_are_made_for_a_member_and_for_the_members_phone(shell: Shell) -> None:
    member_id = shell.enroll("--name", "王丽")
    assert re.fullmatch(r"[0-9]{6}", shell.member("code", member_id).strip())
    code, out, err = shell.run("member", "code", member_id, "--phone", "+86 138 0013 8000")
    assert (code, err.count("▀") > 20) == (0, True), "no QR code was drawn"
    assert out.startswith("otpauth://totp/")
    assert "%2A%2A%2A%2A%208000" in out
    assert shell.run("member", "code", member_id, "--end")[0] == 0
    code, _, err = shell.run("member", "code", member_id, "--end")
    assert (code, "expected a phone that makes codes" in err) == (1, True)
    lines = shell.run("audit", "list", "--json")[1].splitlines()
    noted = [json.loads(line) for line in lines]
    assert [e["detail"]["how"] for e in noted if e["what"] == "code"] == ["shop", "phone", "ended"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("01ARZ3NDEKTSV4RRFFQ69G5FAV",), "expected the id of a member"),
        (("{member}", "--phone", "80"), "expected the last four digits"),
    ],
)
def test_a_code_that_cannot_be_made_says_why(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    member_id = shell.enroll("--name", "王丽")
    code, out, err = shell.run("member", "code", *(w.format(member=member_id) for w in words))
    assert (code, out) == (1, "")
    assert said in err


def test_the_log_names_no_member(shell: Shell) -> None:
    member_id = shell.enroll("--name", "王丽", "--external-id", "C-1")
    shell.member("show", member_id)
    lines = shell.run("audit", "list", "--json")[1].splitlines()
    assert [json.loads(line)["what"] for line in lines] == ["enrol", "view"]
    assert not any(text in "".join(lines) for text in ("王丽", "C-1", member_id))
    assert len(shell.run("audit", "list", "--limit", "1")[1].splitlines()) == 1


def test_what_is_told_to_the_hub_names_no_member(shell: Shell) -> None:
    member_id = shell.enroll("--name", "王丽", "--external-id", "C-7654321")
    office = Office(load(shell.config))
    rows = office.db.execute("SELECT event FROM outbox").fetchall()
    subject = subject_of(office.db, member_id)
    office.close()
    assert subject in rows[0][0]
    assert not any(text in rows[0][0] for text in ("王丽", "C-7654321", member_id))


def test_the_consent_text_ships_in_both_languages_with_the_same_sections() -> None:
    texts = {language: text.decode() for (_, language), text in consent_texts().items()}
    assert set(texts) == {"zh", "en"}
    assert {text.count("\n## ") for text in texts.values()} == {10}
    assert "128" in texts["zh"]
    assert "14 周岁" in texts["zh"]
    assert "{" not in texts["zh"] + texts["en"]


def test_a_text_s_hash_is_that_of_its_bytes() -> None:
    key = ("2026-11", "zh")
    assert text_hashes()[key] == sha256(consent_texts()[key]).hexdigest()
