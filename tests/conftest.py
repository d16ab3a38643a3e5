"""What all tests share: the recordings with known truth."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let scripts/torture ask for more than the suite has time for."""
    parser.addoption("--rounds", type=int, default=1, help="how often each kill is repeated")
    for name, kind, default, words in (
        ("events", int, 6_000, "how many events the tortured boxes commit at least"),
        ("kills", int, 20, "how often something is killed at least"),
        ("rate", float, 200.0, "what happens at the tortured boxes in a second"),
        ("seed", int, 20261122, "of what befalls them"),
    ):
        parser.addoption(f"--torture-{name}", type=kind, default=default, help=words)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recordings; a test that needs it fails, never skips, when it is missing."""
    folder = Path(os.environ.get("MENKOU_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "README.md").is_file():
        pytest.fail(
            f"recordings: expected the test data in {folder} (its README.md), found none;"
            " set MENKOU_DATA to the folder that holds video/, faces/ and probes/"
        )
    return folder
