"""Says why a database cannot be used, and what to do; never shows its password. Called by `db`."""

import re
import sqlite3
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

_SQLITE: Final = (
    (
        sqlite3.SQLITE_CANTOPEN,
        "it is no file, or its folder is not there or closed to this user; see to it, or set"
        " [hub] data_dir or database_url to another place",
    ),
    (
        sqlite3.SQLITE_READONLY,
        "this user may not write it; run the command as the hub's service user",
    ),
    (
        sqlite3.SQLITE_NOTADB,
        "the file is no SQLite database; is the address right?",
    ),
    (
        sqlite3.SQLITE_CORRUPT,
        "the file is damaged; restore it from a backup",
    ),
    (
        sqlite3.SQLITE_FULL,
        "the disk is full; make room",
    ),
    (
        sqlite3.SQLITE_BUSY,
        "another process holds it for long; end that one, or try again later",
    ),
)
# libpq tells a failed connection in words only. Those of the server may be in its own language:
# what is not found here is shown as it came.
_POSTGRESQL: Final = (
    (
        r"Connection refused",
        "the server refuses connections; does PostgreSQL run there, is the port right, and does"
        " listen_addresses let other machines in?",
    ),
    (
        r"failed to resolve host|could not translate host name|Name or service not known",
        "there is no such host; is its name right?",
    ),
    (
        r"timeout expired|timed out|No route to host|Network is unreachable",
        "the host does not answer; is the address right, and does a firewall let it through?",
    ),
    (
        r"password authentication failed|no password supplied",
        "wrong user or password; see to USER:PASSWORD in the address (write / ? # @ : in a password"
        " as %2F %3F %23 %40 %3A), or set it anew: ALTER ROLE ... PASSWORD",
    ),
    (
        r'role ".*" does not exist',
        "there is no such user; make one: createuser --pwprompt USER",
    ),
    (
        r'database ".*" does not exist',
        "there is no such database; make it: createdb --owner USER NAME",
    ),
    (
        r"no pg_hba.conf entry",
        "the server lets nobody in from this machine as this user; add a line to its pg_hba.conf",
    ),
    (
        r"certificate verify failed|root certificate file|server does not support SSL",
        "TLS cannot be had as sslmode in the address asks for it; see to the server's certificate,"
        " to sslrootcert, or to sslmode",
    ),
    (
        r"too many clients|remaining connection slots",
        "the server has no connection to spare; raise max_connections, or end others",
    ),
    (
        r"permission denied",
        "this user may not use it; make USER the owner: ALTER DATABASE NAME OWNER TO USER",
    ),
)


def shown(url: URL) -> str:
    """Return the address of a database without its password."""
    hidden = {name: "***" for name in url.query if name in ("password", "sslpassword")}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def why_unopened(url: URL, exc: DBAPIError) -> str:
    """Return why a database cannot be used, and what to do."""
    orig = exc.orig
    if isinstance(orig, sqlite3.Error):
        code = getattr(orig, "sqlite_errorcode", 0) & 0xFF
        why = next((words for known, words in _SQLITE if known == code), str(orig))
        return f"database {shown(url)}: cannot be used: {why}"
    told = _without_password(url, str(orig))
    for pattern, words in _POSTGRESQL:
        if re.search(pattern, told):
            return f"database {shown(url)}: cannot be used: {words}"
    return f"database {shown(url)}: cannot be used: {told}"


def _without_password(url: URL, told: str) -> str:
    """Return a driver's words in one line; some repeat the address, password and all."""
    secrets = [str(url.password)] if url.password else []
    for name in ("password", "sslpassword"):
        given = url.query.get(name, ())
        secrets += [given] if isinstance(given, str) else given
    for secret in secrets:
        told = told.replace(secret, "***")
    return " ".join(told.split())
