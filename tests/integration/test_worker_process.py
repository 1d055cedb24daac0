"""Workers as they are run: killed, told to stop, without Redis; a task stopped and gone on with."""

import asyncio
import os
import signal
import time

import pytest

from jobs.errors import CannotStart
from jobs.services import tasks as services
from jobs.worker.label import MAX_ATTEMPTS
from tests.helpers.deployment import REFUSE, TestSite, finished, run_in_process, until, work_in_process
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, SOURCES, START, odd_posts
from tests.integration.test_end_to_end import RANGE, assert_equals

POSTS = odd_posts(30_000, seed=7)


@pytest.fixture
def ready(site: TestSite) -> TestSite:
    site.write_patterns(PATTERNS)
    site.write_posts(POSTS)
    return site


def windows_done(site: TestSite) -> int:
    return int(site.rows("SELECT COUNT(*) FROM {output}.task_window WHERE done")[0][0])


async def test_a_worker_killed_in_the_middle_leaves_what_an_undisturbed_run_leaves(ready: TestSite) -> None:
    expected = outcome(POSTS, PATTERNS, SOURCES, START, END)
    task_id = await services.create_task(ready.with_settings(window_rows=100), ready.request(**RANGE))
    with ready.workers(2) as (first, second):
        await until(lambda: windows_done(ready) > 5)
        first.kill()
        done = windows_done(ready)
        await until(lambda: windows_done(ready) > done + 5)
        second.kill()
        first.wait()
        second.wait()
        assert (await services.check_status(ready, task_id)).stat == "STARTED"
        with ready.workers():  # nobody was left: the reconciler takes it up again
            task = await finished(ready, task_id, seconds=60)
    assert_equals(ready, task, expected)
    label_rows = "SELECT source_author, panel, id, votes, rule FROM {{output}}.`{}` ORDER BY 1, 2, 3, 4"
    found = {result: ready.rows(label_rows.format(result)) for result in task.results}
    for result in task.results:
        ready.write_anything(f"DROP TABLE {{output}}.`{result}`")
    again = await run_in_process(ready.with_settings(window_rows=100), ready.request(**RANGE))
    assert again.windows == task.windows
    assert {result: ready.rows(label_rows.format(result)) for result in again.results} == found


async def test_sigterm_ends_a_worker_within_five_seconds_and_another_goes_on(ready: TestSite) -> None:
    task_id = await services.create_task(ready.with_settings(window_rows=100), ready.request(**RANGE))
    for _ in range(3):
        before = windows_done(ready)  # by workers that are gone: this one is told when it is at work itself
        with ready.workers() as (worker,):
            await until(lambda: windows_done(ready) > before + 5)  # noqa: B023
            worker.send_signal(signal.SIGTERM)
            told = time.monotonic()
            assert worker.wait(5) == 0
            assert time.monotonic() - told < 5
    assert ready.rows("SELECT SUM(attempts) FROM {output}.task_window") == [(0,)]
    with ready.workers():
        task = await finished(ready, task_id)
    assert_equals(ready, task, outcome(POSTS, PATTERNS, SOURCES, START, END))


async def test_a_supervisor_starts_a_worker_again_that_died_and_stops_all_when_told(ready: TestSite) -> None:
    task_id = await services.create_task(ready.with_settings(window_rows=100), ready.request(**RANGE))

    def children(pid: int) -> list[int]:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            pids = map(int, file.read().split())
        return [pid for pid in pids if b"spawn_main" in open(f"/proc/{pid}/cmdline", "rb").read()]

    with ready.workers(1, "--processes", "2") as (supervisor,):
        await until(lambda: windows_done(ready) > 5)
        before = children(supervisor.pid)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        await until(lambda: len(children(supervisor.pid)) == 2 and children(supervisor.pid) != before)
        task = await finished(ready, task_id)
        after = children(supervisor.pid)
        supervisor.terminate()
        assert supervisor.wait(6) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(after[0], 0)
    assert_equals(ready, task, outcome(POSTS, PATTERNS, SOURCES, START, END))


async def test_burst_ends_when_the_queue_is_empty(ready: TestSite) -> None:
    task_id = await services.create_task(ready.with_settings(window_rows=1_000), ready.request(**RANGE, countdown=1))
    with ready.workers(2, "--burst") as workers:
        for worker in workers:
            assert worker.wait(40) == 0
    task = await services.check_status(ready, task_id)
    assert_equals(ready, task, outcome(POSTS, PATTERNS, SOURCES, START, END))


