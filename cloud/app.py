"""The hub's composition root: which pages there are, and what they read.

The only place that names the pages, the API and the database together. Called by `cli`.
"""

import logging
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from flask import Flask, abort, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from werkzeug.exceptions import ServiceUnavailable

from cloud.accounts.access import Caller, caller
from cloud.accounts.desk import AccountDesk
from cloud.accounts.oidc import Provider
from cloud.accounts.rooms import add_accounts
from cloud.accounts.scope import EVERYTHING, Scope
from cloud.accounts.seal import AccountSeal
from cloud.accounts.second import made_before
from cloud.anomalies.by_hand import Alerts
from cloud.anomalies.desk import not_taken_on
from cloud.api import create_api
from cloud.api.figures import create_figures_api
from cloud.api.members import create_members_api
from cloud.api.problems import answer_problems
from cloud.config import HubConfig
from cloud.config_digest import DigestConfig
from cloud.counting.checks import Who
from cloud.counting.desk import CountingDesk
from cloud.db import reading
from cloud.desks.chain import ChainDesk
from cloud.desks.figures import FiguresDesk
from cloud.desks.guests import GuestDesk
from cloud.desks.members import By, MemberDesk
from cloud.desks.shops import ShopDesk
from cloud.digest.writer import Writer
from cloud.pages import create_pages, create_street
from cloud.pages.anomalies import create_anomalies
from cloud.pages.anomalies.asks import anomaly_asks
from cloud.pages.channels import create_channels
from cloud.pages.consultants import create_consultants
from cloud.pages.counting import create_counting
from cloud.pages.fleet import create_fleet
from cloud.pages.funnel import create_funnel
from cloud.pages.glossary import create_glossary
from cloud.pages.overview import create_overview
from cloud.pages.places import places
from cloud.pages.shops import create_shops
from cloud.queries.live import Live
from cloud.queries.morning import Mornings
from cloud.queries.morning_views import Asked
from menkou.web.app import dress, error_page, take_uploads

_log = logging.getLogger(__name__)
FIRST_PAGE: Final = "first_page"
"""Under which of the app's extensions `run` finds what asks for the whole chain's first page."""


def create_app(config: HubConfig, engine: Engine) -> Flask:
    """Make head office's app, dressed for the address that it will be served at.

    What is read is what the caller sees: each question takes the scope of who asks.

    Raises:
        menkou.web.errors.BadSecret: the data directory cannot hold the sessions' key.
    """
    mornings, least = Mornings(engine, config.suppress_below), config.suppress_below
    chain = ChainDesk(engine=engine, scope=_scope, mornings=mornings, live=Live(engine, least))
    alerts = Alerts(engine)
    guests = GuestDesk(engine=engine, scope=_scope, least=least)
    figures = FiguresDesk(engine=engine, scope=_scope, guests=guests)
    shops = ShopDesk(engine=engine, scope=_scope, least=least)
    members = MemberDesk(engine, config.office_keys)

    def alert(shop: str, trouble: str) -> bool:
        asks = caller()
        return alerts.open(asks.scope, asks.actor, shop, trouble, datetime.now(UTC))

    app = Flask("cloud")
    app.before_request(_refuse_controls)
    app.extensions[FIRST_PAGE] = partial(mornings.read, EVERYTHING, Asked())
    for room in (
        create_api(chain.shops, chain.health, chain.passers),
        create_members_api(members, _by),
        create_overview(chain.morning, chain.alarms, least),
        create_pages(chain.shops),
        create_street(chain.passers, chain.passers_of),
        create_figures_api(figures.table, figures.today, least),
        create_channels(guests.today, guests.channels, least),
        create_consultants(guests.today, guests.consultants, least),
        create_fleet(chain.fleet, alert),
        create_counting(counting_desk(engine)),
        create_shops(shops.shops()),
        create_funnel(shops.funnel()),
        create_glossary(least),
        create_anomalies(anomaly_asks(engine, config.holidays)),
    ):
        app.register_blueprint(room)
    take_uploads(app, "/api/v1/members/csv", "/api/v1/members/batch")
    app.context_processor(partial(_places, app))
    door = add_accounts(app, account_desk(config, engine), config.listen)
    dress(app, config.listen, secret_file=config.session_secret, door=door)
    answer_problems(app)
    for away in (OperationalError, InterfaceError):
        app.register_error_handler(away, _say_away)
    return app


def _scope() -> Scope:
    return caller().scope


def _by() -> By:
    return By(actor=caller().actor, scope=caller().scope)


def _refuse_controls() -> None:
    """Refuse an address or a form with characters that no name has.

    PostgreSQL takes no NUL in a text, and no header a new line. Routes for programs say it in
    their own way.
    """
    if request.path.startswith("/api/"):
        return
    given = [text for _, text in request.args.items(multi=True)]
    if request.mimetype == "application/x-www-form-urlencoded":
        given += [text for _, text in request.form.items(multi=True)]
    named = (request.view_args or {}).values()
    if any("\0" in text for text in given) or not all(str(one).isprintable() for one in named):
        abort(400, description="address or form: expected text, got a control character")


def account_desk(config: HubConfig, engine: Engine) -> AccountDesk:
    """Return what the pages and the commands of accounts work with."""

    def nothing_sealed() -> bool:
        with reading(engine) as connection:
            return not made_before(connection)

    url = config.listen.public_url or config.listen.url.rstrip("/")
    provider = None
    if config.oidc is not None:
        provider = Provider(config.oidc, back=f"{url}/login/back", home=f"{url}/login")
    seal = AccountSeal(config.accounts_secret, nothing_sealed)
    return AccountDesk(engine=engine, seal=seal, provider=provider, url=url)


def counting_desk(engine: Engine) -> CountingDesk:
    """Return what the audit of counting works with; whoever asks sees the own shops."""

    def who() -> Who:
        asks = caller()
        return Who(actor=asks.actor, role=asks.role or "local", scope=asks.scope)

    return CountingDesk(engine=engine, who=who)


def digest_writer(config: HubConfig, engine: Engine, digest: DigestConfig) -> Writer:
    """Return what writes the digest."""
    return Writer(
        engine=engine,
        config=digest,
        mornings=Mornings(engine, config.suppress_below),
        anomalies=not_taken_on,
        url=config.listen.public_url or config.listen.url,
        clock=lambda: datetime.now(UTC),
    )


def _places(app: Flask) -> dict[str, Any]:
    """Return what the pages' way to each other is drawn of; nobody's on the way in."""
    asks: Caller | None = g.get("caller")
    there = places(app.view_functions, asks.may) if asks is not None else ()
    return {"places": there, "here": request.blueprint}


def _say_away(error: OperationalError | InterfaceError) -> ResponseReturnValue:
    """Answer that the database does not; its own words may repeat what somebody's visit says."""
    _log.warning("pages: the database does not answer: %s", type(error.orig).__name__)
    return error_page(ServiceUnavailable())
