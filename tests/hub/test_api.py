"""The JSON API: today's figures with offsets, and what openapi.json says of them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, update

from cloud.accounts.scope import EVERYTHING
from cloud.app import create_app
from cloud.config import load
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.queries.today import chain_today
from cloud.rollup import rollup
from cloud.tables import store
from cloud.throwaway import Postgres
from tests.hub.conftest import FakeBox, on_sqlite

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[FlaskClient]:
    config = load(None, {"MENKOU_DATA_DIR": str(tmp_path)})
    with create_app(config, engine).test_client() as made:
        yield made


def conforms(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    """Check a value against the part of JSON Schema that the document uses."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        if value is None:
            assert {"type": "null"} in schema["anyOf"]
            return
        schema = schema["anyOf"][0]
    if "enum" in schema:
        assert value in schema["enum"]
    match schema.get("type"):
        case "object":
            assert set(value) == set(schema["properties"]) == set(schema["required"])
            for name, inner in schema["properties"].items():
                conforms(value[name], inner, document)
        case "array":
            for item in value:
                conforms(item, schema["items"], document)
        case "integer":
            assert isinstance(value, int)
        case "string":
            assert isinstance(value, str)
            if schema.get("format") == "date-time":
                assert datetime.fromisoformat(value).tzinfo is not None


def test_the_answers_are_what_the_document_says(
    client: FlaskClient, engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    box.opened(), box.sensed(now - timedelta(minutes=2))
    box.compared(now.replace(minute=0) - timedelta(hours=1))
    ingest.take([box.hello(), box.heartbeat(), box.batch(*box.events)])
    rollup(engine)
    document = client.get("/api/v1/openapi.json").get_json()
    for path in ("/api/v1/shops", "/api/v1/street", "/api/v1/health"):
        answer = client.get(path)
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]
        conforms(answer.get_json(), schema["application/json"]["schema"], document)
        assert answer.content_type == "application/json"
    (shop,) = client.get("/api/v1/shops").get_json()["shops"]
    assert shop["name"] == "南京东路店"
    assert shop["hours"][0]["start"].endswith("T00:00:00+08:00")
    (street,) = client.get("/api/v1/street").get_json()["shops"]
    assert street["heard_on"] is not None


@on_sqlite
def test_a_time_is_written_with_its_zone_as_a_number_and_a_name_as_it_is(
    client: FlaskClient, engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello(), box.heartbeat()])
    with reading(engine) as connection:
        expected = chain_today(connection, EVERYTHING, datetime.now(UTC))
    with writing(engine) as connection:
        connection.execute(update(store).values(name='Tianjin "Z" 天津Z'))
    (told,) = json.loads(client.get("/api/v1/shops").text)["shops"]
    seen = expected.shops[0].boxes[0].last_seen
    assert seen is not None
    assert seen.isoformat().endswith("+00:00")
    assert told["boxes"][0]["last_seen"] == seen.isoformat()
    assert told["name"] == 'Tianjin "Z" 天津Z'


def test_every_route_of_the_api_is_in_the_document(client: FlaskClient) -> None:
    document = json.loads((ROOT / "cloud" / "api" / "openapi.json").read_text(encoding="utf-8"))
    rules = {str(rule) for rule in client.application.url_map.iter_rules()}
    named = {rule.replace("<", "{").replace(">", "}") for rule in rules}
    assert {rule for rule in named if rule.startswith("/api/")} == set(document["paths"])


def test_a_database_that_is_away_is_told_as_such(
    client: FlaskClient, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    engine.dispose()
    for name in ("hub.db", "hub.db-wal", "hub.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    if engine.dialect.name == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        server.drop(engine.url.database or "")
    answer = client.get("/api/v1/health")
    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"
    document = json.loads((ROOT / "cloud" / "api" / "openapi.json").read_text(encoding="utf-8"))
    conforms(answer.get_json(), document["components"]["schemas"]["DatabaseAway"], document)
    assert answer.get_json()["state"] == "database_away"
