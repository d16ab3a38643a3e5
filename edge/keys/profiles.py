"""Keys of the members' profiles. Called by `store.people`; calls `envelope`.

profile root ──HKDF──┬──> wrapping key ──RFC 3394──> one profile key a member ──> its profile
                     ├──> appointments: AES-256-GCM, before and apart from their members
                     ├──> what is of no member: a guest's phone number, a message that waits
                     ├──> index key ──HMAC──> blind index of the external ids, and of bookings
                     └──> code key ──HMAC──> blind index of one-time codes and of phones' ends
"""

from typing import Literal

from edge.core.profile import plain_id
from edge.keys import envelope


class ProfileKeys:
    """What the profile root can do. Holds no member's key; repr shows nothing."""

    __slots__ = ("_apart", "_appointments", "_codes", "_index", "_wrapping")

    def __init__(self, root: bytes) -> None:
        """`root`: 32 bytes. Raises KeyFault: another length."""
        self._wrapping = envelope.derive(root, "profile-wrapping")
        self._apart = envelope.derive(root, "apart")
        self._appointments = envelope.derive(root, "appointments")
        self._index = envelope.derive(root, "external-id-index")
        self._codes = envelope.derive(root, "code-index")

    def __repr__(self) -> str:
        return "ProfileKeys(...)"

    def new(self) -> bytes:
        """Return a fresh profile key, wrapped: 40 bytes."""
        return envelope.wrap(self._wrapping, envelope.new_key())

    def seal(self, wrapped: bytes, content: bytes, *, subject: str, purpose: str) -> bytes:
        """Encrypt something of a member under the member's wrapped key.

        Raises:
            Unreadable: the wrapped key is damaged or another box's.
        """
        key = envelope.unwrap(self._wrapping, wrapped)
        return envelope.seal(key, content, envelope.bound(subject, purpose))

    def unseal(self, wrapped: bytes, sealed: bytes, *, subject: str, purpose: str) -> bytes:
        """Return what `seal` was given.

        Raises:
            Unreadable: either is damaged, or of another member or purpose.
        """
        key = envelope.unwrap(self._wrapping, wrapped)
        return envelope.unseal(key, sealed, envelope.bound(subject, purpose))

    def blind(self, external_id: str) -> bytes:
        """Return what an external id is found by, 32 bytes: it cannot be guessed without the key.

        Ways of writing the same id are one (`core.profile.plain_id`).
        """
        return envelope.mac(self._index, plain_id(external_id).encode())

    def blind_booking(self, number: str) -> bytes:
        """Return what a booking is found by, 32 bytes; `number` is the booking system's own."""
        # No external id has such a character in it.
        return envelope.mac(self._index, b"booking\0" + plain_id(number).encode())

    def blind_digits(self, what: Literal["code", "phone"], digits: str) -> bytes:
        """Return what a few digits are found by, 32 bytes; without the key they can be guessed
        no better than by typing them.
        """
        return envelope.mac(self._codes, f"{what} {digits}".encode())

    def seal_appointment(self, thing: str, content: bytes) -> bytes:
        """Encrypt an appointment, which may come before its member does."""
        return envelope.seal(self._appointments, content, envelope.bound(thing, "appointment"))

    def unseal_appointment(self, thing: str, sealed: bytes) -> bytes:
        """Return what `seal_appointment` was given.

        Raises:
            Unreadable: it is damaged, or of another appointment.
        """
        return envelope.unseal(self._appointments, sealed, envelope.bound(thing, "appointment"))

    def seal_apart(self, thing: str, content: bytes, *, purpose: str) -> bytes:
        """Encrypt something personal that belongs to no member."""
        return envelope.seal(self._apart, content, envelope.bound(thing, purpose))

    def unseal_apart(self, thing: str, sealed: bytes, *, purpose: str) -> bytes:
        """Return what `seal_apart` was given.

        Raises:
            Unreadable: it is damaged, or of another thing or purpose.
        """
        return envelope.unseal(self._apart, sealed, envelope.bound(thing, purpose))
