"""What the manager draws holds over the settings file, and the counting part is told."""

from pathlib import Path

from edge.app.common import ready_store, settings_in_force
from edge.bus import Bus, Note, PictureNote
from edge.config import EdgeConfig, load
from edge.core.drawing import Drawing
from edge.desired import same_for_the_eyes
from edge.drawn import drawn_over
from edge.live import LiveState
from edge.store.database import transaction
from edge.store.drawing import drawings, history, keep
from edge.store.orders import keep_wish
from tests.edge.test_desired import wish
from tests.edge.test_modes import shop
from tests.support.people import NOW

LINE = Drawing(
    line=((0.1, 0.5), (0.9, 0.55)),
    inside="below",
    zone=((0.2, 0.1), (0.8, 0.1), (0.8, 0.9)),
    staff_zone=((0.7, 0.1), (0.9, 0.1), (0.9, 0.3)),
)

CAMERA = """
[[camera]]
name = "door"
source = "0"
line = [[0.0, 0.8], [1.0, 0.8]]
inside = "above"
zone = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
"""


def with_camera(folder: Path) -> EdgeConfig:
    """A shop in entrance mode with one camera, whose zone the file sets."""
    shop(folder)
    path = folder / "edge.toml"
    path.write_text(path.read_text(encoding="utf-8") + CAMERA, encoding="utf-8")
    return load(path)


def test_a_drawing_holds_over_the_file_and_head_office_over_what_is_its_own(tmp_path: Path) -> None:
    config, db = with_camera(tmp_path), ready_store(tmp_path)
    name = config.camera[0].name
    with transaction(db):
        keep(db, name, LINE, NOW, actor="local")
        keep_wish(db, wish(mode_at_most="count"), NOW)
    held = settings_in_force(config, db)
    assert held.camera[0].counting_line
    assert (held.camera[0].counting_line.start, held.camera[0].zone) == ((0.1, 0.5), LINE.zone)
    assert held.camera[0].source == config.camera[0].source
    assert held.mode_at_most == "count"
    assert not same_for_the_eyes(config, held), "the eyes begin anew"
    with transaction(db):
        keep(db, name, None, NOW, actor="local")
        keep_wish(db, wish(version=1795329240124), NOW)
    assert settings_in_force(config, db) == config
    assert drawings(db)[name].rev == 2
    assert [one.drawing for one in history(db, name)] == [None, LINE]


def test_a_drawing_that_the_mode_no_longer_allows_leaves_the_file_in_force(tmp_path: Path) -> None:
    config = with_camera(tmp_path)
    name = config.camera[0].name
    without_zone = Drawing(line=LINE.line, inside="below")
    assert drawn_over(config, {name: without_zone}) == config
    assert drawn_over(config, {"a camera that is gone": LINE}) == config


def test_the_empty_scene_goes_over_the_bus_and_says_nothing_else(tmp_path: Path) -> None:
    front, eyes = Bus(tmp_path, "front"), Bus(tmp_path, "eyes")
    live = LiveState(("door",))
    eyes.send("front", Note(sender="eyes", mode="entrance", drawn={"door": 3}))
    eyes.send("front", Note(sender="eyes", picture=PictureNote(camera="door", jpeg="/9j/")))
    for _ in range(2):
        note = front.receive(1)
        assert note is not None
        assert live.take(note)
    assert live.picture("door") == b"\xff\xd8\xff"
    assert live.picture("side") is None
    assert (live.mode(), live.drawn("door"), live.drawn("side")) == ("entrance", 3, 0)
    front.close()
    eyes.close()
