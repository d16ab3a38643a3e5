"""The table of appointments: what an older release kept goes on."""

from pathlib import Path

from edge.core.appointments import Booking
from edge.keys.profiles import ProfileKeys
from edge.store.appointments import by_id, of_member, rev_of
from edge.store.audit import Audit
from edge.store.database import connect, transaction
from edge.store.schema import migrations
from edge.wire.codec import utc_text
from tests.support.people import NOW, PROFILE_ROOT

BOOKED, CANCELLED = "0" * 25 + "1", "0" * 25 + "2"


def test_head_offices_appointments_of_an_older_release_are_expected_still(tmp_path: Path) -> None:
    db, keys = connect(tmp_path), ProfileKeys(PROFILE_ROOT)
    migrations.apply(db, stop_before="0017_appointments")
    ref, at = keys.blind("C-1"), utc_text(NOW)
    sealed = keys.seal_appointment(BOOKED, '{"what": "取戒指", "channel": "app"}'.encode())
    with transaction(db):
        db.execute(
            "INSERT INTO appointment VALUES (?, ?, ?, ?, ?, ?)",
            [BOOKED, 7, ref, at, sealed, at],
        )
        db.execute("INSERT INTO appointment VALUES (?, 8, NULL, NULL, NULL, ?)", [CANCELLED, at])
        Audit(db).append(at=NOW, what="pair", actor="local")
    migrations.apply(db)
    (held,) = of_member(db, keys, None, ref)
    assert held.booking == Booking(at=NOW, what="取戒指", channel="app")
    assert (held.id, held.source, held.rev, held.channel) == (BOOKED, "office", 7, "app")
    assert held.course.state == "expected"
    cancelled = by_id(db, keys, CANCELLED)
    assert cancelled is not None
    assert (cancelled.at, cancelled.course.state, rev_of(db, CANCELLED)) == (None, "cancelled", 8)
    assert Audit(db).verify().broken is None
    db.close()
