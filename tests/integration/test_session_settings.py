"""Sessions on servers whose defaults would change what is read or written."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from jobs import services
from jobs.errors import DatabaseError
from jobs.storage import stream as stream_module
from jobs.storage.endpoint import Server
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, run_in_process, until


@contextmanager
def server_default(deployment: TestDeployment, variable: str, value: str) -> Iterator[None]:
    """Set a global variable of the server for the length of the block."""
    before = deployment.rows(f"SELECT @@GLOBAL.{variable}")[0][0]
    deployment.write_anything(f"SET GLOBAL {variable} = %s", value if not value.isdigit() else int(value))
    try:
        yield
    finally:
        deployment.write_anything(f"SET GLOBAL {variable} = %s", before)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("init_connect", "SET NAMES latin1"),
        ("init_connect", "SET NAMES big5; SET sql_mode = 'NO_BACKSLASH_ESCAPES'"),
        ("sql_select_limit", "100"),
        ("completion_type", "CHAIN"),
        ("wait_timeout", "1"),
        ("idle_transaction_timeout", "1"),
        ("net_write_timeout", "1"),
        ("sql_safe_updates", "1"),
        ("tx_isolation", "SERIALIZABLE"),
        ("tx_read_only", "1"),
    ],
)
async def test_a_task_is_exact_whatever_the_servers_defaults(
    deployment: TestDeployment, variable: str, value: str
) -> None:
    posts = odd_posts(1_000, seed=21)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    with server_default(deployment, variable, value):
        task = await run_in_process(deployment, deployment.request(**RANGE))
        again = await services.check_status(deployment, task.task_id)
    assert_outcome(deployment, again, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_workers_finish_a_task_where_commits_chain_transactions(deployment: TestDeployment) -> None:
    posts = odd_posts(1_000, seed=22)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    with server_default(deployment, "completion_type", "CHAIN"), deployment.workers():
        task_id = await services.create_task(deployment, deployment.request(**RANGE))
        task = await finished(deployment, task_id)
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


def test_a_session_whose_settings_had_no_effect_is_refused(deployment: TestDeployment) -> None:
    server: Server = deployment.input
    good = ("utf8mb4", "utf8mb4", "utf8mb4", 2**64 - 1, "NO_CHAIN", 1, 0, 0.0, 3600, 0, 0, 0, 600, 600, 15, 15)
    server.require_variables(good)
    wrong = ("latin1", "latin1", "utf8mb3", 100, "CHAIN", 0, 1, 2.5, 8, 1, 1, 1, 60, 60, 86400, 50)
    for place, value in enumerate(wrong):
        with pytest.raises(DatabaseError, match=f"is {value}, not") as caught:
            server.require_variables((*good[:place], value, *good[place + 1 :]))
        assert not caught.value.transient


async def test_rows_that_do_not_arrive_are_noticed(deployment: TestDeployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(1_000, seed=25))
    fetch = stream_module._fetch_batch

    async def drop_one(*arguments: Any) -> list[Any]:
        return (await fetch(*arguments))[1:]

    monkeypatch.setattr(stream_module, "_fetch_batch", drop_one)
    sql = "SELECT id FROM {input}.{table}"
    with pytest.raises(DatabaseError, match="only 999 of 1,000 rows arrived") as caught:
        async with stream_module.stream(deployment.input, deployment.named(sql), {}) as batches:
            async for _ in batches:
                pass
    assert caught.value.transient


async def test_a_statement_that_waits_for_one_without_a_deadline_is_not_late(deployment: TestDeployment) -> None:
    async with deployment.output_session() as session:
        long = asyncio.create_task(session.row("SELECT SLEEP(1.5)"))
        await asyncio.sleep(0)
        assert await session.execute("DO 0", seconds=1) == 0
        assert await long == (0,)


async def test_posts_that_are_not_committed_are_not_read_whatever_the_servers_default(
    deployment: TestDeployment,
) -> None:
    posts = odd_posts(1_000, seed=26)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    with (
        server_default(deployment, "tx_isolation", "READ-UNCOMMITTED"),
        deployment.servers.connect() as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("START TRANSACTION")
        cursor.execute(deployment.named("UPDATE {input}.{table} SET author = 'Annie'"), ())
        task = await run_in_process(deployment, deployment.request(**RANGE))
        cursor.execute("ROLLBACK")
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_transactions_stay_open_while_a_worker_matches_whatever_the_servers_default(
    deployment: TestDeployment,
) -> None:
    users = (deployment.settings.input_user, deployment.settings.output_user)
    busy = "SELECT 1 FROM information_schema.processlist WHERE user IN %s AND time_ms < 1500"
    with ExitStack() as stack:
        for kind in ("", "readonly_", "write_"):
            stack.enter_context(server_default(deployment, f"idle_{kind}transaction_timeout", "1"))
        deployment.write_anything("CREATE DATABASE {output}")
        deployment.write_anything("CREATE TABLE {output}.written (number INT)")
        async with (
            stream_module.open_reader(deployment.input) as reader,
            deployment.output_session() as session,
            session.transaction(),
        ):
            await reader.begin_snapshot()
            for idle in (True, False):
                assert await reader.rows("SELECT COUNT(*) FROM information_schema.schemata", {})
                assert await session.execute(deployment.named("INSERT INTO {output}.written VALUES (1)")) == 1
                if idle:
                    await until(lambda: deployment.rows(busy, users) == [])
