"""Servers that do not answer, or not for a while, and connections to them."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
from redis import Redis

from jobs import services
from jobs.errors import CannotStart, DatabaseError
from jobs.queue.client import open_redis
from jobs.storage import state_tables
from jobs.storage.connection import connect
from jobs.storage.endpoint import Server
from jobs.storage.stream import open_reader, stream
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from jobs.worker.reconciler import reconcile
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.posts import RANGE
from tests.helpers.running import finished, until, work_in_process


async def test_an_input_that_accepts_connections_but_never_answers_is_given_up(one_post: TestDeployment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        away = one_post.with_settings(input_port=silent.getsockname()[1])

        async def create() -> None:
            with pytest.raises(CannotStart, match="no answer within 10 seconds"):
                await services.create_task(away, one_post.request())

        async def read() -> None:
            with pytest.raises(DatabaseError) as caught:
                async with stream(away.input, "SELECT 1", {}):
                    pass
            assert caught.value.transient

        await asyncio.gather(create(), read())


async def test_a_connection_that_is_no_longer_wanted_is_given_up_at_once_whenever_that_is(
    deployment: TestDeployment,
) -> None:
    async def connect_to(server: Server, kind: Callable[[Server], AbstractAsyncContextManager[object]]) -> None:
        async with kind(server):
            pass

    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = replace(deployment.input, port=silent.getsockname()[1])
        for kind in (connect, open_reader):
            for steps in range(12):
                connecting = asyncio.create_task(connect_to(server, kind))
                for _ in range(steps):
                    await asyncio.sleep(0)
                connecting.cancel()
                await asyncio.wait({connecting}, timeout=5)
                assert connecting.cancelled(), (kind, steps)


GREETINGS = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "mysql-x": bytes([5, 0, 0, 0, 11, 8, 5, 26, 0]),
    "zeros": bytes(64),
    "short": bytes([1, 0, 0, 0, 10]),
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
async def test_another_kind_of_server_is_called_that(one_post: TestDeployment, greeting: bytes) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as foreign:
        wrong = one_post.with_settings(input_port=foreign.sockets[0].getsockname()[1])
        with pytest.raises(CannotStart, match="not a MariaDB server; check the host and the port"):
            await services.create_task(wrong, one_post.request())
        with pytest.raises(DatabaseError, match="not a MariaDB server") as caught:
            async with stream(wrong.input, "SELECT 1", {}):
                pass
        assert not caught.value.transient


async def test_why_there_is_no_connection_is_said(one_post: TestDeployment) -> None:
    for changes, reason in (({"input_port": 1}, "refused"), ({"input_host": "nosuch.invalid"}, "name")):
        away = one_post.with_settings(**changes)
        with pytest.raises(CannotStart, match=f"2003. cannot connect: (?i:.*{reason})"):
            await services.create_task(away, one_post.request())
        with pytest.raises(DatabaseError, match=f"2003. cannot connect: (?i:.*{reason})"):
            async with stream(away.input, "SELECT 1", {}):
                pass


async def test_watching_a_task_continues_through_a_short_outage(one_post: TestDeployment) -> None:
    deployment = one_post
    task_id = await services.create_task(deployment, deployment.request())
    seen = []
    async for task in services.watch_status(deployment, task_id):
        seen.append(task.stat)
        if len(seen) == 2:
            account = f"ALTER USER {deployment.settings.output_user}@'127.0.0.1' ACCOUNT"
            deployment.write_anything(f"{account} LOCK")
            deployment.servers.execute(f"KILL USER {deployment.settings.output_user}")
            asyncio.get_running_loop().call_later(1.0, deployment.write_anything, f"{account} UNLOCK")
        if len(seen) == 4:
            await services.abort_task(deployment, task_id)
    assert seen[0] == "PENDING" and seen[-1] == "ABORTED"


async def test_sessions_leave_no_aborted_connections_behind(deployment: TestDeployment) -> None:
    def aborted() -> int:
        return int(deployment.rows("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")[0][1])

    before = aborted()
    for _ in range(5):
        async with deployment.output_session() as session:
            await state_tables.schemas(session)
    assert aborted() == before


async def test_tasks_finish_although_the_account_may_open_only_a_few_connections(few_posts: TestDeployment) -> None:
    deployment = few_posts
    user = deployment.settings.output_user
    task_ids = [await services.create_task(deployment, deployment.request(**RANGE)) for _ in range(4)]
    deployment.servers.execute(f"ALTER USER {user}@'127.0.0.1' WITH MAX_USER_CONNECTIONS 3")
    with deployment.workers(3):
        # This process has the limit too.
        await until(lambda: deployment.count("prod_stat = 'finish'") == len(task_ids), 90)
    deployment.servers.execute(f"ALTER USER {user}@'127.0.0.1' WITH MAX_USER_CONNECTIONS 0")
    assert deployment.count("error IS NULL AND stat = 'SUCCESS'") == len(task_ids)


async def test_a_label_job_that_ends_while_redis_takes_no_writes_is_produced_later(few_posts: TestDeployment) -> None:
    deployment, refusal = few_posts, "command not allowed when used memory > 'maxmemory'"
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    with Redis.from_url(deployment.servers.redis_url) as redis, deployment.servers.connect() as connection:
        connection.query(f"LOCK TABLES {plain(deployment.input_schema, deployment.table)} WRITE")
        with deployment.workers():
            await until(lambda: deployment.count("stat = 'STARTED'"))
            try:
                redis.config_set("maxmemory", 1)
                connection.query("UNLOCK TABLES")
                await until(lambda: f"not queued yet: Redis: {refusal}\n" in deployment.log())
                with pytest.raises(CannotStart, match=f"Redis: {refusal}; see audience check"):
                    await services.create_task(deployment, deployment.request(**RANGE))
            finally:
                redis.config_set("maxmemory", 0)
            deployment.age_heartbeats()
            async with open_redis(deployment.settings) as client:
                await reconcile(deployment, client)
            assert (await finished(deployment, task_id)).prod_stat == "finish"
    assert "Traceback" not in deployment.log() and "discarded job" not in deployment.log()


async def test_what_a_read_only_server_refuses_is_tried_again(few_posts: TestDeployment) -> None:
    deployment = few_posts
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    deployment.servers.execute("SET GLOBAL read_only = ON")
    try:
        with pytest.raises(DatabaseError, match="read-only") as caught:
            await LabelLane(WorkerContext(deployment), deployment.ref(task_id)).run()
    finally:
        deployment.servers.execute("SET GLOBAL read_only = OFF")
    assert caught.value.transient
    await work_in_process(deployment, deployment.ref(task_id))
    assert (await services.check_status(deployment, task_id)).prod_stat == "finish"
