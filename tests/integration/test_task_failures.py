"""Tasks that cannot be worked on fail visibly, and resume finishes them once the cause is removed."""

import asyncio

import pytest

from jobs import services
from jobs.worker.lane import MAX_ATTEMPTS
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, run_in_process, until, work_in_process
from tests.helpers.triggers import refuse_rows

EXPECTED = outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END)


async def test_a_window_that_cannot_be_written_fails_the_task_and_resume_finishes_it(
    few_posts: TestDeployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment = few_posts
    await run_in_process(deployment, deployment.request(**RANGE))
    deployment.write_anything(refuse_rows("Dcard"))
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    await work_in_process(deployment, deployment.ref(task_id))
    task = await services.check_status(deployment, task_id)
    assert task.stat == "FAILURE" and task.check_point == START
    for words in ("window 1: ", "no more rows", f"audience resume {task_id}"):
        assert words in (task.error or "")
    assert caplog.text.count("no more rows") == 1  # the lane does not try again before it notices the failure
    for table in ("Dcard", "Ptt", "fbfans", "other"):  # leave only the rows of the second task
        deployment.write_anything(f"DROP TABLE IF EXISTS {{output}}.`{table}`, {{output}}.`wh_panel_mapping_{table}`")
    await services.resume_task(deployment, task_id)
    await work_in_process(deployment, deployment.ref(task_id))
    assert_outcome(deployment, await services.check_status(deployment, task_id), EXPECTED)


async def test_an_unreachable_input_is_retried_then_fails_the_task_and_resume_finishes_it(
    few_posts: TestDeployment,
) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    deployment.write_anything("UPDATE {output}.task_window SET attempts = %s", MAX_ATTEMPTS - 2)
    away = deployment.with_settings(input_port=1)
    working = asyncio.create_task(work_in_process(away, deployment.ref(task_id)))
    await until(
        lambda: deployment.count(f"attempts = {MAX_ATTEMPTS - 1} AND retry_at > UTC_TIMESTAMP()", "task_window")
    )
    deployment.write_anything("UPDATE {output}.task_window SET retry_at = NULL")  # as if the half minute were over
    await working
    task = await services.check_status(deployment, task_id)
    assert task.stat == "FAILURE"
    assert task.error and f"failed {MAX_ATTEMPTS} times" in task.error and "input server" in task.error
    await services.resume_task(deployment, task_id)
    await work_in_process(deployment, deployment.ref(task_id))
    assert_outcome(deployment, await services.check_status(deployment, task_id), EXPECTED)


async def test_a_task_whose_definition_cannot_be_read_fails_visibly(few_posts: TestDeployment) -> None:
    deployment = few_posts
    broken = await services.create_task(deployment, deployment.request(**RANGE))
    missing = await services.create_task(deployment, deployment.request(**RANGE))
    deployment.write_anything("UPDATE {output}.task_definition SET input = 'x' WHERE task_id = %s", broken)
    deployment.write_anything("DELETE FROM {output}.task_definition WHERE task_id = %s", missing)
    with deployment.workers():
        for task_id in (broken, missing):
            task = await finished(deployment, task_id)
            assert task.stat == "FAILURE" and f"audience resume {task_id}" in (task.error or "")
