"""Opens what the hub sealed to this box: members and appointments. Called by `app.orders`.

profile root ──HKDF──> X25519 pair ──HPKE──> what an order holds
"""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.keys import envelope


class OrderKeys:
    """Opens what was sealed to this box; repr shows nothing."""

    __slots__ = ("_private",)

    def __init__(self, root: bytes) -> None:
        """`root`: 32 bytes. Raises KeyFault: another length."""
        self._private = X25519PrivateKey.from_private_bytes(envelope.derive(root, "order-pair"))

    def __repr__(self) -> str:
        return "OrderKeys(...)"

    @property
    def public(self) -> str:
        """The public half, as it is told to the hub: 64 hexadecimal digits."""
        return self._private.public_key().public_bytes_raw().hex()

    def open(self, sealed: str, context: bytes) -> bytes:
        """Return what the hub sealed in base64 to this box under a context.

        Raises:
            Unreadable: it is damaged, or was sealed to another key, order or revision.
        """
        return envelope.unseal_with(self._private, envelope.bytes_of(sealed), context)
