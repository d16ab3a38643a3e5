"""Gives each box the hub's share of its keys, unless it is revoked (DESIGN section 2).

    master secret --HKDF(store, box, part)--> share --HPKE--> the request's own public key

Called by `ingest` with the requests of boxes whose settings say `key = "hub"`. A share is half of
a key: the box combines it with a secret of its own, so that neither a copied card nor this hub
opens anything alone. Who asks is the broker's word (certificate and access list). A name that was
never seen gets its share as well: it is the share of that name, which opens nothing of anybody
else's. Nothing of a share or of the master is in a log, a repr or the database, which holds a
fingerprint of the master only.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Engine, select

from cloud import aside
from cloud.acks import Reply
from cloud.db import upsert, writing
from cloud.errors import ShareFault
from cloud.inbox import Asked
from cloud.inbox import aside as make_aside
from cloud.master import read_master
from cloud.releases import is_revoked, note_release
from cloud.tables import key_master
from edge.wire.codec import encode
from edge.wire.messages import KeyRelease
from edge.wire.sealing import release_context
from edge.wire.topics import BoxAddress

_log = logging.getLogger(__name__)
_BYTES: Final = 32
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_WINDOW_S: Final = 60.0
ASKED_MAX: Final = 30
"""Requests of one box that are answered in a minute. A start takes two; a box that starts over
every few seconds must still get through."""


def derive(master: bytes, purpose: str) -> bytes:
    """Return 32 bytes of the master secret for one purpose (HKDF-SHA256, RFC 5869)."""
    kdf = HKDF(algorithm=hashes.SHA256(), length=_BYTES, salt=None, info=purpose.encode())
    return kdf.derive(master)


def share_of(master: bytes, address: BoxAddress, part: str) -> bytes:
    """Return the share of one part of one box's key: the same for ever."""
    return derive(master, f"menkou/v1/share/{address.store}/{address.box}/{part}")


class Shares:
    """Answers requests for keys. Several processes may: the share is the same.

    Args:
        engine: the database.
        secret_file: the master secret; made when the first box of all asks.
    """

    def __init__(self, engine: Engine, secret_file: Path) -> None:
        self._engine = engine
        self._secret_file = secret_file
        self._asked: Counter[BoxAddress] = Counter()
        self._window_from: datetime | None = None

    def answer(self, asked: Sequence[Asked]) -> list[Reply]:
        """Return what to publish. Whom the box's rate or the secret's file denies hears nothing.

        Raises:
            sqlalchemy.exc.DBAPIError: the database does not answer now.
        """
        if not asked:
            return []
        admitted = [one for one in asked if self._admits(one)]
        with writing(self._engine) as connection:
            replies = [reply for one in admitted for reply in self._answer(connection, one)]
            denied = len(asked) - len(replies)
            aside.count_up(connection, {aside.KEYS_DENIED: denied})
        return replies

    def _admits(self, one: Asked) -> bool:
        since = self._window_from
        if since is None or not 0 <= (one.at - since).total_seconds() < _WINDOW_S:
            self._window_from = one.at
            self._asked.clear()
        self._asked[one.address] += 1
        if self._asked[one.address] == ASKED_MAX + 1:
            _log.warning(
                "box %s/%s: asked for its key %d times in a minute; not answered until the next",
                *(one.address.store, one.address.box, ASKED_MAX),
                extra=asdict(one.address),
            )
        return self._asked[one.address] <= ASKED_MAX

    def _answer(self, connection: Connection, one: Asked) -> list[Reply]:
        try:
            sealed = self._seal(connection, one)
        except ShareFault as fault:
            named = (one.address.store, one.address.box)
            _log.error("box %s/%s: no key: %s", *named, fault, extra=asdict(one.address))
            return []
        except ValueError:  # the public key agrees on the same secret with everybody
            topic, public = one.address.topic("up"), one.request.public.encode()
            reason = "key_request.public: expected an X25519 public key, got a point of low order"
            aside.keep(connection, [make_aside(one.at, topic, reason, public)])
            return []
        if sealed is not None:
            note_release(connection, one.address, one.at)
        release = KeyRelease(
            session=one.request.session,
            part=one.request.part,
            state="revoked" if sealed is None else "released",
            sealed=sealed,
        )
        _log.info(
            "box %s/%s: %s key: %s",
            *(one.address.store, one.address.box, one.request.part, release.state),
            extra=asdict(one.address),
        )
        return [(one.address.topic("down"), encode(release))]

    def _seal(self, connection: Connection, one: Asked) -> str | None:
        """Return the share as only the asking process can open it, or None if it is revoked."""
        if is_revoked(connection, one.address):
            return None
        part, session = one.request.part, one.request.session
        share = share_of(self.master(connection), one.address, part)
        public = X25519PublicKey.from_public_bytes(bytes.fromhex(one.request.public))
        info = release_context(one.address, part, session)
        return _SUITE.encrypt(share, public, info=info).hex()

    def master(self, connection: Connection) -> bytes:
        """Return the secret (see `master_of`)."""
        return master_of(connection, self._secret_file)


def master_of(connection: Connection, secret_file: Path) -> bytes:
    """Return the secret that every release of this database comes from.

    Raises:
        ShareFault: the file holds another one, or is gone.
    """
    known = _fingerprint(connection)
    master = read_master(secret_file, make=known is None)
    mine = derive(master, "menkou/v1/share-fingerprint").hex()
    if known is None:
        statement = upsert(connection, key_master).on_conflict_do_nothing()
        connection.execute(statement, {"id": 1, "fingerprint": mine})
        known = _fingerprint(connection)
    if mine != known:
        raise ShareFault(
            f"{secret_file}: expected the secret from which this hub released keys before, got"
            " another one; put there the file of the machine that released them, or of its backup"
        )
    return master


def _fingerprint(connection: Connection) -> str | None:
    return connection.execute(select(key_master.c.fingerprint)).scalar()
