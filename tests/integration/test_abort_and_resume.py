"""Aborting a task and resuming it."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from pydantic import SecretStr

from jobs import services
from jobs.errors import CannotStart, Conflict
from jobs.model.task import TaskRef
from jobs.queue.client import open_redis
from jobs.storage import units, windows
from jobs.storage.connection import Session
from jobs.storage.windows import AuthorCounts, ResultRows
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, until, work_in_process


async def test_abort_stops_a_task_at_its_check_point_and_resume_finishes_it(many_posts: TestDeployment) -> None:
    deployment = many_posts
    task_id = await services.create_task(deployment.with_settings(window_rows=100), deployment.request(**RANGE))
    with deployment.workers(2):
        await until(lambda: deployment.windows_done() > 3)
        aborted = await services.abort_task(deployment, task_id)
        assert aborted.stat == "ABORTED"
        done = deployment.windows_done()
        earliest = deployment.rows("SELECT MIN(start_time) FROM {output}.task_window WHERE NOT done")
        assert [(aborted.check_point,)] == earliest
        assert aborted.windows_done == done and 0 < done < (aborted.windows or 0)
        await asyncio.sleep(2)
        assert deployment.windows_done() == done, "a window was committed after the abort"
        resumed = await services.resume_task(deployment, task_id)
        assert (resumed.stat, resumed.check_point, resumed.error) == ("PENDING", None, None)
        task = await finished(deployment, task_id)
    assert_outcome(deployment, task, outcome(odd_posts(30_000, seed=7), PATTERNS, SOURCES, START, END))


async def test_an_aborted_task_leaves_no_job_in_a_queue_that_no_worker_serves(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(100))
    first, second = [await services.create_task(deployment, deployment.request()) for _ in range(2)]
    await services.abort_task(deployment, first)
    async with open_redis(deployment.settings) as redis:
        assert await redis.zrange(deployment.queue.key("label"), 0, -1) == [f"{second}:label:1:1".encode()]
        assert not await redis.exists(f"arq:job:{first}:label:1:1")
    for url in ("redis://127.0.0.1:1/0", "nonsense"):
        away = deployment.with_settings(redis_url=SecretStr(url))
        assert (await services.abort_task(away, second)).stat == "ABORTED"
        deployment.write_anything("UPDATE {output}.state SET stat = 'PENDING' WHERE task_id = %s", second)


async def test_abort_and_resume_do_not_wait_for_a_lane_that_has_not_noticed_them(deployment: TestDeployment) -> None:
    posts = odd_posts(20_000, seed=9)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    task_id = await services.create_task(deployment.with_settings(window_rows=200), deployment.request(**RANGE))
    with deployment.workers(2):
        for done in (2, 6, 10):
            await until(lambda: deployment.windows_done() > done)  # noqa: B023
            await services.abort_task(deployment, task_id)
            started = time.monotonic()
            await services.resume_task(deployment, task_id)
            assert time.monotonic() - started < 5
        task = await finished(deployment, task_id)
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_an_abort_while_the_label_job_is_being_completed_leaves_no_units_and_resume_completes_it(
    few_posts: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = few_posts
    ref = deployment.ref(await services.create_task(deployment, deployment.request(**RANGE)))
    count_authors = windows.count_authors

    async def abort_meanwhile(session: Session, ref: TaskRef, labels: Sequence[str]) -> AuthorCounts:
        counts = await count_authors(session, ref, labels)
        await services.abort_task(deployment, ref.task_id)
        return counts

    with monkeypatch.context() as patched:
        patched.setattr(windows, "count_authors", abort_meanwhile)
        assert not await LabelLane(WorkerContext(deployment), ref).run()
    assert deployment.count("TRUE", "task_unit") == 0
    await _assert_resumed_from_labelling(deployment, ref)


async def test_units_that_an_earlier_release_stored_without_results_are_not_produced(few_posts: TestDeployment) -> None:
    deployment = few_posts
    ref = deployment.ref(await services.create_task(deployment, deployment.request(**RANGE)))
    await services.abort_task(deployment, ref.task_id)
    async with deployment.output_session() as session:
        await units.replace(session, ref, {"fbfans": ResultRows(1, 1)})
    await _assert_resumed_from_labelling(deployment, ref)


async def _assert_resumed_from_labelling(few_posts: TestDeployment, ref: TaskRef) -> None:
    assert (await services.resume_task(few_posts, ref.task_id)).stat == "PENDING"
    await work_in_process(few_posts, ref)
    task = await services.check_status(few_posts, ref.task_id)
    assert_outcome(few_posts, task, outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END))


async def test_resume_without_redis_is_refused_and_changes_nothing(one_post: TestDeployment) -> None:
    deployment = one_post
    task_id = await services.create_task(deployment, deployment.request())
    await services.abort_task(deployment, task_id)
    with pytest.raises(CannotStart, match="Redis"):
        away = deployment.with_settings(redis_url=SecretStr("redis://127.0.0.1:1/0"))
        await services.resume_task(away, task_id)
    assert (await services.check_status(deployment, task_id)).stat == "ABORTED"


async def test_a_task_is_started_over_by_one_operator_at_a_time(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE, countdown=3600))
    with deployment.workers(1):
        await until(lambda: deployment.count("stat = 'SUCCESS'") == 1)
    await services.abort_task(deployment, task_id)
    deployment.write_anything("DELETE FROM {output}.fbfans LIMIT 1")  # so that resuming starts over
    with deployment.servers.connect() as other, other.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute(deployment.named("SELECT * FROM {output}.fbfans FOR UPDATE"))
        first = asyncio.create_task(services.resume_task(deployment, task_id))
        turn = f"audience resume {deployment.output_schema} {task_id}"
        await until(lambda: deployment.rows("SELECT IS_USED_LOCK(SHA2(%s, 256))", turn) != [(None,)])
        with pytest.raises(Conflict, match="is being resumed already"):
            await services.resume_task(deployment, task_id)
        cursor.execute("ROLLBACK")
    assert (await first).stat == "PENDING"
    with pytest.raises(Conflict, match="only a failed or aborted task can be resumed"):
        await services.resume_task(deployment, task_id)
    assert deployment.count("TRUE", "fbfans") == 0 and deployment.windows_done() == 0
