"""What all tests share: the recordings with known truth."""

import gc
import os
from itertools import islice
from pathlib import Path

import pytest

from tests.support.templates import compile_once

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Save every test that opens a page what the one before it has done already."""
    compile_once()


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


LONG = (
    *("tests/torture", "tests/integration", "tests/test_docs.py", "tests/demo", "tests/hub/tally"),
    *("tests/edge/test_replay.py", "tests/edge/test_faces_replay.py", "tests/edge/test_bench.py"),
    *(
        "tests/hub/test_server_lost.py",
        "tests/hub/test_many_ingests.py",
        "tests/hub/test_ingest.py",
    ),
    *("tests/hub/test_key_release.py", "tests/hub/test_simulate.py"),
    "tests/web/test_access.py",
)
"""Files of which each takes a minute or more, mostly waiting for real processes."""
_BESIDE = 4


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, and some that compute beside each: no worker shall end long after
    the others, nor shall all of them wait together. `scripts/test` deals files out in this order.
    """
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    long = [name for one in LONG for name in files if name.startswith(one)]
    short = iter([name for name in files if name not in long])
    order = [name for one in long for name in (one, *islice(short, _BESIDE))]
    items[:] = [item for name in (*order, *short) for item in files[name]]


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is loaded until the end: the tests themselves, and
    all modules. It took a fifth of the time of tests in this process.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Give back what was kept from the collector: libraries look at their end for what leaks."""
    gc.unfreeze()


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
