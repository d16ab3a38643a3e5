"""Settings of the desk: where guests come from, and who tells them that something is ready."""

from pathlib import Path

import pytest

from edge.core.sources import USUAL
from tests.edge.test_config_outbound import SMS
from tests.edge.test_config_outlets import faults, read

NOTE = '[[channel]]\nid = "note"\nzh = "小红书"\nen = "Notes"\n'
ADVERT = '[[channel.advert]]\nid = "n-11"\nzh = "十一月"\nen = "November"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s").write_text("0123456789abcdef0123456789abcdef\n")
    return tmp_path


def test_without_a_list_the_usual_channels_are_asked_for(folder: Path) -> None:
    config = read(folder, "")
    assert (config.channels, config.service.target) == (USUAL, None)


def test_a_list_is_read_with_its_adverts(folder: Path) -> None:
    (note, app) = read(
        folder, f'{NOTE}{ADVERT}[[channel]]\nid = "app"\nzh = "应用"\nen = "App"\nactive = false\n'
    ).channels
    assert (note.id, note.zh, note.en, note.active) == ("note", "小红书", "Notes", True)
    assert [(one.id, one.en, one.active) for one in note.adverts] == [("n-11", "November", True)]
    assert (app.id, app.active) == ("app", False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(NOTE * 2, "channel[1].id: expected an id of its own, got 'note'", id="twice"),
        pytest.param(
            NOTE + ADVERT * 2, "channel[0].advert[1].id: expected an id of its own", id="adverts"
        ),
        pytest.param(NOTE.replace("note", "unknown"), "channel[0].id: expected 1", id="unknown"),
        pytest.param(NOTE.replace("note", "Li Ming"), "channel[0].id: expected 1", id="a name"),
        pytest.param(NOTE.replace("小红书", ""), "channel[0].zh: expected 1 to 40", id="no name"),
        pytest.param(
            "".join(NOTE.replace("note", f"n{n}") for n in range(25)),
            "channel[24]: expected at most 24 channels, got 25",
            id="too many",
        ),
        pytest.param(
            '[service]\ntarget = "sms"\n', "service.target: expected the name of an", id="no target"
        ),
        pytest.param(
            '[service]\nrepair = "{what} is ready"\n', "service.repair: expected 1 to", id="what"
        ),
        pytest.param(
            '[[outbound]]\nname = "b"\nkind = "wecom"\nurl = "file:s"\n[service]\ntarget = "b"\n',
            'expected one of kind "sms" or "webhook": a bot reaches no guest; got "wecom"',
            id="a bot",
        ),
    ],
)
def test_a_fault_is_named(folder: Path, text: str, said: str) -> None:
    assert any(said in fault for fault in faults(folder, text)), faults(folder, text)


def test_guests_are_told_in_the_settings_words_and_by_their_target(folder: Path) -> None:
    text = f'{SMS}[service]\ntarget = "sms"\nstock = "{{shop}}: 到货"\n'
    config = read(folder, text)
    assert config.service.text("stock", "外滩店") == "外滩店: 到货"
    assert "外滩店" in config.service.text("repair", "外滩店")
