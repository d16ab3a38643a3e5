"""Characters that no name has are refused before any question is asked with them."""

from datetime import date
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import Engine

from cloud.app import create_app
from cloud.config import load
from cloud.db import writing
from tests.hub.conftest import on_postgresql
from tests.support import tallies

READ = (
    *("/?q=%00", "/shops?q=a%00b", "/shops/%00", "/channels?shop=%00", "/consultants?shop=%00"),
    *("/funnel?shop=%00", "/funnel?shop=s1&shop=%00", "/counting?shop=%00", "/street/%00"),
)
DONE = (
    *(("/anomalies/%00/ack", {}), ("/anomalies/%0d%0aX/tell", {})),
    *(("/counting/draw", {"shop": "\0"}), ("/counting/enter", {"check": "\0", "entered": "3"})),
    ("/counting/drop", {"check": "\0"}),
)


def _client(engine: Engine, tmp_path: Path) -> FlaskClient:
    with writing(engine) as connection:
        tallies.day(connection, "s1", date(2026, 11, 21), visitors=20)
    return create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine).test_client()


@on_postgresql
def test_control_characters_are_refused_and_no_fault_of_the_hub(
    engine: Engine, tmp_path: Path
) -> None:
    client = _client(engine, tmp_path)
    with client.session_transaction() as session:
        session["csrf"] = "x"
    assert {address: client.get(address).status_code for address in READ} == dict.fromkeys(
        READ, 400
    )
    for address, form in DONE:
        told = client.post(address, data={**form, "csrf": "x"})
        assert told.status_code == 400, address
    assert client.get("/shops?q=周%20s1").status_code == 200
