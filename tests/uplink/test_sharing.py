"""A member enrolled in one shop is known in another that the consent names, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cloud.db import migrate, open_engine
from cloud.ingest import Ingest
from cloud.shares import Shares
from tests.support.sharing import Box, World, record

A, B, C = "nj-001/nj-001-a", "sh-002/sh-002-a", "bj-003/bj-003-a"


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


def test_who_is_enrolled_in_one_shop_is_recognised_in_another(world: World, a: Box, b: Box) -> None:
    member = a.enrol("王芳", record(world.clock, "nj-001", "sh-002"), external_id="C-1")
    world.settle()
    assert b.knows(1)
    (there,) = b.members()
    assert (there.profile.name, there.subject) == ("王芳", member.subject)
