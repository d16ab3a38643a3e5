"""What an authenticator app scans, drawn. Called by the pages that show it once."""

import base64
from dataclasses import dataclass, field
from typing import Final

import segno
from markupsafe import Markup

from cloud.accounts.people import Account
from menkou import totp

_ISSUER: Final = "Menkou"
_BORDER: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSecret:
    """A secret as a QR code, and as text in groups of four for whoever cannot scan it."""

    qr: Markup = field(repr=False)
    text: str = field(repr=False)


def app_of(secret: bytes, account: Account) -> AppSecret:
    """Return a secret as it is shown."""
    address = totp.address_of(secret, account=account.name, issuer=_ISSUER)
    code = segno.make(address, error="m", micro=False)
    # No style of its own: the page's policy allows none.
    drawn = code.svg_inline(border=_BORDER, svgclass="qr", lineclass="qr-line", omitsize=True)
    plain = base64.b32encode(secret).decode().rstrip("=")
    groups = " ".join(plain[n : n + 4] for n in range(0, len(plain), 4))
    return AppSecret(qr=Markup(drawn), text=groups)
