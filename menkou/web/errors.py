"""What can go wrong when pages are served. Raised by `server` and `secret`.

WebError
├── Exposed          the address is open to other machines without TLS or login
├── AddressTaken     another program listens there, or the address is not this machine's
├── BadCertificate   the certificate or its key cannot be used
├── BadSecret        the file that signs sessions cannot be read or written
└── BadPassword      (password.py) a new password is too short or mistyped
"""

from menkou.errors import MenkouFault


class WebError(MenkouFault):
    """Base of everything that `menkou.web` raises."""


class Exposed(WebError):
    """The pages would be open to other machines without TLS or without a login."""


class AddressTaken(WebError):
    """The address or port cannot be listened on."""


class BadCertificate(WebError):
    """The certificate or its key cannot be read or do not belong together."""


class BadSecret(WebError):
    """The file that holds the secret of the sessions cannot be read or written."""
