"""int8 runs by itself only where the processor is right and fast in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.faces.precision import chosen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\n", "int8"),
        ("flags\t\t: fpu avx2 avx_vnni\n", "int8"),
        ("flags\t\t: fpu avx2 avx512f\n", "fp32"),
        ("Features\t: fp asimd crc32 atomics asimddp\n", "int8"),
        ("Features\t: fp asimd crc32\n", "fp32"),
        ("Features\t: asimd asimddp\n\nFeatures\t: asimd\n", "fp32"),
        ("model name\t: avx512_vnni\n", "fp32"),
        ("", "fp32"),
    ],
    ids=["vnni", "avx vnni", "avx2", "pi 5", "pi 4", "unlike cores", "a name only", "nothing"],
)
def test_what_auto_means_follows_from_the_processor(
    tmp_path: Path, text: str, expected: str
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text)
    assert chosen("auto", cpuinfo) == expected


def test_what_was_set_holds_on_any_processor(tmp_path: Path) -> None:
    assert chosen("int8", tmp_path / "none") == "int8"
    assert chosen("fp32", tmp_path / "none") == "fp32"
    assert chosen("auto", tmp_path / "none") == "fp32"
