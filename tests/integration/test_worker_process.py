"""The worker process: signals, its supervisor, bursts."""

import os
import signal
import time

import pytest

from jobs import services
from jobs.queue.client import open_redis
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import Outcome, outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, until


@pytest.fixture(scope="module")
def expected() -> Outcome:
    """The outcome of a task over `many_posts`."""
    return outcome(odd_posts(30_000, seed=7), PATTERNS, SOURCES, START, END)


async def test_sigterm_ends_a_worker_within_five_seconds_and_the_next_one_continues(
    many_posts: TestDeployment, expected: Outcome
) -> None:
    deployment = many_posts
    task_id = await services.create_task(deployment.with_settings(window_rows=100), deployment.request(**RANGE))
    for _ in range(3):
        before = deployment.windows_done()  # by earlier workers: this one must be at work when it is stopped
        with deployment.workers() as (worker,):
            await until(lambda: deployment.windows_done() > before + 5)  # noqa: B023
            worker.send_signal(signal.SIGTERM)
            signalled = time.monotonic()
            assert worker.wait(5) == 0
            assert time.monotonic() - signalled < 5
    assert deployment.rows("SELECT SUM(attempts) FROM {output}.task_window") == [(0,)]
    with deployment.workers():
        task = await finished(deployment, task_id)
    assert_outcome(deployment, task, expected)


async def test_a_supervisor_restarts_a_worker_that_died_and_stops_all_on_sigterm(
    many_posts: TestDeployment, expected: Outcome
) -> None:
    deployment = many_posts
    task_id = await services.create_task(deployment.with_settings(window_rows=100), deployment.request(**RANGE))

    def children(pid: int) -> list[int]:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            pids = map(int, file.read().split())
        return [pid for pid in pids if b"spawn_main" in open(f"/proc/{pid}/cmdline", "rb").read()]

    with deployment.workers(1, "--processes", "2") as (supervisor,):
        await until(lambda: deployment.windows_done() > 5)
        before = children(supervisor.pid)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        await until(lambda: len(children(supervisor.pid)) == 2 and children(supervisor.pid) != before)
        task = await finished(deployment, task_id)
        after = children(supervisor.pid)
        supervisor.terminate()
        assert supervisor.wait(6) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(after[0], 0)
    assert_outcome(deployment, task, expected)


async def test_burst_ends_when_the_queue_is_empty(many_posts: TestDeployment, expected: Outcome) -> None:
    deployment = many_posts
    request = deployment.request(**RANGE, countdown=1)
    task_id = await services.create_task(deployment.with_settings(window_rows=1_000), request)
    with deployment.workers(2, "--burst") as workers:
        for worker in workers:
            assert worker.wait(40) == 0
    assert_outcome(deployment, await services.check_status(deployment, task_id), expected)


async def test_burst_ends_although_a_killed_worker_left_a_job_behind(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment.with_settings(window_rows=20), deployment.request(**RANGE))
    with deployment.workers() as (worker,):
        await until(lambda: deployment.windows_done() > 3)
        worker.kill()
    with deployment.workers(1, "--burst") as (worker,):
        assert worker.wait(60) == 0
    assert (await services.check_status(deployment, task_id)).prod_stat == "finish"
    async with open_redis(deployment.settings) as redis:
        assert await redis.zcard(deployment.queue.key("label")) == 0
