"""Questions for many keys: answered by an index, however many rows there are."""

from typing import Any

import pytest
from sqlalchemy import Engine

from cloud import boxes, desk_facts, facts
from cloud.bulk import Question
from cloud.db import reading
from cloud.tally import marks
from tests.hub.conftest import on_sqlite

QUESTIONS: list[Any] = [
    pytest.param(facts._OPENED, 3, id="when visits began"),
    pytest.param(boxes._LOCK, 2, id="boxes"),
    pytest.param(desk_facts._STOOD, 4, id="documents"),
    pytest.param(marks._OPENED, 3, id="days of visits"),
    pytest.param(marks._ABOUT, 3, id="what names visits"),
]


@on_sqlite
@pytest.mark.parametrize(("question", "width"), QUESTIONS)
@pytest.mark.parametrize("keys", [1, 2, 500])
def test_no_question_for_keys_reads_a_whole_table(
    engine: Engine, question: Question, width: int, keys: int
) -> None:
    with reading(engine) as connection:
        sql = f"EXPLAIN QUERY PLAN {question._sql(connection, keys)}"
        plan = [row[3] for row in connection.exec_driver_sql(sql, ("x",) * width * keys)]
    looked = [step for step in plan if "CONSTANT" not in step and "(subquery" not in step]
    assert not any(step.startswith("SCAN") for step in looked), plan
    assert any("SEARCH" in step for step in looked), plan
