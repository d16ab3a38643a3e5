"""What a member's phone makes codes of: a secret and the time. Called by `edge.store.codes`.

The codes are `menkou.totp`'s; here is the address (otpauth://) that the phone scans.
"""

from menkou import totp
from menkou.totp import SECRET_BYTES, code_at, new_secret, step_of

__all__ = ["SECRET_BYTES", "address_of", "code_at", "new_secret", "step_of"]


def address_of(secret: bytes, *, shop: str, phone: str) -> str:
    """Return the otpauth:// address for the member's phone. It is the secret: show it once.

    An app lists it under the shop's name and the four digits of the phone that it is for.
    """
    return totp.address_of(secret, account=f"**** {phone}", issuer=shop)
