"""Production: from any label rows, against the naive oracle; when it runs, and what running it again gives."""

import asyncio
import time
from collections import Counter
from unittest.mock import AsyncMock, patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import services
from jobs.model.definition import Definition
from jobs.model.input_table import InputTable
from jobs.model.sources import Sources
from jobs.model.task import TaskRef
from jobs.storage import labels, production
from jobs.storage.connection import quote
from jobs.storage.task_tables import ensure_task_tables
from jobs.worker.context import WorkerContext
from jobs.worker.production import produce
from patterns.pattern_set import PatternSet
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, run_in_process, until

times = st.sampled_from(["2020-01-01 00:00:00", "2020-01-01 00:00:01", "2020-06-01 12:00:00"])
names = st.sampled_from(["s_a", "s_A", "s_a ", "s_雅婷", "s_", "s_'`\\"])
panels = st.sampled_from(["/female", "/male", "/Male", "/團體"])
label_rows = st.lists(
    st.tuples(st.integers(0, 10**6), names, panels, times, st.integers(1, 3), st.text("ab", max_size=2)),
    unique_by=lambda row: row[0],
    max_size=30,
)


def definition_of(integer_id: bool, unique_id: bool, width: int | None = 20) -> Definition:
    table = InputTable("", "", (), "author", None, width, 8, width, width, 0, integer_id, unique_id)
    return Definition(PatternSet("keyword_model", "author_name", ()), Sources("other", {}), table)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label_rows, st.booleans(), st.booleans())
def test_production_equals_the_naive_oracle_for_any_rows(
    deployment: TestDeployment, rows: list[tuple[int, str, str, str, int, str]], integer_id: bool, unique_id: bool
) -> None:
    votes: Counter[tuple[str, str]] = Counter()
    for _, name, panel, _, count, _ in rows:
        votes[name, panel] += count
    most: Counter[str] = Counter()
    for (name, _), count in votes.items():
        most[name] = max(most[name], count)
    expected = set()
    for name, panel in votes:
        if votes[name, panel] == most[name]:
            group = [row for row in rows if (row[1], row[2]) == (name, panel)]
            latest = max(group, key=lambda row: (row[3], row[0] if integer_id else str(row[0])))
            expected.add((str(latest[0]), name, panel, latest[5]))

    produced = asyncio.run(_produce(deployment, rows, definition_of(integer_id, unique_id)))
    assert produced == (len(expected), expected)


async def _produce(
    deployment: TestDeployment, rows: list[tuple[int, str, str, str, int, str]], definition: Definition
) -> tuple[int, set[tuple[str, ...]]]:
    schema = deployment.output_schema
    task, other_task = TaskRef(schema, "t" * 32), TaskRef(schema, "u" * 32)
    async with deployment.output_session() as session:
        await ensure_task_tables(session, schema)
        await labels.ensure(session, schema, ["any"], definition)
        await production.ensure(session, schema, "any", definition)
        await session.execute(f"DELETE FROM {quote(schema, 'any')}")
        label = [(str(i), name, panel, time, "s", text, votes, "rule") for i, name, panel, time, votes, text in rows]
        await labels.insert(session, task, "any", label)
        await labels.insert(session, other_task, "any", label[:3])
        count = await production.replace(session, task, "any", definition.input)
        again = await production.replace(session, task, "any", definition.input)
        assert count == again
    found = deployment.rows("SELECT id, source_author, panel, match_content FROM {output}.wh_panel_mapping_any")
    assert len(found) == count
    return count, set(found)


@pytest.mark.parametrize("width", [20, 500, 3_000, None])
@pytest.mark.parametrize("unique_id", [True, False])
async def test_label_rows_look_up_their_winners_by_a_key_however_wide_the_columns_are(
    deployment: TestDeployment, width: int | None, unique_id: bool
) -> None:
    definition = definition_of(False, unique_id, width)
    schema = deployment.output_schema
    task = TaskRef(schema, "t" * 32)
    async with deployment.output_session() as session:
        await ensure_task_tables(session, schema)
        await labels.ensure(session, schema, ["any"], definition)
        await production.ensure(session, schema, "any", definition)
        row = ("1", "s_a", "/female", "2020-01-01 00:00:00", "s", "a", 1, "rule")
        await labels.insert(session, task, "any", [row] * 1_000)
        statements: list[str] = []
        with patch.object(session, "execute", AsyncMock(side_effect=lambda sql, *_, **__: statements.append(sql))):
            await production.replace(session, task, "any", definition.input)
        plan = await session.records(f"EXPLAIN {statements[-1]}", {"task_id": task.task_id})
        # Without a key, each label row would be compared with every winner.
        assert [step["key"] for step in plan if step["type"] == "ref" and "<derived" in step["table"]] == ["key0"]
        await production.replace(session, task, "any", definition.input)
    assert len(deployment.rows("SELECT 1 FROM {output}.wh_panel_mapping_any")) == (1_000 if unique_id else 1)


async def test_production_waits_for_its_countdown(few_posts: TestDeployment) -> None:
    deployment = few_posts
    with deployment.workers():
        task_id = await services.create_task(deployment, deployment.request(**RANGE, countdown=3))
        await until(lambda: deployment.rows("SELECT 1 FROM {output}.state WHERE stat = 'SUCCESS'"))
        labelled = time.monotonic()
        task = await finished(deployment, task_id)
        assert 2.5 < time.monotonic() - labelled < 10
    assert task.prod_stat == "finish"


async def test_running_production_again_gives_the_same_rows(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(1_000, seed=6))
    task = await run_in_process(deployment, deployment.request(**RANGE))
    before = deployment.production()
    deployment.write_anything("UPDATE {output}.state SET prod_stat = NULL")
    assert await produce(WorkerContext(deployment), task.ref)
    assert deployment.production() == before
    assert (await services.check_status(deployment, task.task_id)).length_prod_table == task.length_prod_table


@pytest.mark.parametrize("damage", ["DELETE FROM {output}.fbfans LIMIT 3", "DROP TABLE {output}.fbfans"])
async def test_label_rows_that_are_gone_fail_the_task_and_resuming_labels_it_again(
    deployment: TestDeployment, damage: str
) -> None:
    posts = odd_posts(1_000, seed=24)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    with deployment.workers():
        task_id = await services.create_task(deployment, deployment.request(**RANGE, countdown=3))
        await until(lambda: deployment.rows("SELECT 1 FROM {output}.state WHERE stat = 'SUCCESS'"))
        deployment.write_anything(damage)
        failed = await finished(deployment, task_id)
        assert failed.stat == "FAILURE" and failed.prod_stat is None
        assert "fbfans are missing" in (failed.error or "") and "audience resume" in (failed.error or "")
        await services.resume_task(deployment, task_id)
        task = await finished(deployment, task_id)
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))
