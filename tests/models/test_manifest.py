"""The list of models: complete, checked entry by entry, and right about what pip brings."""

import json
from pathlib import Path

import pytest

from edge import cli
from edge.faces.dlib_file import PUBLISHED
from edge.models.manifest import ModelFault, content, manifest_path, read_manifest

ENTRY = """
[[model]]
name = "{name}"
purpose = "finds faces"
input = "BGR"
licence = "MIT"
source = "https://example.com/{name}.onnx"
file = "{name}.onnx"
sha256 = "{digest}"
bytes = 5
"""
DIGEST = "0" * 64


def entry(name: str, digest: str = DIGEST) -> str:
    return ENTRY.format(name=name, digest=digest)


def written(folder: Path, text: str) -> Path:
    path = folder / "manifest.toml"
    path.write_text(text)
    return path


def test_our_manifest_has_no_fault_and_agrees_with_what_is_loaded() -> None:
    manifest = read_manifest()
    assert manifest.faults == ()
    assert {m.file: m.sha256 for m in manifest.models if m.package and m.file} == PUBLISHED
    assert {m.name for m in manifest.models if m.source} == {"yunet-s", "yunet-n"}


def test_the_copies_for_tests_are_the_models_of_the_manifest(recordings: Path) -> None:
    for name in ("yunet-s", "yunet-n"):
        model = read_manifest().of(name)
        assert len(content(model, recordings / "models")) == model.bytes


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (entry("two", "12"), "manifest.toml:19: sha256: expected a sha256 in 64"),
        (entry("two").replace("two.onnx\"\nsha", "../two\"\nsha"), "file: expected a plain"),
        (entry("two").replace("https", "http"), "source: expected an address that begins with"),
        (entry("two").replace("bytes = 5", "bytes = 0"), "expected more than 0 bytes"),
        (entry("two").replace("bytes = 5", ""), "expected file, sha256 and bytes together"),
        (entry("two") + "package = 'x'", "expected either a package or a source"),
        (entry("one"), "one stands twice"),
    ],
)  # fmt: skip
def test_a_damaged_entry_is_named_and_takes_no_other_away(
    tmp_path: Path, bad: str, said: str
) -> None:
    manifest = read_manifest(written(tmp_path, entry("one") + bad + entry("three")))
    assert [model.name for model in manifest.models] == ["one", "three"]
    (fault,) = manifest.faults
    assert said in str(fault)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[[model", "not valid TOML"), ("x = 1", "expected a list of"), ("model = 3", "a list of")],
)
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ModelFault, match=said):
        read_manifest(written(tmp_path, text))
    with pytest.raises(ModelFault, match="cannot be read"):
        read_manifest(tmp_path / "none.toml")


def test_a_name_that_is_not_listed_is_refused_with_those_that_are() -> None:
    with pytest.raises(ModelFault, match=r"expected one of the manifest's .*yunet-s"):
        read_manifest().of("yunet-x")


def test_list_says_of_each_model_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert manifest_path().is_file()
    assert cli.main(["models", "list", "--json", "--dir", str(tmp_path)]) == 0
    found = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert found["hog"]["state"] == "with pip"
    assert found["yunet-s"]["state"] == "not fetched"
    assert cli.main(["models", "list", "--dir", str(tmp_path)]) == 0
    assert "Apache-2.0" in capsys.readouterr().out
