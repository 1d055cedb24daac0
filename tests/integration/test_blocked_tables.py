"""Tables that must change while others use them."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from jobs import services
from jobs.model.task import TaskStatus
from jobs.queue.client import open_redis
from jobs.storage import state, task_search
from jobs.worker.heartbeat import Heartbeats
from jobs.worker.reconciler import STALLED_SECONDS, reconcile
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, run_in_process, until
from tests.helpers.v21 import leave_behind

EXPECTED = outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END)


async def test_a_task_waits_and_says_so_while_a_transaction_uses_a_table_that_must_be_wider(
    few_posts: TestDeployment,
) -> None:
    deployment = few_posts
    await run_in_process(deployment, deployment.request(**RANGE))
    for table in ("fbfans", "Dcard", "Ptt", "other"):
        deployment.write_anything(f"DELETE FROM {{output}}.`{table}`")
        deployment.write_anything(f"DELETE FROM {{output}}.wh_panel_mapping_{table}")
    deployment.write_anything("ALTER TABLE {input}.{table} MODIFY author VARCHAR(1000)")
    with deployment.servers.connect() as connection, connection.cursor() as analyst:
        analyst.execute("START TRANSACTION")
        analyst.execute(deployment.named("SELECT COUNT(*) FROM {output}.fbfans"), ())
        task_id = await services.create_task(deployment, deployment.request(**RANGE))
        with deployment.workers():
            await until(lambda: deployment.count("waiting_for LIKE '%%fbfans%%end that transaction%%'"))
            assert (await services.check_status(deployment, task_id)).stat == "STARTED"
            analyst.execute("COMMIT")
            task = await finished(deployment, task_id)
    assert task.waiting_for is None
    assert_outcome(deployment, task, EXPECTED)


async def test_a_task_that_has_ended_waits_for_nothing_whatever_a_worker_says_that_was_cut_off(
    few_posts: TestDeployment,
) -> None:
    deployment = few_posts
    task = await run_in_process(deployment, deployment.request(**RANGE))
    async with deployment.output_session() as session:
        await state.set_waiting_for(session, task.ref, "the output server does not answer")
    assert (await services.check_status(deployment, task.task_id)).waiting_for is None


async def test_no_table_changes_between_a_claim_and_its_commit(few_posts: TestDeployment) -> None:
    deployment = few_posts
    deployment.write_anything("SET GLOBAL general_log = 0")
    deployment.write_anything("SET GLOBAL log_output = 'TABLE'")
    deployment.write_anything("TRUNCATE mysql.general_log")
    deployment.write_anything("SET GLOBAL general_log = 1")
    try:
        with deployment.workers(2):
            task_id = await services.create_task(deployment.with_settings(window_rows=200), deployment.request(**RANGE))
            await finished(deployment, task_id)
    finally:
        deployment.write_anything("SET GLOBAL general_log = 0")
        deployment.write_anything("SET GLOBAL log_output = 'FILE'")
    claimed = False
    claims = 0
    for (statement,) in deployment.rows(
        "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE command_type = 'Query' ORDER BY event_time"
    ):
        claims += "FOR UPDATE SKIP LOCKED" in statement
        claimed = claimed or "FOR UPDATE SKIP LOCKED" in statement
        if claimed:
            assert not re.match(r"\s*(SET STATEMENT \w+ = \d+ FOR )?(CREATE|ALTER)", statement), statement
    assert claims > 10


async def test_eight_creates_at_once_migrate_a_state_table_of_v2_1_with_shared_ids(deployment: TestDeployment) -> None:
    leave_behind(deployment, *((str(number % 3), "2021-11-09 11:09:43") for number in range(9)))
    deployment.write_anything(
        "INSERT INTO {output}.state SELECT MD5(seq %% 9000), stat, prod_stat, model_type, predict_type, date_range,"
        " target_table, create_time, 1, 1, 1, 1, result, 1, 1, 1, check_point FROM {output}.state"
        " JOIN mysql.seq_1_to_2200"
    )
    old = deployment.count("TRUE")
    assert old > 19_000
    task_ids = await asyncio.gather(*(services.create_task(deployment, deployment.request()) for _ in range(8)))
    assert len(set(task_ids)) == 8
    distinct = "SELECT COUNT(*), COUNT(DISTINCT task_id) FROM {output}.state"
    assert deployment.rows(distinct) == [(old + 8, old + 8)]


@contextmanager
def locked(deployment: TestDeployment, task_id: str) -> Iterator[None]:
    """Lock the row of a task for the length of the block, as an analyst's open transaction does."""
    with deployment.servers.connect() as connection, connection.cursor() as analyst:
        analyst.execute("START TRANSACTION")
        analyst.execute(deployment.named("SELECT 1 FROM {output}.state WHERE task_id = %s FOR UPDATE"), (task_id,))
        yield


async def test_a_locked_row_of_one_task_does_not_keep_the_next_from_noticing_its_abort(
    few_posts: TestDeployment,
) -> None:
    deployment = few_posts
    first, second = [await services.create_task(deployment, deployment.request(**RANGE)) for _ in range(2)]
    heartbeats = Heartbeats(deployment)
    with locked(deployment, first):
        async with (
            heartbeats.recording(deployment.ref(first), TaskStatus.PENDING),
            heartbeats.recording(deployment.ref(second), TaskStatus.PENDING) as heartbeat,
        ):
            await services.abort_task(deployment, second)
            await until(heartbeat.stopped.is_set, seconds=14)


async def test_a_locked_row_of_one_stalled_task_does_not_keep_the_next_from_being_queued_again(
    few_posts: TestDeployment,
) -> None:
    deployment = few_posts
    for _ in range(2):
        await services.create_task(deployment, deployment.request(**RANGE))
    deployment.age_heartbeats()
    async with deployment.output_session() as session:
        name = deployment.settings.deployment
        first, second = await task_search.find_stalled(session, deployment.output_schema, name, STALLED_SECONDS)
    async with open_redis(deployment.settings) as redis:
        await redis.delete(deployment.queue.key("label"))
        with locked(deployment, first.task_id):
            await reconcile(deployment, redis)
    assert [(await services.check_status(deployment, task.task_id)).generation for task in (first, second)] == [1, 2]
