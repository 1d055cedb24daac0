"""Housekeeping: what goes and what stays when a task has ended, and what a cleaned task may still do."""

import asyncio
from typing import Any

import pytest

from jobs import services
from jobs.errors import Conflict
from jobs.model.finding import Finding
from jobs.model.task import Task
from jobs.model.task_selection import TaskSelection
from jobs.services.check import check_deployment
from jobs.storage import cleaning
from jobs.storage.task_tables import ensure_task_tables
from jobs.worker.context import WorkerContext
from jobs.worker.housekeeping import sweep
from jobs.worker.label import LabelLane
from jobs.worker.production import ProductionLane
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import RANGE
from tests.helpers.running import run_in_process, work_in_process
from tests.helpers.triggers import refuse_rows

TEMPORARY = ("fbfans", "Dcard", "Ptt", "other", "task_author", "task_result", "task_unit", "task_window")
LASTING = ("wh_panel_mapping_fbfans", "wh_panel_mapping_Dcard", "task_definition", "task_hit")


def rows_of(deployment: TestDeployment, task_id: str, tables: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of a task in each of these tables."""
    return {
        table: sorted(deployment.rows(f"SELECT * FROM {{output}}.`{table}` WHERE task_id = %s", task_id), key=repr)
        for table in tables
    }


def age(deployment: TestDeployment, days: int, *task_ids: str) -> None:
    """Make it look as if these tasks ended this many days ago."""
    for task_id in task_ids:
        sql = f"UPDATE {{output}}.state SET heartbeat = heartbeat - INTERVAL {days} DAY WHERE task_id = %s"
        deployment.write_anything(sql, task_id)


async def finish(deployment: TestDeployment) -> Task:
    return await run_in_process(deployment.with_settings(window_rows=500), deployment.request(**RANGE))


async def fail(deployment: TestDeployment) -> Task:
    """Return a task that has failed after it was labelled."""
    task_id = await services.create_task(deployment.with_settings(window_rows=500), deployment.request(**RANGE))
    deployment.write_anything(refuse_rows("wh_panel_mapping_fbfans"))
    await work_in_process(deployment, deployment.ref(task_id))
    deployment.write_anything("DROP TRIGGER {output}.refuse")
    task = await services.check_status(deployment, task_id)
    assert task.stat == "FAILURE" and task.windows_done
    return task


async def abort(deployment: TestDeployment) -> Task:
    """Return a task that was aborted after it was labelled."""
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    assert await LabelLane(WorkerContext(deployment), deployment.ref(task_id)).run()
    return await services.abort_task(deployment, task_id)


def unchanged(task: Task) -> dict[str, Any]:
    """Return what cleaning leaves as it is."""
    return task.to_json() | {"cleaned_at": None, "heartbeat": None}


async def test_tasks_that_ended_long_ago_lose_what_only_resuming_needs_and_keep_their_figures(
    few_posts: TestDeployment,
) -> None:
    tasks = [await finish(few_posts), await fail(few_posts), await abort(few_posts)]
    recent = [await finish(few_posts), await fail(few_posts), await abort(few_posts)]
    before = {task.task_id: rows_of(few_posts, task.task_id, (*TEMPORARY, *LASTING)) for task in (*tasks, *recent)}
    hits = (await services.task_hits(few_posts, tasks[0].task_id)).results
    age(few_posts, 8, *(task.task_id for task in tasks))
    age(few_posts, 6, *(task.task_id for task in recent))
    await sweep(few_posts)
    for task in tasks:
        assert rows_of(few_posts, task.task_id, TEMPORARY) == {table: [] for table in TEMPORARY}
        kept = before[task.task_id]
        assert rows_of(few_posts, task.task_id, LASTING) == {table: kept[table] for table in LASTING}
        found = await services.check_status(few_posts, task.task_id)
        assert unchanged(found) == unchanged(task) and found.cleaned_at is not None
    assert (await services.task_hits(few_posts, tasks[0].task_id)).results == hits
    assert await services.sample_result(few_posts, tasks[0].task_id)
    for task in recent:
        kept = before[task.task_id]
        if task.produced:  # its author hashes go at once
            kept["task_author"] = []
        assert rows_of(few_posts, task.task_id, (*TEMPORARY, *LASTING)) == kept
        assert (await services.check_status(few_posts, task.task_id)).cleaned_at is None


async def test_a_cleaned_task_is_not_resumed_and_says_why(few_posts: TestDeployment) -> None:
    task = await fail(few_posts)
    age(few_posts, 8, task.task_id)
    await sweep(few_posts)
    cleaned = await services.check_status(few_posts, task.task_id)
    assert not cleaned.can_resume
    with pytest.raises(Conflict, match=r"is FAILURE; what it needs was deleted \d{4}-.*; create a task with its range"):
        await services.resume_task(few_posts, task.task_id)
    assert await services.check_status(few_posts, task.task_id) == cleaned


async def test_a_task_keeps_what_it_needs_for_as_long_as_it_can_be_resumed(few_posts: TestDeployment) -> None:
    tasks = [await fail(few_posts), await abort(few_posts)]
    age(few_posts, 6, *(task.task_id for task in tasks))
    await sweep(few_posts)
    for task in tasks:
        await services.resume_task(few_posts, task.task_id)
        assert await ProductionLane(WorkerContext(few_posts), few_posts.ref(task.task_id)).run()
        await sweep(few_posts)
        assert (await services.check_status(few_posts, task.task_id)).produced


@pytest.mark.parametrize(
    ("settings", "created_by"), [({"label_rows_days": 0}, {}), ({"deployment": "other"}, {}), ({}, {"stat": "STARTED"})]
)
async def test_what_is_to_be_kept_or_has_not_ended_or_belongs_to_others_stays(
    few_posts: TestDeployment, settings: dict[str, Any], created_by: dict[str, str]
) -> None:
    task = await abort(few_posts)
    for column, value in created_by.items():
        few_posts.write_anything(f"UPDATE {{output}}.state SET {column} = '{value}'")
    age(few_posts, 900, task.task_id)
    before = rows_of(few_posts, task.task_id, TEMPORARY)
    await sweep(few_posts.with_settings(**settings))
    assert rows_of(few_posts, task.task_id, TEMPORARY) == before


async def test_cleaning_that_was_interrupted_is_completed_and_nothing_resumes_meanwhile(
    few_posts: TestDeployment,
) -> None:
    task = await abort(few_posts)
    age(few_posts, 8, task.task_id)
    async with few_posts.output_session() as session:
        ref = await cleaning.begin_cleaning(session, few_posts.output_schema, "default", 7)
        assert ref == few_posts.ref(task.task_id)
        assert await cleaning.begin_cleaning(session, few_posts.output_schema, "default", 7) is None
    few_posts.write_anything("DELETE FROM {output}.fbfans LIMIT 10")
    with pytest.raises(Conflict, match="deleted"):
        await services.resume_task(few_posts, task.task_id)
    await asyncio.gather(*(sweep(few_posts.with_settings(label_rows_days=0)) for _ in range(3)))
    assert rows_of(few_posts, task.task_id, TEMPORARY) == {table: [] for table in TEMPORARY}


def forget_deployments(deployment: TestDeployment) -> None:
    """Give the tables the form that a release without deployments left behind."""
    deployment.write_anything("DROP TABLE {output}.task_unit, {output}.task_event, {output}.task_hit, {output}.alert")
    deployment.write_anything("ALTER TABLE {output}.state DROP INDEX schedule, DROP INDEX deployment")
    deployment.write_anything("ALTER TABLE {output}.state DROP INDEX deployment_2, DROP COLUMN deployment")
    deployment.write_anything("ALTER TABLE {output}.state DROP COLUMN cleaned_at, DROP COLUMN schedule")


async def test_a_task_of_a_release_without_deployments_is_listed_and_purged_but_not_resumed(
    few_posts: TestDeployment,
) -> None:
    task = await fail(few_posts)
    forget_deployments(few_posts)
    assert await services.task_list(few_posts, selection=TaskSelection(schedule="nightly")) == []
    for migrated in (False, True):
        with pytest.raises(Conflict, match="an earlier release created it, without its deployment"):
            await services.resume_task(few_posts, task.task_id)
        if not migrated:
            async with few_posts.output_session() as session:
                await ensure_task_tables(session, few_posts.output_schema)
    assert (await services.check_status(few_posts, task.task_id)).stat == "FAILURE"
    await services.purge_task(few_posts, task.task_id)
    assert few_posts.count("TRUE") == 0


async def test_an_unfinished_task_of_a_release_without_deployments_is_named_by_the_check_and_aborted(
    few_posts: TestDeployment,
) -> None:
    async def named() -> list[Finding]:
        return [finding async for finding in check_deployment(few_posts) if finding.subject == "task"]

    task_id = await services.create_task(few_posts, few_posts.request(**RANGE))
    await abort(few_posts)
    assert await named() == []
    forget_deployments(few_posts)
    (finding,) = await named()
    assert finding.message.startswith(f"{task_id} is PENDING") and f"audience abort {task_id}" in finding.advice
    assert (await services.abort_task(few_posts, task_id)).stat == "ABORTED"
    assert await named() == []


async def test_a_failed_task_of_an_earlier_release_is_resumed(few_posts: TestDeployment) -> None:
    task = await fail(few_posts)
    few_posts.write_anything(
        "ALTER TABLE {output}.state DROP INDEX deployment, DROP INDEX deployment_2, DROP COLUMN cleaned_at"
    )
    await services.resume_task(few_posts, task.task_id)
    assert await ProductionLane(WorkerContext(few_posts), few_posts.ref(task.task_id)).run()
    assert (await services.check_status(few_posts, task.task_id)).produced
    for missing in ("deployment", "deployment_2"):  # adding one leaves the other
        few_posts.write_anything(f"ALTER TABLE {{output}}.state DROP INDEX {missing}")
        async with few_posts.output_session() as session:
            await ensure_task_tables(session, few_posts.output_schema)
        indexes = {row[2] for row in few_posts.rows("SHOW INDEX FROM {output}.state")}
        assert {"deployment", "deployment_2"} <= indexes
