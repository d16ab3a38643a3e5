"""`menkou-edge pair`: prints a one-time code for a device. Called by `cli`.

Works while the box runs: the code lies in the database, as a hash.
"""

import argparse
import io
import ipaddress
import socket
from pathlib import Path
from typing import Any, Final

import segno
from cryptography import x509

from edge.config import load
from edge.store.devices import LOCAL, ROLES, Devices, first_role
from menkou.errors import MenkouFault, told
from menkou.listen import Listen

_EXAMPLE: Final = 'example:\n  menkou-edge pair --config /etc/menkou/edge.toml --name "till"'


class PairFault(MenkouFault):
    """No device can be paired with this box as it is set up."""


def add(sub: Any) -> None:
    """Add the command to `menkou-edge`'s."""
    text = "print a one-time code that lets a phone or tablet open the box's pages"
    parser: argparse.ArgumentParser = sub.add_parser(
        "pair",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. It lives 10 minutes.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="F", help="the box's settings (edge.toml)"
    )
    parser.add_argument(
        "--role",
        choices=ROLES,
        help="what the device may do (default: the first device is the manager's, then consultant)",
    )
    parser.add_argument("--name", default="", help="how the list of devices calls it")
    parser.set_defaults(run=pair)


def pair(arguments: argparse.Namespace) -> int:
    """Print a fresh code, the address to open, and both as a QR code."""
    config = load(arguments.config)
    listen = config.console.listen_at(config.base)
    if listen.is_loopback:
        raise PairFault(
            f"[console] listen: the pages are open on this machine only ({listen.url}), where"
            " nothing needs pairing; set an address of the shop's network, cert and key first"
        )
    address = page_address(listen)
    ca = config.console.ca
    # Loads only what this command runs; the first is a part of the pages.
    from edge.app.common import ready_store, steady_clock
    from edge.console.trust import read_authority

    authority = read_authority(config.base / ca) if ca is not None else None
    db = ready_store(config.data_dir)
    devices, now = Devices(db), steady_clock(config, db).now()
    role = arguments.role or first_role(devices, now)
    code = devices.issue(role=role, name=arguments.name, by=LOCAL, now=now)
    drawn = io.StringIO()
    segno.make(f"{address}pair#{code.text}", error="m", micro=False).terminal(drawn, compact=True)
    print(drawn.getvalue())
    print(f"role     {role}")
    print(f"open     {address}pair")
    print(f"code     {code.text}")
    if authority is not None:  # the phone has to install it first, and to compare this
        print(f"trust    {address}trust")
        print(f"sha-256  {authority.fingerprint}")
    print(f"until    {code.expires_at.astimezone(config.store.zone):%H:%M}, once")
    return 0


def page_address(listen: Listen) -> str:
    """Return the address at which a browser finds the pages and accepts their certificate.

    Raises:
        PairFault: the certificate cannot be read.
    """
    host = _certified_name(listen) or listen.host
    if _is_every_address(host):
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{listen.port}/"


def _is_every_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _certified_name(listen: Listen) -> str | None:
    """Return the first name or address that the certificate is good for."""
    if listen.cert is None:
        return None
    try:
        certificate = x509.load_pem_x509_certificate(listen.cert.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    except (OSError, ValueError) as exc:
        raise PairFault(
            f"[console] cert {listen.cert}: expected a PEM certificate, got: {told(exc)}"
        ) from exc
    found = [
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]
    # A wildcard is no address.
    return next((name for name in found if not name.startswith("*")), None)
