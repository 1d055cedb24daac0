"""Purging: everything of a task goes, nothing of any other, whenever it is interrupted."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from jobs import services
from jobs.errors import Conflict, EmptyResult, ReadOnly, UnknownTask
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import RANGE
from tests.helpers.running import run_in_process
from tests.helpers.v21 import OLD_TASK, leave_behind


def everything(deployment: TestDeployment) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """Return all rows of the output schema, by table and task."""
    tables = deployment.rows(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = %s AND column_name = 'task_id'",
        deployment.output_schema,
    )
    return {
        (table, task_id): sorted(
            deployment.rows(f"SELECT * FROM {{output}}.`{table}` WHERE task_id = %s", task_id), key=repr
        )
        for (table,) in tables
        for (task_id,) in deployment.rows(f"SELECT DISTINCT task_id FROM {{output}}.`{table}`")
    }


async def test_a_purge_deletes_all_of_a_task_and_nothing_of_any_other(few_posts: TestDeployment) -> None:
    tasks = [await run_in_process(few_posts, few_posts.request(**RANGE)) for _ in range(3)]
    purged = tasks[1].task_id
    before = everything(few_posts)
    plan = await services.plan_purge(few_posts, purged)
    for result in tasks[1].results:
        assert plan.production[f"wh_panel_mapping_{result}"] == len(before[f"wh_panel_mapping_{result}", purged])
        assert plan.label[result] == len(before[result, purged])
    batches: list[int] = []
    deleted = await services.purge_task(few_posts, purged, batches.append)
    assert deleted == plan.production | plan.label
    assert sum(batches) == plan.rows
    after = everything(few_posts)
    assert after == {key: rows for key, rows in before.items() if key[1] != purged}
    with pytest.raises(UnknownTask):
        await services.purge_task(few_posts, purged)


async def test_a_task_is_purged_only_when_it_has_ended(few_posts: TestDeployment) -> None:
    task_id = await services.create_task(few_posts, few_posts.request(**RANGE))
    for condition in ("stat = 'PENDING'", "stat = 'STARTED'", "stat = 'SUCCESS'"):
        few_posts.write_anything(f"UPDATE {{output}}.state SET {condition}")
        before = everything(few_posts)
        for service in (services.plan_purge, services.purge_task):
            with pytest.raises(Conflict, match=f"audience abort {task_id}"):
                await service(few_posts, task_id)
        assert everything(few_posts) == before
    await services.abort_task(few_posts, task_id)
    await services.purge_task(few_posts, task_id)
    assert everything(few_posts) == {}


async def test_a_task_that_was_aborted_while_it_was_labelled_leaves_no_label_rows(few_posts: TestDeployment) -> None:
    task_id = await services.create_task(few_posts, few_posts.request(**RANGE))
    assert await LabelLane(WorkerContext(few_posts), few_posts.ref(task_id)).run()
    few_posts.write_anything("UPDATE {output}.state SET stat = 'ABORTED', result = ''")
    assert few_posts.count("TRUE", "fbfans")
    await services.purge_task(few_posts, task_id)
    assert everything(few_posts) == {}


@pytest.mark.parametrize("batches", [1, 4, 8])
async def test_a_purge_that_was_interrupted_says_so_and_is_completed_by_another(
    few_posts: TestDeployment, batches: int
) -> None:
    other = await run_in_process(few_posts, few_posts.request(**RANGE))
    expected = everything(few_posts)
    task = await run_in_process(few_posts, few_posts.request(**RANGE))
    left = batches

    def interrupt(_: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt

    try:
        await services.purge_task(few_posts, task.task_id, interrupt)
        raise AssertionError("the purge was not interrupted")
    except KeyboardInterrupt:
        pass
    found = await services.check_status(few_posts, task.task_id)
    assert (found.stat, found.prod_stat) == ("ABORTED", None)
    assert found.error == f"being purged; to complete that: audience purge {task.task_id}"
    with pytest.raises(EmptyResult):
        await services.sample_result(few_posts, task.task_id)
    with pytest.raises(Conflict):
        await services.resume_task(few_posts, task.task_id)
    await services.purge_task(few_posts, task.task_id)
    assert everything(few_posts) == expected
    assert (await services.check_status(few_posts, other.task_id)).produced


async def test_a_task_of_v21_is_purged(deployment: TestDeployment) -> None:
    leave_behind(deployment, (OLD_TASK, "2021-11-09 11:09:43"))
    await run_in_process(deployment, deployment.request())
    expected = everything(deployment)
    await services.purge_task(deployment, OLD_TASK)
    assert everything(deployment) == {key: rows for key, rows in expected.items() if key[1] != OLD_TASK}


def test_the_command_asks_unless_told_not_to(few_posts: TestDeployment) -> None:
    task = asyncio.run(run_in_process(few_posts, few_posts.request(**RANGE)))
    before = everything(few_posts)
    asked = few_posts.command("purge", task.task_id)
    assert (asked.returncode, asked.stdout) == (2, "") and "give --yes" in asked.stderr
    assert everything(few_posts) == before
    main, terminal = pty.openpty()
    os.write(main, b"\x04")  # the end of the input, instead of an answer
    unanswered = subprocess.run(
        [sys.executable, "-m", "console", "purge", task.task_id],
        env=few_posts.environment(),
        stdin=terminal,
        capture_output=True,
        text=True,
    )
    os.close(terminal)
    os.close(main)
    assert unanswered.returncode == 1 and unanswered.stderr.endswith("nothing is deleted\n")
    assert everything(few_posts) == before
    with pytest.raises(ReadOnly):
        read_only = few_posts.with_settings()
        object.__setattr__(read_only, "read_only", True)
        asyncio.run(services.plan_purge(read_only, task.task_id))
    done = few_posts.command("purge", task.task_id, "--yes", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["error_code"]) == (0, 200)
    production = {f"wh_panel_mapping_{figures.result}": figures.produced for figures in task.result_figures}
    assert {table: rows for table, rows in document["deleted"].items() if table in production} == production
    again = few_posts.command("purge", task.task_id, "--yes")
    assert again.returncode == 1 and "400 unknown task id" in again.stderr
