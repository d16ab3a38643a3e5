"""The box's tables, as migrations that run once each (sqlite-utils keeps the record).

Called by `database`. A migration that was released is never edited: add the next one.
"""

from sqlite_utils import Database, Migrations

from edge.store.appointment_schema import appointments
from edge.store.bounded_schema import bounded
from edge.store.clock_schema import clock
from edge.store.code_schema import codes
from edge.store.corner_schema import corner
from edge.store.desk_schema import desk
from edge.store.device_schema import devices, guest_screens
from edge.store.identity_schema import identity
from edge.store.joining_schema import joining
from edge.store.merge_schema import merges
from edge.store.notice_schema import notices
from edge.store.order_schema import orders
from edge.store.outbound_schema import outbound
from edge.store.people_schema import people, rebuild_audit
from edge.store.presence_schema import presence
from edge.store.queue_schema import queue
from edge.store.sender_schema import senders
from edge.store.service_schema import service
from edge.store.share_schema import shares
from edge.store.source_schema import sources
from edge.store.standing_schema import standing
from edge.store.till_schema import till
from edge.store.token_schema import tokens

migrations = Migrations("menkou-edge")


@migrations(name="0001_counting")
def counting(db: Database) -> None:
    """Crossings, visits, minutes, occupancy, and the outbox with its epochs."""
    db.table("crossing").create(
        {
            "id": int,
            "at": str,
            "camera": str,
            "direction": str,
            "track": int,
            "staff": int,
            "turned_back": int,
            "hours_open": int,
            "origin": str,
        },
        pk="id",
        not_null={
            "at",
            "camera",
            "direction",
            "track",
            "staff",
            "turned_back",
            "hours_open",
            "origin",
        },
    )
    db.table("crossing").create_index(["at"])
    db.table("visit").create(
        {
            "id": str,
            "rev": int,
            "opened_at": str,
            "camera": str,
            "who": str,
            "void": int,
            "closed_at": str,
            "close_reason": str,
            "origin": str,
        },
        pk="id",
        not_null={"rev", "opened_at", "who", "void", "origin"},
    )
    db.table("visit").create_index(["opened_at"])
    db.execute("CREATE INDEX visit_open ON visit (opened_at) WHERE closed_at IS NULL AND void = 0")
    minute_counts = ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back")
    db.table("crossing_minute").create(
        {
            "camera": str,
            "minute": str,
            "private": int,
            "rev": int,
            **dict.fromkeys(minute_counts, int),
        },
        pk=("minute", "camera", "private"),
        not_null={"rev", *minute_counts},
    )
    db.table("occupancy").create(
        {"id": int, "at": str, "people": int}, pk="id", not_null={"at", "people"}
    )
    _outbox(db)


def _outbox(db: Database) -> None:
    db.table("epoch").create(
        {"epoch": str, "started_at": str, "origin": str, "last_seq": int},
        pk="epoch",
        not_null={"started_at", "origin", "last_seq"},
    )
    # AUTOINCREMENT: the uplink remembers how far it has sent by id, so none may come twice.
    db.execute(
        "CREATE TABLE outbox ("
        " id INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL REFERENCES epoch (epoch),"
        " seq INTEGER NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL,"
        " acked_at TEXT)"
    )
    db.table("outbox").create_index(["epoch", "seq"], unique=True)
    # Only what still waits is ever searched for.
    db.execute("CREATE INDEX outbox_waiting ON outbox (id) WHERE acked_at IS NULL")
    db.execute("CREATE INDEX outbox_acked ON outbox (acked_at) WHERE acked_at IS NOT NULL")


@migrations(name="0002_identity")
def _identity(db: Database) -> None:
    identity(db)


@migrations(name="0003_people")
def _people(db: Database) -> None:
    people(db)


@migrations(name="0004_devices")
def _devices(db: Database) -> None:
    devices(db)


@migrations(name="0005_orders")
def _orders(db: Database) -> None:
    orders(db)


@migrations(name="0006_bounded")
def _bounded(db: Database) -> None:
    bounded(db)


@migrations(name="0007_clock")
def _clock(db: Database) -> None:
    clock(db)


@migrations(name="0008_shares")
def _shares(db: Database) -> None:
    shares(db)


@migrations(name="0009_codes")
def _codes(db: Database) -> None:
    codes(db)


@migrations(name="0010_standing")
def _standing(db: Database) -> None:
    standing(db)


@migrations(name="0011_guest_screens")
def _guest_screens(db: Database) -> None:
    guest_screens(db)


@migrations(name="0012_presence")
def _presence(db: Database) -> None:
    presence(db)


@migrations(name="0013_desk")
def _desk(db: Database) -> None:
    desk(db)


@migrations(name="0014_tokens")
def _tokens(db: Database) -> None:
    tokens(db)


@migrations(name="0015_outbound")
def _outbound_queue(db: Database) -> None:
    outbound(db)
    queue(db)
    rebuild_audit(db)  # it knows of numbers and calls now


@migrations(name="0017_appointments")
def _appointments(db: Database) -> None:
    appointments(db)
    rebuild_audit(db)  # it knows of appointments now


@migrations(name="0019_till")
def _till(db: Database) -> None:
    senders(db)
    till(db)


@migrations(name="0016_members")
def _members_on_the_console(db: Database) -> None:
    joining(db)


@migrations(name="0018_sources")
def _sources(db: Database) -> None:
    sources(db)
    service(db)
    rebuild_audit(db)  # it knows of answers and tickets now


@migrations(name="0020_corner")
def _corner(db: Database) -> None:
    corner(db)


@migrations(name="0021_merges")
def _merges(db: Database) -> None:
    merges(db)


@migrations(name="0022_notices")
def _notices(db: Database) -> None:
    notices(db)
