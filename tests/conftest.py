"""What all tests share: the recordings with known truth."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let scripts/torture ask for more rounds than the suite has time for."""
    parser.addoption("--rounds", type=int, default=1, help="how often each kill is repeated")


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
