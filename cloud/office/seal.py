"""How head office's people are sealed: at rest, for a box, and by what they are found again.

Called by `people`, which keeps the rows. AES-GCM under a key of the hub's secret at rest, HPKE to
the one box's key on the way.
"""

import hmac
import json
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row

from cloud.errors import HubFault
from cloud.shares import derive
from edge.wire.sealing import order_context
from edge.wire.topics import BoxAddress

_NONCE_BYTES: Final = 12
TEXTS_BYTES_MAX: Final = 4_400
"""Of one member or appointment as JSON: sealed they must fit what the wire allows of an order."""
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_ULID: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
Texts = Mapping[str, str]


class TextsTooLong(HubFault):
    """What is to be kept of a member or an appointment is more than an order can carry."""


def plain_id(external_id: str) -> str:
    """Return an id without the ways of writing it: width, case, spaces around it."""
    return unicodedata.normalize("NFKC", external_id).strip().casefold()


def random_id() -> str:
    """Return a ULID of random bits only: 128, of which the first character holds three."""
    number, digits = secrets.randbits(128), ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits = _ULID[digit] + digits
    return digits


KEYS_BYTES: Final = 64


def keys_of(master: bytes) -> bytes:
    """Return the two keys of the office's people, and no way from them to any box's share.

    Args:
        master: the hub's secret (`shares.master_of`).
    """
    return derive(master, "menkou/v1/office") + derive(master, "menkou/v1/office-index")


class Seal:
    """Seals and opens texts. repr shows nothing.

    Args:
        keys: as `keys_of` returns them.
    """

    def __init__(self, keys: bytes) -> None:
        half = KEYS_BYTES // 2
        self._at_rest = AESGCM(keys[:half])
        self._index = keys[half:]

    def __repr__(self) -> str:
        return "Seal(...)"

    def ref(self, kind: str, external_id: str) -> str:
        """Return by what an id of the shop's own systems is found; it cannot be guessed.

        Ways of writing the same id are one, as on the boxes.
        """
        external_id = plain_id(external_id)
        return hmac.digest(self._index, f"{kind}/{external_id}".encode(), sha256).hex()

    def close(self, thing: str, texts: Texts) -> bytes:
        """Seal what is kept of a thing.

        Raises:
            TextsTooLong: it is more than an order can carry.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        raw = json.dumps(texts, ensure_ascii=False).encode()
        if len(raw) > TEXTS_BYTES_MAX:
            raise TextsTooLong(
                f"a row: expected texts of at most {TEXTS_BYTES_MAX:,} bytes together (a Chinese"
                f" character has 3), got {len(raw):,}; shorten its longest, such as the note"
            )
        return nonce + self._at_rest.encrypt(nonce, raw, thing.encode())

    def open(self, thing: str, sealed: bytes) -> dict[str, str]:
        """Return what was sealed of a thing."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        texts: dict[str, str] = json.loads(self._at_rest.decrypt(nonce, rest, thing.encode()))
        return texts

    def fits(self, texts: Texts) -> bool:
        """Say whether texts are no more than an order can carry."""
        return len(json.dumps(texts, ensure_ascii=False).encode()) <= TEXTS_BYTES_MAX

    def for_box(self, address: BoxAddress, kind: str, row: Row[Any], public: str) -> str:
        """Return a row's texts as only the box with this key reads them, in base64."""
        texts = self.open(row.id, row.sealed)
        return self.texts_for_box(address, kind, row.id, row.rev, texts, public)

    def texts_for_box(
        self, address: BoxAddress, kind: str, thing: str, rev: int, texts: Texts, public: str
    ) -> str:
        """Return texts as only the box with this key reads them, in base64."""
        raw = json.dumps(texts, ensure_ascii=False).encode()
        key = X25519PublicKey.from_public_bytes(bytes.fromhex(public))
        info = order_context(address, kind, thing, rev)
        return b64encode(_SUITE.encrypt(raw, key, info=info)).decode()
