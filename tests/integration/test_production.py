"""Production: from any label rows, against the naive oracle; when it runs, and what running it again gives."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from typing import get_args
from unittest.mock import AsyncMock, patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import services
from jobs.model import units
from jobs.model.definition import Definition
from jobs.model.sources import Sources
from jobs.model.task import TaskRef
from jobs.model.units import LABEL_SLICES, UNIT_LABEL_ROWS, plan_units, slice_of, whole
from jobs.storage import labels, production
from jobs.storage.connection import quote
from jobs.storage.labels import label_tables, production_tables
from jobs.storage.schema import Table, ensure_schema, ensure_tables, has_primary_key
from jobs.worker import lane as lane_module
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from jobs.worker.production import ProductionLane
from patterns.pattern_set import PatternSet
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.inputs import IdKind, input_table
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, until

times = st.sampled_from(["2020-01-01 00:00:00", "2020-01-01 00:00:01", "2020-06-01 12:00:00"])
names = st.sampled_from(["s_a", "s_A", "s_a ", "s_雅婷", "s_", "s_'`\\"])
panels = st.sampled_from(["/female", "/male", "/Male", "/團體"])
label_rows = st.lists(
    st.tuples(st.integers(0, 10**6), names, panels, times, st.integers(1, 3), st.text("ab", max_size=2)),
    unique_by=lambda row: row[0],
    max_size=30,
)


def definition_of(id_kind: IdKind, unique_id: bool, width: int | None = 20) -> Definition:
    table = input_table(id_kind=id_kind, unique_id=unique_id, width=width)
    return Definition(PatternSet("keyword_model", "author_name", ()), Sources("other", {}), table)


def tables_of(definition: Definition) -> list[Table]:
    return label_tables(definition, ["any"]) + production_tables(definition.input, ["any"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label_rows, st.sampled_from(get_args(IdKind)), st.booleans(), st.integers(1, 5))
def test_production_equals_the_naive_oracle_for_any_rows_and_units(
    deployment: TestDeployment,
    rows: list[tuple[int, str, str, str, int, str]],
    id_kind: IdKind,
    unique_id: bool,
    units: int,
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
            latest = max(group, key=lambda row: (row[3], str(row[0]) if id_kind == "utf8" else row[0]))
            expected.add((str(latest[0]), name, panel, latest[5]))

    produced = asyncio.run(_produce(deployment, rows, definition_of(id_kind, unique_id), units))
    assert produced == (len(expected), expected)


async def _produce(
    deployment: TestDeployment, rows: list[tuple[int, str, str, str, int, str]], definition: Definition, units: int
) -> tuple[int, set[tuple[str, ...]]]:
    schema = deployment.output_schema
    task, other_task = TaskRef(schema, "t" * 32), TaskRef(schema, "u" * 32)
    async with deployment.output_session() as session:
        await ensure_schema(session, schema)
        await ensure_tables(session, schema, tables_of(definition))
        for table in ("any", "wh_panel_mapping_any"):
            await session.execute(f"DELETE FROM {quote(schema, table)}")
        label = [
            (str(i), name, panel, time, "s", text, votes, "rule", slice_of(name.encode()))
            for i, name, panel, time, votes, text in rows
        ]
        await labels.insert(session, task, "any", 1, label, before=0)
        await labels.insert(session, other_task, "any", 1, label[:3], before=0)
        planned = plan_units({"any": units * UNIT_LABEL_ROWS if units > 1 else 1})
        assert len(planned) == units
        count = sum([await production.insert(session, task, unit, definition.input) for unit in planned])
        assert sum([await labels.count_votes(session, task, unit) for unit in planned]) == sum(row[4] for row in rows)
    found = deployment.rows("SELECT id, source_author, panel, match_content FROM {output}.wh_panel_mapping_any")
    assert len(found) == count
    return count, set(found)


async def test_the_label_table_of_an_earlier_release_takes_rows_without_being_rebuilt(
    deployment: TestDeployment,
) -> None:
    definition = definition_of("utf8", unique_id=True)
    schema = deployment.output_schema
    task = TaskRef(schema, "t" * 32)
    rows = [(str(i), "s_a", "/female", f"2020-01-0{i} 00:00:00", "s", "a", i, "rule", 5) for i in range(1, 4)]
    async with deployment.output_session() as session:
        await ensure_schema(session, schema)
        new, produced = tables_of(definition)
        columns = [*new.columns[:-2], replace(new.columns[-2], suffix="")]
        assert columns[-1].name == "slice"
        await ensure_tables(session, schema, [replace(new, columns=columns, created_with=None), produced])
        old = [("u" * 32, *row[:-1], None) for row in rows]
        names = "task_id, id, source_author, panel, create_time, field_content, match_content, votes, rule, slice"
        await session.insert_many(f"INSERT INTO {quote(schema, 'any')} ({names})", old)

        await ensure_tables(session, schema, [new, produced])
        await labels.insert(session, task, "any", 1, rows, before=0)
        assert await production.insert(session, task, whole("any"), definition.input) == 1
        for each in (task, TaskRef(schema, "u" * 32)):
            assert await labels.count_votes(session, each, whole("any")) == 6
    ((_, definition_sql),) = deployment.rows("SHOW CREATE TABLE {output}.`any`")
    assert "PRIMARY KEY" not in definition_sql and "`number` bigint" in definition_sql


async def test_rows_of_a_unit_are_neighbours_in_a_label_table(deployment: TestDeployment) -> None:
    schema = deployment.output_schema
    async with deployment.output_session() as session:
        await ensure_schema(session, schema)
        tables = tables_of(definition_of("utf8", unique_id=True))
        await ensure_tables(session, schema, tables)
        assert await has_primary_key(session, schema, "any", ["task_id", "slice", "number"])


@pytest.mark.parametrize("width", [20, 500, 3_000, None])
@pytest.mark.parametrize("unique_id", [True, False])
async def test_label_rows_look_up_their_winners_by_a_key_however_wide_the_columns_are(
    deployment: TestDeployment, width: int | None, unique_id: bool
) -> None:
    definition = definition_of("utf8", unique_id, width)
    schema = deployment.output_schema
    task = TaskRef(schema, "t" * 32)
    async with deployment.output_session() as session:
        await ensure_schema(session, schema)
        await ensure_tables(session, schema, tables_of(definition))
        row = ("1", "s_a", "/female", "2020-01-01 00:00:00", "s", "a", 1, "rule", 5)
        await labels.insert(session, task, "any", 1, [row] * 1_000, before=0)
        statements: list[str] = []
        with patch.object(session, "execute", AsyncMock(side_effect=lambda sql, *_, **__: statements.append(sql))):
            await production.insert(session, task, whole("any"), definition.input)
        arguments = {"task_id": task.task_id, "first_slice": 0, "last_slice": LABEL_SLICES}
        plan = await session.records(f"EXPLAIN {statements[-1]}", arguments)
        # Without a key, each label row would be compared with every winner.
        assert [step["key"] for step in plan if step["type"] == "ref" and "<derived" in step["table"]] == ["key0"]
        await production.insert(session, task, whole("any"), definition.input)
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


async def test_an_aborted_production_goes_on_with_the_units_that_are_left(
    deployment: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "UNIT_LABEL_ROWS", 1)
    posts = odd_posts(1_000, seed=6)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    request = deployment.request(**RANGE)
    ref = deployment.ref(await services.create_task(deployment, request))
    context = WorkerContext(deployment)
    assert await LabelLane(context, ref).run()
    lane = ProductionLane(context, ref)
    with monkeypatch.context() as patched:
        patched.setattr(lane_module, "_TURN_SECONDS", 0)
        running = asyncio.create_task(lane.run())
        await until(lambda: deployment.count("done", "task_unit"))
        await services.abort_task(deployment, ref.task_id)
        assert not await running
    done = deployment.count("done", "task_unit")
    assert done < deployment.count("TRUE", "task_unit")
    task = await services.resume_task(deployment, ref.task_id)
    assert (task.stat, task.units_done) == ("SUCCESS", done)
    assert await ProductionLane(context, ref).run()
    assert_outcome(
        deployment,
        await services.check_status(deployment, ref.task_id),
        outcome(posts, PATTERNS, SOURCES, START, END),
    )


async def test_an_aborted_production_whose_rows_are_gone_begins_again(
    few_posts: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = few_posts
    monkeypatch.setattr(units, "UNIT_LABEL_ROWS", 1)
    ref = deployment.ref(await services.create_task(deployment, deployment.request(**RANGE)))
    context = WorkerContext(deployment)
    assert await LabelLane(context, ref).run()
    with monkeypatch.context() as patched:
        patched.setattr(lane_module, "_TURN_SECONDS", 0)
        running = asyncio.create_task(ProductionLane(context, ref).run())
        await until(lambda: deployment.count("produced > 0", "task_unit"))
        await services.abort_task(deployment, ref.task_id)
        assert not await running
    for table in deployment.production():
        deployment.write_anything(f"DELETE FROM {{output}}.{table} LIMIT 1")
    await services.resume_task(deployment, ref.task_id)
    for lane in (LabelLane(context, ref), ProductionLane(context, ref)):
        await lane.run()
    expected = outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END)
    assert_outcome(deployment, await services.check_status(deployment, ref.task_id), expected)


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
        deployment.write_anything("UPDATE {output}.state SET countdown = 0")  # nothing is to be damaged now
        await services.resume_task(deployment, task_id)
        task = await finished(deployment, task_id)
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))
