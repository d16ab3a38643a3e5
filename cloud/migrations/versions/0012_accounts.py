"""Accounts of people, their sessions, programs' tokens, and an audit log that is only added to."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None

_ULID = sa.String(26)
_SHOP = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_REFUSAL = "the audit log is only added to"


def upgrade() -> None:
    """Add tables; nobody has an account before."""
    _people()
    _sessions()
    _programs()
    _audit()


def _instants(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger()) for name in names]


def _needed(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _people() -> None:
    op.create_table(
        "account",
        sa.Column("id", _ULID, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        *_needed(sa.String(80), "shown"),
        *_needed(sa.String(16), "role"),
        sa.Column("password", sa.String(256)),
        sa.Column("totp", sa.LargeBinary()),
        sa.Column("totp_new", sa.LargeBinary()),
        *_instants("totp_step"),
        sa.Column("issuer", sa.String(256)),
        sa.Column("subject", sa.String(256)),
        sa.Column("invite", sa.LargeBinary(), unique=True),
        *_instants("invite_until"),
        *_needed(sa.BigInteger(), "made_at"),
        *_instants("disabled_at", "seen_at"),
        sa.Column("seen_how", sa.String(16)),
        sa.Column("seen_from", sa.String(64)),
        sa.UniqueConstraint("issuer", "subject"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "account_shop",
        sa.Column("account", _ULID, sa.ForeignKey("account.id"), primary_key=True),
        sa.Column("shop", _SHOP, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recovery_code",
        sa.Column("account", _ULID, sa.ForeignKey("account.id"), primary_key=True),
        sa.Column("hash", sa.LargeBinary(), primary_key=True),
        *_instants("used_at"),
        sqlite_with_rowid=False,
    )


def _sessions() -> None:
    op.create_table(
        "account_session",
        sa.Column("hash", sa.LargeBinary(), primary_key=True),
        sa.Column("id", _ULID, nullable=False, unique=True),
        sa.Column("account", _ULID, sa.ForeignKey("account.id")),
        sa.Column("mark", sa.String(16)),
        *_needed(sa.String(16), "how"),
        *_needed(sa.BigInteger(), "made_at", "used_at", "proved_at"),
        *_needed(sa.String(64), "address"),
        *_needed(sa.String(80), "agent"),
        *_instants("before_at"),
        sa.Column("before_from", sa.String(64)),
        *_needed(sa.Integer(), "failed"),
        sa.Column("id_token", sa.LargeBinary()),
        sqlite_with_rowid=False,
    )
    op.create_index("account_session_by_account", "account_session", ["account"])
    op.create_table(
        "login_brake",
        sa.Column("of", sa.LargeBinary(), primary_key=True),
        *_needed(sa.Integer(), "failures"),
        *_needed(sa.BigInteger(), "last_at", "until"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "oidc_flow",
        sa.Column("state", sa.LargeBinary(), primary_key=True),
        *_needed(sa.LargeBinary(), "browser", "sealed"),
        *_needed(sa.BigInteger(), "until"),
        sqlite_with_rowid=False,
    )


def _programs() -> None:
    op.create_table(
        "hub_token",
        sa.Column("id", _ULID, primary_key=True),
        *_needed(sa.String(40), "name"),
        *_needed(sa.String(200), "scopes"),
        *_needed(sa.Integer(), "every_shop"),
        sa.Column("hash", sa.LargeBinary(), nullable=False, unique=True),
        *_needed(sa.BigInteger(), "made_at"),
        *_needed(sa.String(64), "made_by"),
        *_needed(sa.BigInteger(), "expires_at"),
        *_instants("used_at", "revoked_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hub_token_shop",
        sa.Column("token", _ULID, sa.ForeignKey("hub_token.id"), primary_key=True),
        sa.Column("shop", _SHOP, primary_key=True),
        sqlite_with_rowid=False,
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_needed(sa.String(32), "at"),
        *_needed(sa.String(16), "what"),
        *_needed(sa.String(64), "actor"),
        sa.Column("subject", sa.String(64)),
        *_needed(sa.Text(), "detail"),
        *_needed(sa.LargeBinary(), "prev", "hash"),
    )
    for name in ("actor", "what", "subject"):
        op.create_index(f"audit_by_{name}", "audit", [name, "id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
