"""The tables of people, their sessions, programs' tokens and the audit log.

    account            who may come in: a role, a password and a second factor, or an OIDC subject
      -> account_shop     which shops a region's or a shop's person sees
      -> recovery_code    what takes the place of a lost phone, each once
      -> account_session  who is signed in, by a hash of what the browser holds
    login_brake        how often a name or an address failed, and until when it waits
    oidc_flow          a sign-in that is under way at the provider
    hub_token, hub_token_shop   programs that use the API
    audit              who did what, chained by hashes, append only

Used by the modules beside it. Secrets stand in them as hashes, or sealed (`seal`); what a person
typed that is no account's name, never.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cloud.tables import METADATA, Instant

ULID: Final = String(26)
_SHOP: Final = String(64).with_variant(String(64, collation="C"), "postgresql")


def _of_account(*, required: bool, key: bool = False) -> Column[Any]:
    return Column(
        "account", ULID, ForeignKey("account.id"), primary_key=key, nullable=not (required or key)
    )


account: Final = Table(
    "account",
    METADATA,
    Column("id", ULID, primary_key=True),
    # What is typed to sign in, in one way of writing; it stays with the account for ever.
    Column("name", String(80), nullable=False, unique=True),
    Column("shown", String(80), nullable=False),
    Column("role", String(16), nullable=False),
    Column("password", String(256)),
    Column("totp", LargeBinary),
    # A secret that is not confirmed yet, and the last step whose code was taken.
    Column("totp_new", LargeBinary),
    Column("totp_step", BigInteger),
    Column("issuer", String(256)),
    Column("subject", String(256)),
    Column("invite", LargeBinary, unique=True),
    Column("invite_until", Instant),
    Column("made_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    # The last sign-in: when, by what, from where.
    Column("seen_at", Instant),
    Column("seen_how", String(16)),
    Column("seen_from", String(64)),
    UniqueConstraint("issuer", "subject"),
    sqlite_with_rowid=False,
)

account_shop: Final = Table(
    "account_shop",
    METADATA,
    _of_account(required=True, key=True),
    # No foreign key: a shop may be named before its first box speaks.
    Column("shop", _SHOP, primary_key=True),
    sqlite_with_rowid=False,
)

recovery_code: Final = Table(
    "recovery_code",
    METADATA,
    _of_account(required=True, key=True),
    Column("hash", LargeBinary, primary_key=True),
    Column("used_at", Instant),
    sqlite_with_rowid=False,
)

account_session: Final = Table(
    "account_session",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("id", ULID, nullable=False, unique=True),
    # None: the one password that all shared before there were accounts; `mark` is of its hash.
    _of_account(required=False),
    Column("mark", String(16)),
    Column("how", String(16), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
    # When it was last proved who this is.
    Column("proved_at", Instant, nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", String(80), nullable=False),
    # The sign-in before this one, and how often it was tried in vain since.
    Column("before_at", Instant),
    Column("before_from", String(64)),
    Column("failed", Integer, nullable=False),
    # The provider's token of this session, sealed: it ends the session there, too.
    Column("id_token", LargeBinary),
    Index("account_session_by_account", "account"),
    sqlite_with_rowid=False,
)

login_brake: Final = Table(
    "login_brake",
    METADATA,
    Column("of", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    sqlite_with_rowid=False,
)

oidc_flow: Final = Table(
    "oidc_flow",
    METADATA,
    # Hashes of the state, and of the cookie of the browser in which the sign-in began.
    Column("state", LargeBinary, primary_key=True),
    Column("browser", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("until", Instant, nullable=False),
    sqlite_with_rowid=False,
)

hub_token: Final = Table(
    "hub_token",
    METADATA,
    Column("id", ULID, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("scopes", String(200), nullable=False),
    # Whether it sees all shops; else those of hub_token_shop.
    Column("every_shop", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("made_at", Instant, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
    sqlite_with_rowid=False,
)

hub_token_shop: Final = Table(
    "hub_token_shop",
    METADATA,
    Column("token", ULID, ForeignKey("hub_token.id"), primary_key=True),
    Column("shop", _SHOP, primary_key=True),
    sqlite_with_rowid=False,
)

audit: Final = Table(
    "audit",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    # Text, as the chain's hashes were made of it.
    Column("at", String(32), nullable=False),
    Column("what", String(16), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("subject", String(64)),
    Column("detail", Text, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("audit_by_actor", "actor", "id"),
    Index("audit_by_what", "what", "id"),
    Index("audit_by_subject", "subject", "id"),
)
