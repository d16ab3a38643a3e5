"""Opens and seals what travels from box to box. The template's half is for the eyes alone.

template root ──HKDF──> X25519 pair ──HPKE──> a member's template from another box
profile root  ──> the pair of `keys.orders` ──> what is known of the person
"""

import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from edge.keys import envelope
from edge.keys.errors import KeyFault, Unreadable
from edge.keys.lock import DIMENSIONS, STORED
from edge.wire import checks
from edge.wire.codec import utc_text
from edge.wire.sealing import share_context

_HEAD_MAX: Final = 200
_KEY_SEALED: Final = 80  # HPKE with X25519: 32 bytes encapsulated, 32 sealed, 16 of tag
_LENGTH_OFF: Final = 0.01  # as `faces.gallery` allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From which box to which (STORE/BOX), about whom and in which revision."""

    sender: str
    receiver: str
    id: str
    rev: int

    def context(self, part: str) -> bytes:
        """Return what a sealed part is bound to."""
        return share_context(part, self.sender, self.receiver, self.id, self.rev)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A template on its way: float32 (128,), of which network, of how many photos, and when."""

    vector: NDArray[np.float32]
    model: str
    photos: int
    made_at: datetime


class ShareKeys:
    """What the template root can do with templates of other boxes; repr shows nothing."""

    __slots__ = ("_private",)

    def __init__(self, root: bytes) -> None:
        """`root`: 32 bytes. Raises KeyFault: another length."""
        self._private = X25519PrivateKey.from_private_bytes(envelope.derive(root, "share-pair"))

    def __repr__(self) -> str:
        return "ShareKeys(...)"

    @property
    def public(self) -> str:
        """The public half: 64 hexadecimal digits."""
        return self._private.public_key().public_bytes_raw().hex()

    def open(self, sealed: str, way: Way) -> Carried:
        """Return a template that another box sealed.

        Raises:
            Unreadable: it is damaged, sealed to another key, box, member or revision, or none.
        """
        blob, context = envelope.bytes_of(sealed), way.context("template")
        inner = envelope.unseal_with(self._private, blob[:_KEY_SEALED], context)
        raw = envelope.unseal_wipeable(inner, blob[_KEY_SEALED:], context)
        try:
            return _carried(raw)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Unreadable("sealed template: expected one with its model, got others") from None
        finally:
            raw[:] = bytes(len(raw))  # no second copy lies about in freed memory


def _carried(raw: bytearray) -> Carried:
    head, _, numbers = raw.partition(b"\n")
    told = json.loads(bytes(head))
    vector = np.frombuffer(numbers, dtype=STORED).astype(np.float32)
    numbers[:] = bytes(len(numbers))
    length = float(np.linalg.norm(vector))
    if vector.shape != (DIMENSIONS,) or not abs(length - 1.0) <= _LENGTH_OFF:
        raise ValueError("expected 128 numbers of length 1")
    photos = checks.integer(1, 1_000)(told["photos"])
    return Carried(
        vector=vector,
        model=str(told["model"])[:_HEAD_MAX],
        photos=photos,
        made_at=checks.instant(told["made_at"]),
    )


def seal_template(public: str, one: Carried, way: Way) -> str:
    """Seal a template to another box's key; return base64.

    Raises:
        KeyFault: nothing can be sealed to this key.
    """
    told = {"model": one.model, "photos": one.photos, "made_at": utc_text(one.made_at)}
    numbers = one.vector.astype(STORED)
    raw = bytearray(json.dumps(told).encode() + b"\n") + numbers.data.cast("B")
    numbers[:] = 0
    context, inner = way.context("template"), envelope.new_key()
    try:
        # Under a key of its own, as where it rests: what is opened can be overwritten.
        content = envelope.seal(inner, raw, context)
        return _text(_key_sealed(public, inner, context) + content)
    except ValueError:
        raise _cannot(way) from None
    finally:
        raw[:] = bytes(len(raw))


def seal_profile(public: str, content: bytes, way: Way) -> str:
    """Seal what is known of a person to another box's key; return base64.

    Raises:
        KeyFault: nothing can be sealed to this key, or it is more than may travel.
    """
    try:
        return _text(_key_sealed(public, content, way.context("profile")))
    except ValueError:
        raise _cannot(way) from None


def _key_sealed(public: str, content: bytes, context: bytes) -> bytes:
    # ValueError: a point of low order (RFC 7748, section 6.1).
    return envelope.seal_to(bytes.fromhex(public), content, context)


def _text(sealed: bytes) -> str:
    text: str = checks.sealed(b64encode(sealed).decode())
    return text


def _cannot(way: Way) -> KeyFault:
    return KeyFault(f"{way.receiver}: expected a key and a size that can be sealed, got others")
