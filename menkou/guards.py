"""Checks of what guards a connection: certificates, keys, the page's password, a token.

Used by both sides' settings, so that a fault is named before anything starts.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from menkou.listen import Listen, parse_listen
from menkou.settings import read_secret

_HASHES: Final = ("scrypt:", "pbkdf2:")
TOKEN_MIN: Final = 32
"""Characters of a token: what `openssl rand -hex 16` gives cannot be guessed."""


def missing_files(files: Mapping[str, Path | None], base: Path) -> list[tuple[str, str]]:
    """Return (setting, fault) for files that are not there.

    Args:
        files: the paths by setting (`ca`, `cert`, `key`); None where a setting is absent.
        base: the directory from which relative paths are taken.
    """
    return [
        (name, f"expected a file that can be read, got {str(path)!r}{why}")
        for name, path in files.items()
        if path is not None and (why := _unreadable(base / path)) is not None
    ]


def _unreadable(path: Path) -> str | None:
    """Say what keeps a file from being read, None if nothing does."""
    try:
        if not path.is_file():
            return ", which is no file" if path.exists() else ", where nothing is"
    except OSError as exc:
        return f": {exc.strerror}"
    return None if os.access(path, os.R_OK) else ", which this user may not read"


def unmakable(folder: Path) -> str | None:
    """Say why this user can neither write a folder nor make it, None if that can be done."""
    there = next(one for one in (folder, *folder.parents) if os.access(one, os.F_OK))
    if not there.is_dir():
        return f"expected a directory, got {folder}, where {there} is a file"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"expected a directory for this user to write, got {folder}, and {there} is closed"
    return None


def certificate_faults(files: Mapping[str, Path | None], base: Path) -> list[tuple[str, str]]:
    """Return (setting, fault) for files that are there but are no certificates or keys to use.

    Args:
        files: the paths by setting (`ca`, `cert`, `key`); None where a setting is absent.
        base: the directory from which relative paths are taken.
    """
    found = []
    ca, cert, key = (base / path if (path := files.get(n)) else None for n in ("ca", "cert", "key"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is not None and _unreadable(ca) is None:
        try:
            context.load_verify_locations(ca)
        except OSError:  # of TLS, too
            found.append(("ca", f"expected certificates in PEM, got something else in {ca}"))
    if cert and key and _unreadable(cert) is None and _unreadable(key) is None:
        try:
            # Without the last argument OpenSSL would ask the terminal for a password.
            context.load_cert_chain(cert, key, "")
        except OSError:
            text = (
                f"expected a certificate in PEM that belongs to the key {key}, and that key without"
                f" a password, got something else in {cert}"
            )
            found.append(("cert", text))
    return found


def pair_faults(files: Mapping[str, Path | None]) -> list[tuple[str, str]]:
    """Return (setting, fault) for a `cert` without its `key`, or the other way round."""
    cert, key = files.get("cert"), files.get("key")
    if (cert is None) == (key is None):
        return []
    there, absent = ("cert", "key") if cert else ("key", "cert")
    return [(there, f"expected {absent} beside it, got none")]


def read_password_hash(reference: str | None, base: Path) -> str | None:
    """Return the hash behind a `file:` reference, None for no reference.

    Raises:
        ValueError: it cannot be read, or holds something else; never shows what.
    """
    if reference is None:
        return None
    secret = read_secret(reference, base)
    if not secret.startswith(_HASHES):
        raise ValueError(
            "expected a file that holds what the command hash-password prints;"
            " it holds something else"
        )
    return secret


def listen_for_metrics(
    place: str,
    *,
    cert: Path | None,
    key: Path | None,
    token: str | None,
    base: Path,
    setting: str = "[metrics] listen",
) -> Listen:
    """Return where figures are served and what guards them.

    Args:
        place: HOST:PORT.
        cert: the certificate for TLS.
        key: its key.
        token: a `file:` reference to the bearer token, or None.
        base: the directory from which a relative reference is taken.
        setting: what sets the place.

    Raises:
        ValueError: the place is none, or the token cannot be read or is too short.
    """
    return _metrics_at(place, cert, key, _read_token(token, base), setting)


def metrics_exposure(
    place: str, *, cert: Path | None, key: Path | None, token: str | None
) -> str | None:
    """Say why figures must not be served at a place, None if they may.

    A token that is set is taken for one: what is wrong with its file is a fault of its own.

    Raises:
        ValueError: the place is none.
    """
    return _metrics_at(place, cert, key, token).exposure()


def _metrics_at(
    place: str, cert: Path | None, key: Path | None, token: str | None, setting: str = ""
) -> Listen:
    host, port = parse_listen(place)
    return Listen(
        host=host,
        port=port,
        cert=cert,
        key=key,
        token=token,
        login_words="bearer token (token)",
        setting=setting,
    )


def _read_token(reference: str | None, base: Path) -> str | None:
    if reference is None:
        return None
    token = read_secret(reference, base)
    if len(token) < TOKEN_MIN or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(
            f"expected a file with {TOKEN_MIN} or more characters of ASCII and no space, such as"
            " openssl rand -hex 32 prints; it holds something else"
        )
    return token
