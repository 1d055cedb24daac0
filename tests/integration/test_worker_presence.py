"""The presence of workers and the queues, as everybody reads them from Redis."""

import json

from jobs.queue.client import open_redis
from jobs.services.overview import read_fleet
from tests.helpers.deployment import TestDeployment


def presence(**changes: object) -> str:
    """Return a presence as a worker publishes it."""
    published = {"host": "h", "pid": 1, "queue": "q", "tasks": [], "rows_a_second": 0.0, "peak_memory": 1.0}
    return json.dumps(published | changes)


async def test_hostile_presence_and_queue_keys_hide_no_worker_and_break_no_overview(one_post: TestDeployment) -> None:
    deployment = one_post
    odd = [
        *("", "null", "[]", "1", '"x"', "\\", "[" * 100_000, presence(pid=10**30)[:-9], presence(pid="x")),
        *(presence(pid=float("inf")), presence(rows_a_second=float("nan")), presence(peak_memory=-float("inf"))),
        *(presence(tasks=None), presence(rows_a_second="9" * 400), presence(host="x" * 100_000), '{"pid": 1e999}'),
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
