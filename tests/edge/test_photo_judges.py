"""A guest's photos are judged by a process of its own: real pictures, a real process, no file."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edge.app.photos import AT_ONCE, IDLE_S, PhotoJudges
from edge.desk.join import PhotoFault
from edge.keys import envelope
from edge.keys.templates import TemplateOpener
from tests.support.people import TEMPLATE_ROOT

SUBJECT = "01JZZZZZZZZZZZZZZZZZZZZZZZ"
ECHO = (
    "import json, struct, sys\n"
    "def frame():\n"
    "    head = sys.stdin.buffer.read(4)\n"
    "    return sys.stdin.buffer.read(struct.unpack('>I', head)[0]) if len(head) == 4 else None\n"
    "frame()\n"
    "while (told := frame()) is not None:\n"
    "    raw = json.dumps({'look': 'ok', 'good': 1}).encode()\n"
    "    if told == b'Pdie': sys.exit(3)\n"
    "    if told == b'Pnonsense': raw = b'no JSON'\n"
    "    sys.stdout.buffer.write(struct.pack('>I', len(raw)) + raw)\n"
    "    sys.stdout.buffer.flush()\n"
)


def judges(folder: Path, *command: str, **more: object) -> PhotoJudges:
    public = envelope.public_of(TEMPLATE_ROOT)
    named = {"command": command} if command else {}
    return PhotoJudges(
        data_dir=folder,
        precision="fp32",
        public=lambda: public,
        **named,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[PhotoJudges]:
    made = judges(tmp_path, sys.executable, "-c", ECHO)
    yield made
    made.close()


def jpeg(path: Path, **options: int) -> bytes:
    held = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(held, "JPEG", **{"quality": 95, **options})
    return held.getvalue()


def test_three_good_photos_of_one_person_make_a_template_that_only_the_eyes_open(
    tmp_path: Path, recordings: Path
) -> None:
    pairs = recordings / "faces" / "pairs"
    of_one = [(pairs / "obama.jpg").read_bytes(), (pairs / "obama2.jpg").read_bytes()]
    third, other = jpeg(pairs / "obama.jpg"), (pairs / "biden.jpg").read_bytes()
    made = judges(tmp_path)
    try:
        judge = made.of("screen")
        assert judge is not None
        pid = judge._process.pid
        looks = [judge.look(photo) for photo in (of_one[0], of_one[0], other)]
        assert looks == ["ok", "same", "not_one_person"]
        assert judge.good == 0  # nobody knows which of the two the guest is
        assert judge.look(b"\x89PNG\r\n\x1a\n" + bytes(1000)) == "not_a_picture"
        assert judge.look(b"") == "not_a_picture"
        small = io.BytesIO()
        Image.new("RGB", (64, 64)).save(small, "PNG")
        assert judge.look(small.getvalue()) == "too_small"
        blank = io.BytesIO()
        Image.new("RGB", (640, 640), "white").save(blank, "PNG")
        assert judge.look(blank.getvalue()) == "no_face"
        assert [judge.look(photo) for photo in (*of_one, third)] == ["ok"] * 3
        assert made.good("screen") == 3
        template = judge.template(SUBJECT)
        opened = [fd for fd in Path(f"/proc/{pid}/fd").iterdir() if int(fd.name) > 2]
        written = [str(fd.readlink()) for fd in opened]
    finally:
        made.close()
    assert template.photos == 3
    vector = TemplateOpener(TEMPLATE_ROOT).open(
        template.sealed_key, template.sealed, subject=SUBJECT
    )
    assert vector.shape == (128,)
    assert not [path for path in written if path.startswith("/") and "/dev/" not in path]
    assert not Path(f"/proc/{pid}").exists()
    assert made.good("screen") == 0


def test_each_screen_has_its_own_judge_and_only_so_many_work_at_once(echo: PhotoJudges) -> None:
    first = echo.of("0")
    assert first is not None
    assert echo.of("0") is first
    for n in range(1, AT_ONCE):
        assert echo.of(str(n)) is not None
    assert echo.of("one more") is None
    assert first.look(b"x") == "ok"
    echo.end("0")
    assert echo.of("one more") is not None
    with pytest.raises(PhotoFault):
        first.look(b"x")


@pytest.mark.parametrize("word", [b"die", b"nonsense"])
def test_a_judge_that_ends_or_talks_nonsense_is_a_fault_and_another_takes_its_place(
    echo: PhotoJudges, word: bytes
) -> None:
    judge = echo.of("screen")
    assert judge is not None
    with pytest.raises(PhotoFault, match="expected a word from their judge"):
        judge.look(word)
    echo.end("screen")
    again = echo.of("screen")
    assert again is not None
    assert again is not judge
    assert again.look(b"x") == "ok"


def test_who_sends_nothing_for_a_while_gives_the_place_up(tmp_path: Path) -> None:
    now = [0.0]
    made = judges(tmp_path, sys.executable, "-c", ECHO, clock=lambda: now[0])
    try:
        held = [made.of(str(n)) for n in range(AT_ONCE)]
        now[0] = IDLE_S + 1
        assert made.of("next") is not None
        assert all(judge is not None and judge.ended for judge in held)
    finally:
        made.close()


def test_without_the_public_half_there_is_no_judge(tmp_path: Path) -> None:
    made = PhotoJudges(data_dir=tmp_path, precision="auto", public=lambda: None)
    assert made.of("screen") is None
