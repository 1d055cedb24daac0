"""Queue entries that no worker and no service wrote."""

import asyncio
import json
import os
import pickle
from pathlib import Path

from jobs import services
from jobs.queue.client import open_redis
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import finished

NOBODY = "0" * 32


class Exploit:
    """Makes a folder if its pickle is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def job(function: object, *arguments: object, **changes: object) -> bytes:
    """Return a job as arq stores it."""
    return json.dumps({"t": None, "f": function, "a": arguments, "k": {}, "et": 1_600_000_000_000} | changes).encode()


def forged_payloads(schema: str, marker: Path) -> list[bytes | None]:
    """Return payloads of which none may run. A None stands for a queue entry without a payload."""
    return [
        None,
        b"",
        job("label", schema, NOBODY, 1, 1)[:-5],
        pickle.dumps({"t": None, "f": "label", "a": (Exploit(marker),), "k": {}, "et": 1}),
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"[" * 5_000,
        b'{"f": 1e999}',
        job("system", "rm -rf /"),
        job(["label"], schema, NOBODY, 1, 1),
        job({"f": 1}),
        job("label"),
        job("label", schema, NOBODY),
        job("label", schema, NOBODY, "1", 1),
        job("label", schema, NOBODY, 1, -(10**9)),
        job("label", schema, NOBODY, 1, 10**30),
        job("label", schema, NOBODY, 1, True),
        job("label", schema, NOBODY, 1, 1, 1),
        job("label", schema, NOBODY, 1, 1, k={"ctx": {}}),
        job("label", schema, NOBODY, 1, 1, t="x"),
        job("label", schema, NOBODY, 1, 1, t=10**20),
        job("label", schema, NOBODY, 1, 1, et="now"),
        job("label", schema, NOBODY, 1, 1, et=10**30),
        job("label", schema, NOBODY, 1, 1, et=None),
        job("produce", schema, NOBODY),
        job("produce", schema, "*"),
        job("produce", schema, "' OR 1=1 --"),
        job("produce", schema, "０" * 32),
        job("produce", ["a"], NOBODY),
        job("produce", "`; DROP TABLE canary; --", NOBODY),
        job("produce", f"{schema}`.`canary", NOBODY),
        job("produce", "no such schema", NOBODY),
        job("label", "information_schema", NOBODY, 1, 1),
        job("label", "mysql", NOBODY, 1, 1),
        job("label", "a\x1b[2J\nb", NOBODY, 1, 1),
        job("label", "\ud800", NOBODY, 1, 1),
        job("label", "x" * 20_000_000, NOBODY, 1, 1),
        job("reconcile:elsewhere"),
        job("reconcile:x", schema),
        job("refuse", "a lie\x1b[2J\n2026-01-01 INFO forged"),
        job("reject", "a lie\x1b[2J\n2026-01-01 INFO forged"),
    ]


async def test_forged_jobs_are_discarded_with_a_line_each_while_real_tasks_run(one_post: TestDeployment) -> None:
    deployment = one_post
    deployment.write_anything("CREATE DATABASE IF NOT EXISTS {output}")
    deployment.write_anything("CREATE TABLE {output}.canary AS SELECT 1 AS alive")
    marker = deployment.folder / "unpickled"
    payloads = forged_payloads(deployment.output_schema, marker)
    members = [b"\xff\xfe", b"", b"x", b"a\x1b[2J\nb", b"*", b"x" * 1_000_000, NOBODY.encode() + b":label:1:1\n"]
    queue = deployment.queue.key("label")
    async with open_redis(deployment.settings) as redis:
        for number, payload in enumerate(payloads):
            if payload is not None:
                await redis.set(f"arq:job:{NOBODY}:label:1:{number}", payload)
            await redis.zadd(queue, {f"{NOBODY}:label:1:{number}": 1})
        await redis.zadd(queue, dict.fromkeys(members, 1))
        await redis.zadd(queue, {f"{NOBODY}:label:2:1": 0, f"{NOBODY}:label:2:2": "-inf"})
        for number, prefix in enumerate(("arq:job:", "arq:retry:"), start=500):
            await redis.zadd(f"{prefix}{NOBODY}:label:1:{number}", {"x": 1})
            await redis.zadd(queue, {f"{NOBODY}:label:1:{number}": 1})
        late = {b"\xff", f"{NOBODY}:label:9:9".encode()}
        await redis.zadd(queue, dict.fromkeys(late, 10**14))  # due in a thousand years
        task_id = await services.create_task(deployment, deployment.request())
        with deployment.workers() as (worker,):
            task = await finished(deployment, task_id)
            async with asyncio.timeout(20):
                while await redis.zrangebyscore(queue, "-inf", 10**13):
                    await asyncio.sleep(0.1)
            assert worker.poll() is None
        assert {member for member in await redis.zrange(queue, 0, -1) if b"reconcile" not in member} == late
        assert not [key async for key in redis.scan_iter(match=f"arq:*:{NOBODY}*")]
    assert (task.prod_stat, task.length_prod_table) == ("finish", "1")
    assert not marker.exists()
    assert deployment.rows("SELECT alive FROM {output}.canary") == [(1,)]
    assert deployment.rows("SELECT task_id FROM {output}.state") == [(task_id,)]
    assert "Traceback" not in deployment.log()
    assert len(deployment.log().splitlines()) < 3 * len(payloads)
    assert max(map(len, deployment.log().splitlines())) < 1_000
