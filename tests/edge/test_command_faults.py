"""What `menkou-edge` says to somebody who calls it for the first time, and to who errs."""

import socket
from pathlib import Path

import pytest

from edge.cli import main
from tests.support.processes import our_command, until
from tests.support.secured import Authority

SHOP = (
    '[store]\nid = "nj-001"\nname = "店"\ntimezone = "Asia/Shanghai"\n'
    '[box]\nid = "nj-001-a"\ndata_dir = "data"\n'
)


def written(folder: Path, text: str = SHOP) -> Path:
    path = folder / "edge.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("command", ["check-config", "run"])
def test_every_fault_is_told_at_once_and_each_line_names_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    text = SHOP.replace("Asia/Shanghai", "Mars/Base") + (
        '[[camera]]\nname = "door"\nsource = "file:door.url"\n'
        '[uplink]\nbroker = "mqtts://hub"\nca = "ca.pem"\n'
        '[console]\nlisten = "127.0.0.1:9464"\n'
        '[metrics]\nlisten = "0.0.0.0:9464"\ntoken = "file:token"\n'
    )
    assert main([command, "--config", str(written(tmp_path, text))]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split(": ")[:3] for line in told.err.splitlines()] == [
        ["menkou-edge", "edge.toml:4", "store.timezone"],
        ["menkou-edge", "edge.toml:10", "camera[0].source"],
        ["menkou-edge", "edge.toml:13", "uplink.ca"],
        ["menkou-edge", "edge.toml:17", "metrics.listen"],
        ["menkou-edge", "edge.toml:17", "metrics.listen"],
        ["menkou-edge", "edge.toml:18", "metrics.token"],
    ]


def test_a_check_warns_of_what_is_there_but_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Authority(tmp_path).issue("box", "nj-001/nj-001-a")
    Authority(tmp_path).issue("other", "nj-001/nj-001-b")
    (tmp_path / "page.pem").write_text("no certificate")
    (tmp_path / "file").touch()
    good = (
        '[uplink]\nbroker = "mqtts://hub"\nca = "ca.pem"\ncert = "box.pem"\nkey = "file:box.key"\n'
    )
    assert main(["check-config", "--config", str(written(tmp_path, SHOP + good))]) == 0
    assert "uplink" not in capsys.readouterr().err
    text = SHOP.replace('"data"', '"file/data"') + good.replace("box.key", "other.key")
    text += '[console]\ncert = "page.pem"\nkey = "file:box.key"\n'
    assert main(["check-config", "--config", str(written(tmp_path, text))]) == 0
    warned = capsys.readouterr().err.splitlines()
    assert all(line.startswith("menkou-edge: warning: ") for line in warned)
    keys = [
        key for line in warned for key in ("data_dir", "uplink.cert", "console.cert") if key in line
    ]
    assert keys == ["data_dir", "uplink.cert", "console.cert"]


@pytest.mark.parametrize(
    "command", ["run", "outbox", "member list", "audit verify", "member enroll --name 王丽"]
)
def test_a_data_directory_that_cannot_be_made_is_named_with_its_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "file").touch()
    config = written(tmp_path, SHOP.replace('"data"', '"file/data"'))
    assert main([*command.split(), "--config", str(config)]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(
        f"menkou-edge: [box] data_dir {tmp_path}/file/data: expected a directory"
    )
    assert "or set another" in said


def test_a_page_whose_port_is_taken_names_the_setting_and_the_box_counts_on(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        config = written(tmp_path, f'{SHOP}[console]\nlisten = "{place}"\n')
        box = our_command("edge", "run", "--config", str(config), log=tmp_path / "box.log").start()
        try:
            words = f"menkou-edge: [console] listen {place}: cannot be listened on: Address already"
            until(lambda: words in box.log(), within_s=60, what=words)
            assert box.alive
        finally:
            box.stop()
    assert "Traceback" not in box.log()


@pytest.fixture
def two_members(tmp_path: Path) -> Path:
    table = tmp_path / "members.csv"
    table.write_text("name,external_id\n王丽,C-1\n李雷,C-2\n", encoding="utf-8")
    config = written(tmp_path, SHOP + '[privacy]\nkey = "file"\n')
    assert main(["member", "import", str(table), "--config", str(config)]) == 0
    return config


@pytest.mark.parametrize(
    ("command", "head"),
    [
        ("member list", "member  name  external_id  tier  consent  face"),
        ("audit list", "id  at  what  actor  subject  detail"),
    ],
)
def test_a_list_has_a_head_that_is_not_among_its_data(
    two_members: Path, capsys: pytest.CaptureFixture[str], command: str, head: str
) -> None:
    capsys.readouterr()
    argv = [*command.split(), "--config", str(two_members)]
    assert main(argv) == 0
    told = capsys.readouterr()
    assert told.err.startswith(head)
    rows = len(told.out.splitlines())
    assert rows >= 2
    assert main([*argv, "--json"]) == 0
    listed = capsys.readouterr()
    assert listed.err == ""
    assert all(line.startswith("{") for line in listed.out.splitlines())


def test_one_member_is_one(two_members: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = two_members.parent / "members.csv"
    table.write_text("name,external_id\n王丽丽,C-1\n韩梅,C-3\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["member", "import", str(table), "--config", str(two_members)]) == 0
    assert capsys.readouterr().out == "1 member added, 1 changed\n"
