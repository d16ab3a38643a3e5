"""Checks of what guards a connection: certificates, keys, the page's password, a token.

Used by both sides' settings, so that a fault is named before anything starts.
"""

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
        (name, f"expected a file that can be read, got {str(path)!r}")
        for name, path in files.items()
        if path is not None and not (base / path).is_file()
    ]


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
    place: str, *, cert: Path | None, key: Path | None, token: str | None, base: Path
) -> Listen:
    """Return where figures are served and what guards them.

    Args:
        place: HOST:PORT.
        cert: the certificate for TLS.
        key: its key.
        token: a `file:` reference to the bearer token, or None.
        base: the directory from which a relative reference is taken.

    Raises:
        ValueError: the place is none, or the token cannot be read or is too short.
    """
    host, port = parse_listen(place)
    return Listen(
        host=host,
        port=port,
        cert=cert,
        key=key,
        token=_read_token(token, base),
        login_words="bearer token (token)",
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