async def test_production_waits_for_its_countdown(ready: TestSite) -> None:
    with ready.workers():
        task_id = await services.create_task(ready, ready.request(**RANGE, countdown=3))
        await until(lambda: ready.rows("SELECT 1 FROM {output}.state WHERE stat = 'SUCCESS'"))
        labelled = time.monotonic()
        task = await finished(ready, task_id)
        assert 2.5 < time.monotonic() - labelled < 10
    assert task.prod_stat == "finish"


async def test_abort_stops_a_task_at_its_check_point_and_resume_finishes_it(ready: TestSite) -> None:
    task_id = await services.create_task(ready.with_settings(window_rows=50), ready.request(**RANGE))
    with ready.workers(2):
        await until(lambda: windows_done(ready) > 3)
        aborted = await services.abort(ready, task_id)
        assert aborted.stat == "ABORTED"
        done = windows_done(ready)
        earliest = ready.rows("SELECT MIN(start_time) FROM {output}.task_window WHERE NOT done")
        assert [(aborted.check_point,)] == earliest
        assert aborted.windows_done == done and 0 < done < (aborted.windows or 0)
        await asyncio.sleep(2)
        assert windows_done(ready) == done, "a window was committed after the abort"
        resumed = await services.resume(ready, task_id)
        assert (resumed.stat, resumed.check_point, resumed.error) == ("PENDING", None, None)
        task = await finished(ready, task_id)
    assert_equals(ready, task, outcome(POSTS, PATTERNS, SOURCES, START, END))


async def test_a_window_that_cannot_be_written_fails_the_task_with_its_error_and_resume_finishes_it(
    ready: TestSite,
) -> None:
    await run_in_process(ready, ready.request(**RANGE))
    ready.write_anything(REFUSE.replace("TABLE", "Dcard"))
    task_id = await services.create_task(ready, ready.request(**RANGE))
    await work_in_process(ready, ready.output_schema, task_id)
    task = await services.check_status(ready, task_id)
    assert task.stat == "FAILURE" and task.check_point == START
    for words in ("window 1: ", "no more rows", f"audience resume {task_id}"):
        assert words in (task.error or "")
    for table in ("Dcard", "Ptt", "fbfans", "other"):  # leave only what the second task makes
        ready.write_anything(f"DROP TABLE IF EXISTS {{output}}.`{table}`, {{output}}.`wh_panel_mapping_{table}`")
    await services.resume(ready, task_id)
    await work_in_process(ready, ready.output_schema, task_id)
    assert_equals(ready, await services.check_status(ready, task_id), outcome(POSTS, PATTERNS, SOURCES, START, END))


async def test_an_input_that_goes_away_is_tried_again_then_fails_the_task(ready: TestSite) -> None:
    task_id = await services.create_task(ready, ready.request(**RANGE))
    ready.write_anything("UPDATE {output}.task_window SET attempts = %s", MAX_ATTEMPTS - 2)
    away = ready.with_settings(input_port=1)
    await work_in_process(away, ready.output_schema, task_id)
    task = await services.check_status(ready, task_id)
    assert task.stat == "FAILURE"
    assert task.error and f"failed {MAX_ATTEMPTS} times" in task.error and "input server" in task.error
    await services.resume(ready, task_id)
    await work_in_process(ready, ready.output_schema, task_id)
    assert_equals(ready, await services.check_status(ready, task_id), outcome(POSTS, PATTERNS, SOURCES, START, END))


async def test_jobs_that_redis_lost_are_taken_up_again(ready: TestSite) -> None:
    from jobs.queue.client import open_redis, queue_key

    task_id = await services.create_task(ready, ready.request(**RANGE))
    async with open_redis(ready.settings) as redis:
        assert await redis.zcard(queue_key(ready.settings.queue)) == 1
        await redis.delete(queue_key(ready.settings.queue))
    with ready.workers():
        task = await finished(ready, task_id, seconds=60)
    assert task.generation == 2
    assert_equals(ready, task, outcome(POSTS, PATTERNS, SOURCES, START, END))


async def test_resume_without_redis_says_so_and_changes_nothing(ready: TestSite) -> None:
    from pydantic import SecretStr

    task_id = await services.create_task(ready, ready.request(**RANGE))
    await services.abort(ready, task_id)
    with pytest.raises(CannotStart, match="Redis"):
        await services.resume(ready.with_settings(redis_url=SecretStr("redis://127.0.0.1:1/0")), task_id)
    assert (await services.check_status(ready, task_id)).stat == "ABORTED"


async def test_what_a_worker_logs_holds_no_password(ready: TestSite) -> None:
    from tests.helpers.deployment import PASSWORD

    with ready.workers(1, "--verbose"):
        await finished(ready, await services.create_task(ready, ready.request(**RANGE)))
    assert "labelled" in ready.log()
    for secret in (PASSWORD, *ready.servers.passwords.values()):
        assert secret not in ready.log()
