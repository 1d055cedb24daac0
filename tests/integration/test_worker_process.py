"""The worker process: signals, its supervisor, bursts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from arq.constants import in_progress_key_prefix

from jobs import services
from jobs.model.queues import LABEL
from jobs.queue import codec
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


async def test_workers_start_a_job_when_the_bell_rings_however_rarely_they_look_for_jobs(
    deployment: TestDeployment,
) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(3_000, seed=15))
    cut = deployment.with_settings(window_rows=500)
    with deployment.processes(2, "tests.helpers.queue_worker", "LOOK_SECONDS=3600"):
        for _ in range(3):
            task = await finished(deployment, await services.create_task(cut, deployment.request(**RANGE)))
            assert task.prod_stat == "finish"
            async with open_redis(deployment.settings) as redis:  # they listen again
                await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]


async def test_a_worker_takes_jobs_behind_any_number_that_others_run(few_posts: TestDeployment) -> None:
    tasks = [await services.create_task(few_posts, few_posts.request(**RANGE)) for _ in range(6)]
    async with open_redis(few_posts.settings) as redis:
        running = [in_progress_key_prefix + codec.job_id(LABEL, task_id, 1, 1) for task_id in tasks[:5]]
        for key in running:
            await redis.set(key, "1", px=60_000)
        with few_posts.processes(1, "tests.helpers.queue_worker", "SEEN_JOBS=2"):
            await finished(few_posts, tasks[5])
            assert few_posts.count("stat = 'SUCCESS'") == 1
            await redis.delete(*running)
            for task_id in tasks:
                await finished(few_posts, task_id)


def children(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def memory(pid: int) -> float:
    """Return the memory of a process, in MB."""
    return psutil.Process(pid).memory_info().rss / 2**20


async def test_a_supervisor_restarts_a_worker_that_died_and_stops_all_on_sigterm(
    many_posts: TestDeployment, expected: Outcome
) -> None:
    deployment = many_posts
    task_id = await services.create_task(deployment.with_settings(window_rows=100), deployment.request(**RANGE))
    with deployment.workers(1, "--processes", "2") as (supervisor,):
        await until(lambda: deployment.windows_done() > 5)
        before = await until(lambda: len(pids := children(supervisor.pid)) == 2 and pids)
        assert before
        os.kill(before[0], signal.SIGKILL)
        await until(lambda: len(children(supervisor.pid)) == 2 and children(supervisor.pid) != before)
        task = await finished(deployment, task_id)
        after = children(supervisor.pid)
        assert memory(supervisor.pid) < 25 < memory(after[0])
        supervisor.terminate()
        assert supervisor.wait(6) == 0
        for pid in after:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
    assert f"worker {before[0]} exited with -9; starting another" in deployment.log()
    assert_outcome(deployment, task, expected)


@contextmanager
def supervisor_with_env_file(deployment: TestDeployment) -> Iterator["subprocess.Popen[str]"]:
    """Run a supervisor of two workers that reads its settings from the .env file in its folder."""
    deployment.write_env_file()
    with subprocess.Popen(
        [sys.executable, "-m", "console", "worker", "--processes", "2"],
        cwd=deployment.folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as supervisor:
        try:
            yield supervisor
        finally:
            supervisor.terminate()


def await_ready(supervisor: "subprocess.Popen[str]", count: int) -> None:
    """Read the log until this many workers are ready."""
    assert supervisor.stderr is not None
    while count:
        line = supervisor.stderr.readline()
        assert line, "the supervisor has ended"
        count -= line.rstrip().endswith(": ready")


async def test_a_restarted_worker_has_the_settings_of_the_start(few_posts: TestDeployment) -> None:
    deployment = few_posts
    with supervisor_with_env_file(deployment) as supervisor:
        await_ready(supervisor, 2)
        (deployment.folder / ".env").write_text("OUTPUT_PORT='1\n")
        for pid in children(supervisor.pid):
            os.kill(pid, signal.SIGKILL)
        await_ready(supervisor, 2)
        task_id = await services.create_task(deployment, deployment.request(**RANGE))
        assert (await finished(deployment, task_id)).prod_stat == "finish"


async def test_ctrl_c_ends_a_supervisor_and_its_workers(few_posts: TestDeployment) -> None:
    with supervisor_with_env_file(few_posts) as supervisor:
        await_ready(supervisor, 2)
        os.killpg(supervisor.pid, signal.SIGINT)
        assert supervisor.wait(6) == 0
        assert supervisor.stderr is not None and "Traceback" not in supervisor.stderr.read()


async def test_a_supervisor_kills_a_worker_that_does_not_stop(few_posts: TestDeployment) -> None:
    with supervisor_with_env_file(few_posts) as supervisor:
        await_ready(supervisor, 2)
        frozen = children(supervisor.pid)[0]
        os.kill(frozen, signal.SIGSTOP)
        supervisor.terminate()
        assert supervisor.wait(8) == 0
        assert not psutil.pid_exists(frozen)


async def test_the_workers_of_a_supervisor_that_is_killed_end(few_posts: TestDeployment) -> None:
    with supervisor_with_env_file(few_posts) as supervisor:
        await_ready(supervisor, 2)
        workers = [psutil.Process(pid) for pid in children(supervisor.pid)]
        supervisor.kill()
        await until(
            lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers), seconds=6
        )


async def test_a_supervisor_ends_when_the_queue_of_its_burst_is_empty(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    with deployment.workers(1, "--processes", "2", "--burst") as (supervisor,):
        assert supervisor.wait(40) == 0
    assert (await services.check_status(deployment, task_id)).prod_stat == "finish"


@pytest.mark.parametrize("options", [(), ("--processes", "2")], ids=["alone", "supervised"])
async def test_a_burst_that_a_server_refuses_says_so_once_and_fails(
    one_post: TestDeployment, options: tuple[str, ...]
) -> None:
    for wrong, code in (("OUTPUT_PASSWORD", "503"), ("REDIS_URL", "500")):
        url = one_post.servers.redis_url.replace(one_post.servers.passwords["redis"], "wrong")
        value = url if wrong == "REDIS_URL" else "wrong"
        ended = one_post.command("worker", "--burst", *options, **{wrong: value})
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"audience: {code} a burst cannot work: ")
        assert ended.stderr.count("a burst") == 1


@pytest.mark.parametrize("options", [(), ("--processes", "2")], ids=["alone", "supervised"])
async def test_a_burst_fails_if_it_is_refused_while_it_works(
    one_post: TestDeployment, options: tuple[str, ...]
) -> None:
    deployment = one_post
    await services.create_task(deployment, deployment.request(countdown=3_600))
    account = f"ALTER USER {deployment.settings.output_user}@'127.0.0.1' ACCOUNT"
    with deployment.workers(1, "--burst", *options) as (worker,):
        await until(lambda: deployment.count("stat = 'SUCCESS'"))
        deployment.write_anything(f"{account} LOCK")
        async with open_redis(deployment.settings) as redis:
            await redis.delete(deployment.queue.key("produce"))
        assert worker.wait(40) == 1
    assert "503 a burst cannot work: output server" in deployment.log()


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
