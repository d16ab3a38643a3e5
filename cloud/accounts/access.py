"""Who may use which page and route. A route that is not named here is nobody's.

Asked by `door` at every request; the pages ask it, too, what to link to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import g

from cloud.accounts.people import Account
from cloud.accounts.roles import ROLES, Role
from cloud.accounts.scope import EVERYTHING, Scope
from cloud.accounts.sessions import Session
from cloud.accounts.tokens import Token, TokenScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use a route.

    `token`: the scope with which a program may. `account`: only who has signed in to one.
    `proved`: only who proved lately who they are. `members`: shows members; each view of it is a
    line in the audit log, and whoever may not name them does not come here.
    """

    roles: frozenset[Role]
    token: TokenScope | None = None
    account: bool = False
    proved: bool = False
    members: bool = False


_NONE: Final = frozenset[Role]()
_ALL: Final = frozenset[Role](ROLES)
_OFFICE: Final = frozenset[Role]({"head_office"})
_WATCH: Final = frozenset[Role]({"head_office", "auditor"})
SEEN_BY_ALL: Final = Rule(roles=_ALL)
"""Figures: each sees those of the own shops."""
_DOING: Final = Rule(roles=frozenset[Role]({"head_office", "region", "shop"}))
_OWN: Final = Rule(roles=_ALL, account=True)
_OWN_PROVED: Final = Rule(roles=_ALL, account=True, proved=True)
_MANAGED: Final = Rule(roles=_OFFICE, account=True, proved=True)
_AUDITED: Final = Rule(roles=_WATCH, account=True)
_COUNTED: Final = Rule(roles=frozenset({"head_office", "region", "shop"}))
RULES: Final[Mapping[str, Rule]] = {
    "overview.page": SEEN_BY_ALL,
    "chain.chain": SEEN_BY_ALL,
    "chain.live": SEEN_BY_ALL,
    "street.street": SEEN_BY_ALL,
    "street.street_live": SEEN_BY_ALL,
    "street.shop": SEEN_BY_ALL,
    "street.shop_live": SEEN_BY_ALL,
    "channels.page": SEEN_BY_ALL,
    "consultants.page": SEEN_BY_ALL,  # whoever may name no members is told of no colleague either
    "fleet.page": SEEN_BY_ALL,
    "fleet.alert": _DOING,
    "counting.page": SEEN_BY_ALL,
    **dict.fromkeys((f"counting.{name}" for name in ("draw", "enter", "drop")), _COUNTED),
    "shops.page": SEEN_BY_ALL,
    "shops.shop": SEEN_BY_ALL,
    "funnel.page": SEEN_BY_ALL,
    "glossary.page": SEEN_BY_ALL,
    "anomalies.page": SEEN_BY_ALL,
    "anomalies.take_on": _DOING,
    "anomalies.tell": _DOING,
    "web.events": SEEN_BY_ALL,  # says that something changed, and nothing else
    "web.logout": SEEN_BY_ALL,
    "api_v1.shops": Rule(roles=_ALL, token="read:figures"),
    "api_v1.street": Rule(roles=_ALL, token="read:figures"),
    **dict.fromkeys(
        (
            *(f"api_figures.{name}" for name in ("figures", "days", "shops", "times", "fleet")),
            *(f"api_figures.{name}" for name in ("channels", "bookings", "consultants")),
        ),
        Rule(roles=_ALL, token="read:figures"),
    ),
    "api_v1.how": Rule(roles=_WATCH, token="read:health"),
    # Written and read by programs alone; `desks.members` notes each by the member's random id.
    "api_members.one": Rule(roles=_NONE, token="read:members"),
    **dict.fromkeys(
        (f"api_members.{name}" for name in ("put", "erase", "batch", "table", "merge")),
        Rule(roles=_NONE, token="write:members"),
    ),
    "me.page": _OWN,
    "me.end": _OWN,
    "me.end_others": _OWN,
    "me.prove": _OWN,
    "me.prove_there": _OWN,
    "me.keys": _OWN_PROVED,
    "me.password": _OWN_PROVED,
    "me.app": _OWN_PROVED,
    "me.papers": _OWN_PROVED,
    "people.page": _MANAGED,
    "people.add": _MANAGED,
    "people.change": _MANAGED,
    "people.again": _MANAGED,
    "people.disable": _MANAGED,
    "programs.page": _MANAGED,
    "programs.add": _MANAGED,
    "programs.revoke": _MANAGED,
    "audit.page": _AUDITED,
    "audit.table": _AUDITED,
}
OPEN: Final = frozenset(
    {
        *("web.static", "web.login", "web.to_provider", "web.from_provider"),
        *("web.welcome", "web.look", "web.begin", "web.begin_there", "api_v1.document"),
    }
)
"""What needs nobody to be signed in; each of these checks by itself what it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. `actor` is how the audit log names them.

    A person has an account and a session; a program a token; who shares the one password of before
    accounts a session only; who is on loopback where nobody has an account, none of these.
    """

    actor: str
    scope: Scope
    role: Role | None
    account: Account | None = None
    session: Session | None = None
    token: Token | None = None

    def may(self, endpoint: str) -> bool:
        """Say whether the caller may use a route, once it is proved who they are."""
        rule = RULES.get(endpoint)
        if rule is None or (rule.members and not self.scope.names):
            return False
        if self.token is not None:
            return rule.token in self.token.scopes
        return self.role in rule.roles and (self.account is not None or not rule.account)


LOCAL: Final = Caller(actor="local", scope=EVERYTHING, role="head_office")
"""Whoever is on loopback of a hub where nobody has an account."""


def caller() -> Caller:
    """Return who asks; the door has let them in."""
    found: Caller = g.caller
    return found
