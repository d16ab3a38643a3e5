"""Asks for the password of a page and hashes it. Used by both sides' `hash-password` command."""

import sys
from getpass import getpass
from typing import Final

from werkzeug.security import generate_password_hash

from menkou.web.errors import WebError

LENGTH_MIN: Final = 10
"""Characters; one password guards a page, and five failures lock the asking address."""


class BadPassword(WebError):
    """The password cannot be used."""


def ask_for_hash() -> str:
    """Read a password from the terminal, or one line from stdin, and return its hash.

    Raises:
        BadPassword: too short, or not the same twice.
    """
    if sys.stdin.isatty():
        password = getpass("密码 / password: ")
        if getpass("再次输入 / once more: ") != password:
            raise BadPassword("expected the same password twice, got two")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < LENGTH_MIN:
        raise BadPassword(
            f"expected a password of at least {LENGTH_MIN} characters, got {len(password)}"
        )
    return generate_password_hash(password)
