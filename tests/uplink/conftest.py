"""Boxes that share members by way of a real hub's ingest."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cloud.db import migrate, open_engine
from cloud.ingest import Ingest
from cloud.shares import Shares
from tests.support.sharing import A, B, Box, World


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> Iterator[World]:
    made = World(tmp_path, engine, Ingest(engine, Shares(engine, tmp_path / "share.secret")))
    yield made
    for box in made.boxes.values():
        box.db.close()


@pytest.fixture
def a(world: World) -> Box:
    return world.box(A)


@pytest.fixture
def b(world: World) -> Box:
    return world.box(B)
