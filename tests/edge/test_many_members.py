"""More members than are searched by face, one of them damaged; scripts/measure-gallery does a
million."""

from pathlib import Path

import numpy as np
import pytest

from edge.app.faces import GalleryFeed
from edge.faces.gallery import MemberGallery
from edge.keys.templates import TemplateOpener
from edge.store.database import connect, migrate
from edge.store.people import template_rows
from tests.support.many_members import fabricate, subject
from tests.support.people import NOW, TEMPLATE_ROOT, vector

MEMBERS = 3_000
CHOSEN = 40
DAMAGED = MEMBERS - 20


def test_a_damaged_row_among_many_is_named_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = connect(tmp_path)
    migrate(db)
    fabricate(db, MEMBERS, chosen=CHOSEN, damaged=DAMAGED)
    read: list[int] = []

    def reading(*args: object) -> object:
        rows = template_rows(*args)  # type: ignore[arg-type]
        read.append(len(rows))
        return rows

    monkeypatch.setattr("edge.app.faces.template_rows", reading)
    gallery = MemberGallery()
    feed = GalleryFeed(db, TemplateOpener(TEMPLATE_ROOT), gallery, CHOSEN)
    feed.fill(NOW)
    assert len(gallery) == CHOSEN - 1
    assert sum(read) == CHOSEN  # nobody else's was read, or they would be complained of
    (said,) = caplog.messages
    assert said.startswith(f"the template of {subject(DAMAGED)} is passed over: ")
    assert said.endswith("; enrol the member again")
    found = {n for n in range(MEMBERS - CHOSEN, MEMBERS) if gallery.match(vector(n), 5) is not None}
    assert found == set(range(MEMBERS - CHOSEN, MEMBERS)) - {DAMAGED}
    assert gallery.match(np.asarray(vector(DAMAGED)), 5) is None
