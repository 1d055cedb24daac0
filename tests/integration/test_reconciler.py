"""The reconciler: it enqueues stalled tasks again, and nothing else."""

from jobs import services
from jobs.queue.client import open_redis
from jobs.queue.jobs import queue_key
from jobs.worker.reconciler import reconcile
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished


async def test_jobs_that_redis_lost_are_enqueued_again(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    async with open_redis(deployment.settings) as redis:
        assert await redis.zcard(queue_key(deployment.settings.queue)) == 1
        await redis.delete(queue_key(deployment.settings.queue))
    deployment.age_heartbeats()
    with deployment.workers():
        task = await finished(deployment, task_id, seconds=60)
    assert task.generation == 2
    assert_outcome(deployment, task, outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END))


async def test_a_foreign_table_named_state_does_not_stop_the_reconciler(few_posts: TestDeployment) -> None:
    deployment = few_posts
    deployment.write_anything("CREATE OR REPLACE TABLE {input}.state (task_id INT, production_due INT, stat INT)")
    schema = plain(deployment.input_schema, grant=True)
    deployment.servers.execute(f"GRANT SELECT ON {schema}.* TO {deployment.settings.output_user}@'127.0.0.1'")
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    async with open_redis(deployment.settings) as redis:
        await redis.delete(queue_key(deployment.settings.queue))
    deployment.age_heartbeats()
    with deployment.workers():
        assert (await finished(deployment, task_id)).prod_stat == "finish"


async def test_a_foreign_task_with_a_glob_as_its_id_removes_no_jobs_from_the_queue(one_post: TestDeployment) -> None:
    deployment = one_post
    queue = deployment.settings.queue
    task_id = await services.create_task(deployment, deployment.request())
    deployment.write_anything(
        "INSERT INTO {output}.state (task_id, stat, queue, generation, heartbeat)"
        " VALUES ('*', 'PENDING', %s, 1, '2020-01-01')",
        queue,
    )
    async with open_redis(deployment.settings) as redis:
        await reconcile(deployment, redis, queue)
        assert await redis.zrange(queue_key(queue), 0, -1) == [f"{task_id}:label:1:1".encode()]
