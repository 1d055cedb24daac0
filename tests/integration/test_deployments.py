"""Deployments that share an output server and a Redis, and workers that read another input than a task's."""

import asyncio
import time

import pytest
from arq import Retry

from jobs import services
from jobs.deployment import Deployment
from jobs.model.queues import LABEL
from jobs.queue.client import open_redis
from jobs.services.overview import read_fleet
from jobs.worker.arq_worker import _guarded, _label
from jobs.worker.context import WorkerContext
from jobs.worker.reconciler import reconcile
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, until

EXPECTED = outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END)


async def count_workers(deployment: Deployment) -> int:
    """Return how many workers serve the queue of a deployment; tests that share a Redis have other queues."""
    fleet = await read_fleet(deployment)
    return sum(worker.queue == deployment.settings.queue for worker in fleet.workers)


async def test_a_worker_of_another_deployment_never_takes_a_task(few_posts: TestDeployment) -> None:
    deployment = few_posts
    other = deployment.with_settings(deployment="other")
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    deployment.age_heartbeats()
    with deployment.workers(DEPLOYMENT="other"):
        async with open_redis(other.settings) as redis:
            await redis.delete(deployment.queue.key("label"))
            await until(lambda: "ready" in deployment.log())
            await reconcile(other, redis)
            assert await count_workers(deployment) == 0
            assert await count_workers(other) == 1
        assert (await services.check_status(deployment, task_id)).stat == "PENDING"
        with deployment.workers():
            task = await finished(deployment, task_id)
    assert (task.deployment, task.generation) == ("default", 2)
    assert_outcome(deployment, task, EXPECTED)


async def test_a_task_waits_and_says_so_while_workers_read_another_input(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    deployment.write_anything("UPDATE {output}.state SET input_server = 'db1:3306', input_server_id = 'db1 3306 x'")
    with deployment.workers():
        await until(lambda: deployment.count("waiting_for LIKE '%%planned on the input server db1:3306%%'"))
        assert (await services.check_status(deployment, task_id)).stat == "PENDING"
        # The same server under the address that the worker uses.
        deployment.write_anything("UPDATE {output}.state SET input_server = %s", deployment.input.address)
        task = await finished(deployment, task_id)
    assert task.waiting_for is None
    assert_outcome(deployment, task, EXPECTED)


async def test_the_input_may_have_another_address_if_it_is_the_same_server(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    deployment.write_anything("UPDATE {output}.state SET input_server = 'the-same.example:3306'")
    with deployment.workers():
        task = await finished(deployment, task_id)
    assert_outcome(deployment, task, EXPECTED)


async def test_a_job_of_another_deployments_task_is_dropped(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    context = WorkerContext(deployment.with_settings(deployment="other"))
    async with open_redis(deployment.settings) as redis:
        started = time.monotonic()
        try:
            await asyncio.wait_for(_label(context, redis, deployment.ref(task_id), 1, 1), 10)
        except Retry as error:
            raise AssertionError("the job stays in the queue") from error
        assert time.monotonic() - started < 5
    assert (await services.check_status(deployment, task_id)).stat == "PENDING"


async def test_a_job_whose_task_is_on_another_output_server_is_left_to_others_for_a_while(
    few_posts: TestDeployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment = few_posts
    await services.create_task(deployment, deployment.request(**RANGE))
    run = _guarded(_label, LABEL, 1)
    async with open_redis(deployment.settings) as redis:
        context = {"context": WorkerContext(deployment), "redis": redis}
        for _ in ("no such task", "no such table"):
            caplog.clear()
            with pytest.raises(Retry):
                await run(context | {"job_try": 1}, deployment.output_schema, "0" * 32, 1, 1)
            assert f"not in schema {deployment.output_schema} of the output server" in caplog.text
            assert "give them another DEPLOYMENT" in caplog.text
            await run(context | {"job_try": 99}, deployment.output_schema, "0" * 32, 1, 1)
            deployment.write_anything("DROP TABLE IF EXISTS {output}.state")
