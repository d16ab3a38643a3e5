"""The hub's composition root: which pages there are, and what they read.

The only place that names the pages, the API and the database together. Called by `cli`.
"""

import logging
from datetime import UTC, datetime

from flask import Flask
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from werkzeug.exceptions import ServiceUnavailable

from cloud.api import create_api
from cloud.config import HubConfig
from cloud.db import reading
from cloud.pages import create_pages, create_street
from cloud.queries import HubHealth, chain_today, hub_health
from cloud.street import street_of, street_today
from cloud.views import ChainToday, StreetMinutes, StreetToday
from menkou.web.app import dress, error_page

_log = logging.getLogger(__name__)


def create_app(config: HubConfig, engine: Engine) -> Flask:
    """Make head office's app, dressed for the address that it will be served at.

    Raises:
        menkou.web.errors.BadSecret: the data directory cannot hold the sessions' key.
    """

    def today(page: int | None = None) -> ChainToday:
        with reading(engine) as connection:
            return chain_today(connection, datetime.now(UTC), page)

    def passers() -> StreetToday:
        with reading(engine) as connection:
            return street_today(connection, datetime.now(UTC))

    def passers_of(store_id: str) -> StreetMinutes | None:
        with reading(engine) as connection:
            return street_of(connection, store_id, datetime.now(UTC))

    def health() -> HubHealth:
        with reading(engine) as connection:
            return hub_health(connection, datetime.now(UTC))

    app = Flask("cloud")
    app.register_blueprint(create_api(today, health, passers))
    app.register_blueprint(create_pages(today))
    app.register_blueprint(create_street(passers, passers_of))
    dress(app, config.listen, secret_file=config.session_secret)
    for away in (OperationalError, InterfaceError):
        app.register_error_handler(away, _say_away)
    return app


def _say_away(error: OperationalError | InterfaceError) -> ResponseReturnValue:
    """Answer that the database does not; its own words may repeat what somebody's visit says."""
    _log.warning("pages: the database does not answer: %s", type(error.orig).__name__)
    return error_page(ServiceUnavailable())
