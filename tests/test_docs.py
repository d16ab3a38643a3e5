"""The documentation runs: commands exist, settings are sound, the demo does what README says."""

import argparse
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

import cloud
import cloud.cli
import edge
import edge.cli
import menkou
from edge.config import load
from edge.modes import declared
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_readmes_settings_are_sound(tmp_path: Path) -> None:
    shop, faces = blocks(README, "toml")
    zone = faces[faces.rindex("# zone") :].removeprefix("# ")
    settings = shop.replace('inside = "below"', f'{zone}inside = "below"') + faces
    (tmp_path / "door.url").write_text("rtsp://192.0.2.10/stream")
    path = tmp_path / "edge.toml"
    path.write_text(settings.replace("/etc/menkou/door.url", "door.url"), encoding="utf-8")
    config = load(path)
    assert config.camera[0].counting_line is not None
    assert declared(config, datetime(2026, 12, 1, tzinfo=UTC)).mode == "entrance"
    assert declared(config, datetime(2027, 12, 1, tzinfo=UTC)).mode == "count"


def test_every_command_that_the_documents_name_exists() -> None:
    commands = {
        "menkou-edge": edge.cli.build_parser().format_help(),
        "menkou-hub": cloud.cli.build_parser().format_help(),
    }
    text = README + OPERATIONS
    code = "\n".join([*blocks(text, "sh"), *re.findall(r"`([^`\n]+)`", text)])
    named = re.findall(r"(menkou-(?:edge|hub)) (?!menkou)([a-z][a-z-]+)", code)
    assert named
    for program, command in named:
        assert re.search(rf"\b{command}\b", commands[program]), f"{program} {command}"


def pages(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Yield every command of a program with its help; what is not listed is not for people."""
    yield parser.prog, parser.format_help()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for listed in action._choices_actions:
                assert listed.help, f"{parser.prog} {listed.dest}: expected help"
                yield from pages(action.choices[listed.dest])


PAGES = [
    *pages(edge.cli.build_parser()),
    *pages(cloud.cli.build_parser()),
]


@pytest.mark.parametrize(("command", "page"), PAGES, ids=[command for command, _ in PAGES])
def test_every_command_has_an_example_of_itself_that_is_sound(command: str, page: str) -> None:
    found = re.search(rf"^example:\n  ({command}(?![\w-])[^\n>]*)", page, re.MULTILINE)
    assert found, page
    words = shlex.split(found[1])
    parser = {"menkou-edge": edge.cli, "menkou-hub": cloud.cli}[words[0]].build_parser()
    parser.parse_args(words[1:])


def test_the_walk_through_the_commands_finds_those_of_groups_too() -> None:
    commands = {command for command, _ in PAGES}
    assert {"menkou-edge run", "menkou-edge member erase", "menkou-hub key restore"} < commands
    assert {"menkou-hub check-config", "menkou-hub appointment import"} < commands


@pytest.mark.parametrize("document", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"])
def test_every_link_and_file_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (document.parent / target).exists(), target
    for target in re.findall(
        r"`((?:edge|cloud|menkou|docs|scripts|tests|firmware_config)/[\w./-]+)`", text
    ):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("unit", sorted((ROOT / "firmware_config/systemd").glob("*.service")))
def test_every_unit_runs_a_command_that_exists(unit: Path) -> None:
    start = re.search(r"^ExecStart=\S+/(menkou-\w+) (\S+) --config (\S+)$", unit.read_text(), re.M)
    assert start
    parser = {"menkou-edge": edge.cli, "menkou-hub": cloud.cli}[start[1]].build_parser()
    assert parser.parse_args([start[2], "--config", start[3]]).command == start[2]


def test_the_demo_runs_through_and_clip_box_and_hub_agree(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", str(ROOT / "scripts/demo"), "--once"],
        env={**os.environ, "MENKOU_DEMO": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split()[-3:] for line in done.stdout.splitlines()[:5]]
    assert rows == [["clip", "box", "hub"], ["3"] * 3, ["2"] * 3, ["1"] * 3, ["2"] * 3]
    assert done.stdout.splitlines()[5].split() == ["member_arrived", "1", "1"]


def test_the_certificates_of_the_operations_guide_can_be_made_as_written(tmp_path: Path) -> None:
    (commands,) = (block for block in blocks(OPERATIONS, "sh") if "authority init" in block)
    commands = commands.replace("firmware_config/", f"{ROOT}/firmware_config/")
    subprocess.run(["bash", "-e", "-c", commands], cwd=tmp_path, check=True, capture_output=True)
    for name, common_name in (("box-nj-001-nj-001-a", "nj-001/nj-001-a"), ("hub", "menkou-hub")):
        certificate = x509.load_pem_x509_certificate((tmp_path / f"{name}.pem").read_bytes())
        (attribute,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert attribute.value == common_name
        authority = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
        certificate.verify_directly_issued_by(authority)


def test_the_packages_are_ours() -> None:
    # The package index has distributions called edge and cloud.
    for package in (edge, cloud, menkou):
        assert Path(package.__file__ or "").parent.parent == ROOT


def test_the_hub_imports_nothing_of_the_box_but_the_wire() -> None:
    for source in (ROOT / "cloud").rglob("*.py"):
        for name in re.findall(r"^\s*(?:from|import) (edge[\w.]*)", source.read_text(), re.M):
            assert name.startswith("edge.wire"), f"{source}: {name}"


def test_the_core_asks_no_clock_and_opens_no_file() -> None:
    for source in (ROOT / "edge/core").glob("*.py"):
        text = source.read_text()
        assert not re.search(r"\b(?:open|print|input)\(|\.now\(|time\.(?:time|monotonic)\(", text)
