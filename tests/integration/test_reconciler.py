"""The reconciler: it enqueues stalled tasks again, and nothing else."""

import asyncio

from jobs import services
from jobs.queue.client import open_redis
from jobs.worker.arq_worker import create_arq_workers
from jobs.worker.context import MAX_OPEN_WINDOWS, WorkerContext
from jobs.worker.reconciler import reconcile
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, until


async def test_jobs_that_redis_lost_are_enqueued_again(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    async with open_redis(deployment.settings) as redis:
        assert await redis.zcard(deployment.queue.key("label")) == 1
        await redis.delete(deployment.queue.key("label"))
    deployment.age_heartbeats()
    with deployment.workers():
        task = await finished(deployment, task_id, seconds=60)
    assert task.generation == 2
    assert_outcome(deployment, task, outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END))


async def test_a_task_does_not_wait_until_a_clock_of_redis_that_was_set_back_goes_on(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    async with open_redis(deployment.settings) as redis:
        ten_minutes = 600_000
        await redis.zincrby(deployment.queue.key("label"), ten_minutes, f"{task_id}:label:1:1")
        await reconcile(deployment, redis)
        assert deployment.count("generation = 1")  # it is not stalled
        deployment.age_heartbeats()
        await reconcile(deployment, redis)
        assert await redis.zrange(deployment.queue.key("label"), 0, -1) == [f"{task_id}:label:2:1".encode()]
    with deployment.workers():
        assert (await finished(deployment, task_id)).prod_stat == "finish"


async def test_a_foreign_table_named_state_does_not_stop_the_reconciler(few_posts: TestDeployment) -> None:
    deployment = few_posts
    deployment.write_anything("CREATE OR REPLACE TABLE {input}.state (task_id INT, production_due INT, stat INT)")
    schema = plain(deployment.input_schema, grant=True)
    deployment.servers.execute(f"GRANT SELECT ON {schema}.* TO {deployment.settings.output_user}@'127.0.0.1'")
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    async with open_redis(deployment.settings) as redis:
        await redis.delete(deployment.queue.key("label"))
    deployment.age_heartbeats()
    with deployment.workers():
        assert (await finished(deployment, task_id)).prod_stat == "finish"


async def test_a_foreign_task_with_a_glob_as_its_id_removes_no_jobs_from_the_queue(one_post: TestDeployment) -> None:
    deployment = one_post
    queue = deployment.queue.key("label")
    task_id = await services.create_task(deployment, deployment.request())
    deployment.write_anything(
        "INSERT INTO {output}.state (task_id, stat, queue, generation, heartbeat, deployment)"
        " VALUES ('*', 'PENDING', %s, 1, '2020-01-01', 'default')",
        deployment.settings.queue,
    )
    async with open_redis(deployment.settings) as redis:
        await reconcile(deployment, redis)
        assert await redis.zrange(queue, 0, -1) == [f"{task_id}:label:1:1".encode()]


async def test_a_pass_reads_a_queue_once_however_many_stalled_tasks_wait_in_it(one_post: TestDeployment) -> None:
    deployment = one_post
    queue = deployment.queue.key("label")
    task_ids = [await services.create_task(deployment, deployment.request()) for _ in range(12)]
    deployment.age_heartbeats()
    async with open_redis(deployment.settings) as redis:
        await redis.zrem(queue, f"{task_ids[-1]}:label:1:1")

        async def calls() -> dict[str, int]:
            return {name: stats["calls"] for name, stats in (await redis.info("commandstats")).items()}

        before = await calls()
        await reconcile(deployment, redis)
        after = await calls()
        assert after["cmdstat_zrange"] - before.get("cmdstat_zrange", 0) == 2  # one for each kind of job
        # One for each job in the queue, and one by the enqueue of the task that was lost.
        assert after["cmdstat_exists"] - before.get("cmdstat_exists", 0) == 12
        assert "cmdstat_zscan" not in after or after["cmdstat_zscan"] == before.get("cmdstat_zscan")
    generations = dict(deployment.rows("SELECT task_id, generation FROM {output}.state"))
    assert generations == dict.fromkeys(task_ids[:-1], 1) | {task_ids[-1]: 2}


async def test_a_task_whose_job_waits_for_its_turn_in_a_worker_has_heartbeats(few_posts: TestDeployment) -> None:
    task_id = await services.create_task(few_posts, few_posts.request())
    few_posts.age_heartbeats()
    context = WorkerContext(few_posts)
    for _ in range(MAX_OPEN_WINDOWS):  # other tasks have them
        await context.turns.acquire()
    async with open_redis(few_posts.settings) as redis:
        label, _ = create_arq_workers(context, redis)
        working = asyncio.create_task(label.async_run())
        await until(lambda: few_posts.count("stat = 'PENDING' AND heartbeat > UTC_TIMESTAMP() - INTERVAL 10 SECOND"))
        await reconcile(few_posts, redis)
        assert few_posts.count("generation = 1")
        for _ in range(MAX_OPEN_WINDOWS):
            context.turns.release()
        await until(lambda: few_posts.count("stat = 'SUCCESS'"))
        working.cancel()
        await asyncio.wait({working})
    assert few_posts.count(f"task_id = '{task_id}' AND generation = 1")
