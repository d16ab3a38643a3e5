"""The section `[oidc]`: sign-in through the company's own provider. Called by `config`.

[oidc]
issuer = "https://login.example.com/realms/shops"
client_id = "menkou-hub"
client_secret = "file:oidc.secret"
role_claim = "groups"          # without it: by invitation only
shops_claim = "shops"          # for roles that are bound to shops
[oidc.roles]                   # what stands in the claim, and the role that it gives
"retail-head" = "head_office"
"""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from cloud.accounts.roles import BOUND, Role
from cloud.urls import check_page_url
from menkou.guards import missing_files
from menkou.settings import STRICT, read_secret

KEYS: Final = (
    *("issuer", "client_id", "client_secret", "label", "ca", "role_claim", "shops_claim"),
)
"""The keys that the environment may set, too."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OidcSettings:
    """`[oidc]`: the provider, what this hub is called there, and what its claims mean."""

    issuer: Annotated[str, AfterValidator(check_page_url)]
    client_id: str
    client_secret: str = field(repr=False)
    label: str = ""
    ca: str | None = None
    role_claim: str | None = None
    shops_claim: str | None = None
    roles: dict[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OidcConfig:
    """The provider, ready for use. `label` is how the button names it, empty: in plain words."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str
    ca: Path | None
    role_claim: str | None
    shops_claim: str | None
    roles: Mapping[str, Role]


def oidc_faults(raw: Mapping[str, Any], base: Path) -> list[tuple[str, str]]:
    """Return (key, fault) for what no single value of the section shows."""
    section = raw.get("oidc")
    if not isinstance(section, dict):
        return []
    faults: list[tuple[str, str]] = []
    secret, ca, roles = (section.get(name) for name in ("client_secret", "ca", "roles"))
    if isinstance(secret, str):
        try:
            read_secret(secret, base)
        except ValueError as exc:
            faults.append(("oidc.client_secret", str(exc)))
    if isinstance(ca, str):
        faults += [(f"oidc.{name}", t) for name, t in missing_files({"ca": Path(ca)}, base)]
    hub = raw.get("hub")
    if not (isinstance(hub, dict) and hub.get("url")):
        text = "expected [hub] url beside it: the address to which the provider sends people back"
        faults.append(("oidc.issuer", text))
    if roles and not section.get("role_claim"):
        faults.append(("oidc.roles", "expected role_claim beside it: the claim in which they are"))
    if section.get("role_claim") and not roles:
        faults.append(("oidc.role_claim", "expected [oidc.roles] beside it: what gives which role"))
    bound = isinstance(roles, dict) and any(role in BOUND for role in roles.values())
    if bound and not section.get("shops_claim"):
        text = "expected shops_claim beside a role that is bound to shops: the claim with them"
        faults.append(("oidc.roles", text))
    return faults


def resolve_oidc(settings: OidcSettings | None, base: Path) -> OidcConfig | None:
    """Return the section with its secret read and its paths resolved."""
    if settings is None:
        return None
    return OidcConfig(
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=read_secret(settings.client_secret, base),
        label=settings.label,
        ca=None if settings.ca is None else base / settings.ca,
        role_claim=settings.role_claim,
        shops_claim=settings.shops_claim,
        roles=settings.roles,
    )
