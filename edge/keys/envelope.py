"""Sealing with this project's parameters. Called by the other modules of `edge.keys`.

Calls `cryptography`: AES-256-GCM (NIST SP 800-38D), AES key wrap (RFC 3394), HKDF-SHA256
(RFC 5869) and HPKE in base mode with X25519, HKDF-SHA256 and AES-256-GCM (RFC 9180).
"""

import hmac
import json
import secrets
from base64 import b64decode
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from edge.keys.errors import KeyFault, Unreadable

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # what AES-GCM is made for (SP 800-38D, 8.2)
_TAG_BYTES: Final = 16
_VERSION: Final = 1
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def new_key() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def require_key(key: bytes) -> bytes:
    """Return the key.

    Raises:
        KeyFault: it has not 32 bytes.
    """
    if len(key) != KEY_BYTES:
        raise KeyFault(f"key: expected {KEY_BYTES} bytes, got {len(key)}")
    return key


def bound(subject: str, purpose: str) -> bytes:
    """Return what ties sealed bytes to a subject, a purpose and this version of the format."""
    return json.dumps(["menkou", _VERSION, purpose, subject]).encode()


def derive(key: bytes, purpose: str, *, salt: bytes | None = None) -> bytes:
    """Return the key of a purpose under another key (HKDF-SHA256), 32 bytes."""
    info = bound("", purpose)
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(require_key(key))


def mac(key: bytes, content: bytes) -> bytes:
    """Return the HMAC-SHA256 of `content`, 32 bytes."""
    return hmac.digest(require_key(key), content, sha256)


def bytes_of(text: str) -> bytes:
    """Return what was sealed, as it travels in base64.

    Raises:
        Unreadable: it is no base64.
    """
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise Unreadable("sealed: expected base64, got something else") from None


def seal(key: bytes, content: bytes | bytearray, bond: bytes) -> bytes:
    """Encrypt `content` with a fresh nonce, which stands before the ciphertext."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(require_key(key)).encrypt(nonce, content, bond)


def unseal(key: bytes, sealed: bytes, bond: bytes) -> bytes:
    """Return what `seal` was given.

    Raises:
        Unreadable: a byte was changed, or key or bond are others.
    """
    return bytes(unseal_wipeable(key, sealed, bond))


def unseal_wipeable(key: bytes, sealed: bytes, bond: bytes) -> bytearray:
    """Return what `seal` was given, in memory that the caller can overwrite.

    Raises:
        Unreadable: as `unseal`.
    """
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    content = bytearray(max(0, len(ciphertext) - _TAG_BYTES))
    try:
        AESGCM(require_key(key)).decrypt_into(nonce, ciphertext, bond, content)
        return content
    except (InvalidTag, ValueError):  # ValueError: so short that it holds no nonce
        raise _unreadable(sealed) from None


def wrap(key: bytes, inner: bytes) -> bytes:
    """Return a member's key under one of the box's keys, 40 bytes."""
    return aes_key_wrap(require_key(key), require_key(inner))


def unwrap(key: bytes, wrapped: bytes) -> bytes:
    """Return what `wrap` was given.

    Raises:
        Unreadable: a byte was changed, or the key is another.
    """
    try:
        return require_key(aes_key_unwrap(require_key(key), wrapped))
    except (InvalidUnwrap, ValueError):
        raise _unreadable(wrapped) from None


def private_of(root: bytes) -> X25519PrivateKey:
    """Return the private half of the pair that belongs to the template root."""
    return X25519PrivateKey.from_private_bytes(derive(root, "template-pair"))


def public_of(root: bytes) -> bytes:
    """Return the public half, 32 bytes."""
    return private_of(root).public_key().public_bytes_raw()


def seal_to(public: bytes, content: bytes, bond: bytes) -> bytes:
    """Encrypt for whoever holds the private half of `public`; the sender cannot open it again."""
    return _SUITE.encrypt(
        content, X25519PublicKey.from_public_bytes(require_key(public)), info=bond
    )


def unseal_with(private: X25519PrivateKey, sealed: bytes, bond: bytes) -> bytes:
    """Return what `seal_to` was given.

    Raises:
        Unreadable: a byte was changed, or key or bond are others.
    """
    try:
        return bytes(_SUITE.decrypt(sealed, private, info=bond))
    except (InvalidTag, ValueError):
        raise _unreadable(sealed) from None


def _unreadable(sealed: bytes) -> Unreadable:
    return Unreadable(
        f"{len(sealed)} sealed bytes: expected bytes that this key sealed for this subject and"
        " purpose, got others or damaged ones"
    )
