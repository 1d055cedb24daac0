"""The presence of workers and the queues, as everybody reads them from Redis."""

import json

from jobs import services
from jobs.model.queues import Queue
from jobs.queue.client import open_redis
from jobs.queue.clock import redis_time
from jobs.services.check_servers import check_redis
from jobs.services.overview import read_fleet
from tests.helpers.deployment import TestDeployment


def presence(**changes: object) -> str:
    """Return a presence as a worker of an earlier release publishes it."""
    published = {"host": "h", "pid": 1, "queue": "q", "tasks": [], "rows_a_second": 0.0, "peak_memory": 1.0}
    return json.dumps(published | changes)


async def test_hostile_presence_and_queue_keys_hide_no_worker_and_break_no_overview(one_post: TestDeployment) -> None:
    deployment = one_post
    odd = [
        *("", "null", "[]", "1", '"x"', "\\", "[" * 100_000, presence(pid=10**30)[:-9], presence(pid="x")),
        *(presence(pid=float("inf")), presence(rows_per_second=float("nan")), presence(peak_memory=-float("inf"))),
        *(presence(uptime="x"), presence(parts_done=[]), presence(memory=float("inf"))),
        *(presence(tasks=None), presence(rows_per_second="9" * 400), presence(host="x" * 100_000), '{"pid": 1e999}'),
    ]
    settings = deployment.settings
    async with open_redis(settings) as redis:
        await redis.flushdb()  # what other tests left
        for number, text in enumerate(odd):
            await redis.set(f"audience:default:worker:odd:{number}", text, ex=60)
        await redis.set(b"audience:default:worker:\xff", b"\xff\xfe", ex=60)
        await redis.set("audience:default:worker:lives too long", presence(), ex=10**8)
        await redis.set("audience:default:worker:never expires", presence())
        await redis.zadd("audience:default:worker:of another type", {"x": 1})
        await redis.set(
            "audience:default:worker:escape", presence(host="\x1b[2J[/red]", queue=settings.queue, pid=7), ex=60
        )
        await redis.set(f"audience:default:queue:{'x' * 1_000}", "no queue")
        await redis.zadd(b"audience:default:queue:\xff\x1b", {b"\xff:label:1:1": 1, b"0" * 32 + b":label:1:1": 1})
        fleet = await read_fleet(deployment)
        done = deployment.command("check")
        await redis.flushdb()
    assert [(worker.host, worker.pid) for worker in fleet.workers] == [("\x1b[2J[/red]", 7)]
    assert {queue.name: queue.ready for queue in fleet.queues} == {"\ufffd\x1b": 1, settings.queue: 0}
    assert f"1 on queue {settings.queue}" in done.stdout and "Traceback" not in done.stderr


async def test_check_names_a_queue_with_jobs_that_no_worker_serves(one_post: TestDeployment) -> None:
    queue = f"misspelt-{one_post.settings.queue}"
    task_id = await services.create_task(one_post, one_post.request(queue=queue))

    async def messages() -> list[str]:
        found = [finding async for finding in check_redis(one_post) if finding.subject == "queue"]
        return [finding.message for finding in found if queue in finding.message]

    assert await messages() == [f"no worker serves {queue}, which has 1 job"]
    await services.abort_task(one_post, task_id)
    assert await messages() == []


async def test_the_oldest_job_is_the_first_one_that_is_due_and_that_no_worker_has_taken(
    deployment: TestDeployment,
) -> None:
    queue = Queue("default", deployment.settings.queue)
    taken, waiting, later = (f"{number}" * 32 + ":label:1:1" for number in (1, 2, 3))
    async with open_redis(deployment.settings) as redis:
        now = (await redis_time(redis)).timestamp() * 1000
        due = {taken: now - 900_000, waiting: now - 300_000, later: now + 900_000}
        await redis.zadd(queue.key("label"), due)
        await redis.set(f"arq:in-progress:{taken}", "1", px=60_000)
        found = next(one for one in (await read_fleet(deployment)).queues if one.name == queue.name)
        assert found.oldest is not None and 300 <= found.oldest < 600
        await redis.delete(f"arq:in-progress:{taken}")
        found = next(one for one in (await read_fleet(deployment)).queues if one.name == queue.name)
        assert found.oldest is not None and found.oldest >= 900
        await redis.delete(queue.key("label"))
        found = next(one for one in (await read_fleet(deployment)).queues if one.name == queue.name)
        assert found.oldest is None
