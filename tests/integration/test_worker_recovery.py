"""What once went wrong, or nearly did: each case stays mended."""

import asyncio
import socket
import time

import pytest
from pydantic import SecretStr

from jobs.errors import CannotStart, DatabaseError, OutputUnreachable
from jobs.queue.client import open_redis, queue_key
from jobs.services import tasks as services
from jobs.storage import state
from jobs.storage.stream import stream
from jobs.worker.production import SILENT_SECONDS
from tests.helpers.deployment import TestSite, finished, post, run_in_process, until
from tests.helpers.oracle import Post, outcome
from tests.helpers.posts import END, PATTERNS, SOURCES, START, odd_posts
from tests.integration.test_end_to_end import RANGE, assert_equals
from tests.integration.test_state_table import OLD, leave_behind


@pytest.fixture
def ready(site: TestSite) -> TestSite:
    site.write_patterns(PATTERNS)
    site.write_posts(odd_posts(2_000, seed=8))
    return site


async def test_many_tasks_at_once_all_finish_on_few_connections(ready: TestSite) -> None:
    ids = [await services.create_task(ready, ready.request(**RANGE)) for _ in range(80)]
    most = 0
    with ready.workers():
        while _count(ready, "prod_stat = 'finish'") < 80:
            user = ready.settings.output_user
            most = max(most, len(ready.rows("SELECT 1 FROM information_schema.processlist WHERE user = %s", user)))
            assert _count(ready, "stat = 'FAILURE'") == 0
            await asyncio.sleep(0.1)
    assert most <= 18
    assert {(await services.check_status(ready, task_id)).generation for task_id in ids} == {1}


async def test_a_production_left_behind_by_a_killed_worker_is_ended_and_done_again(ready: TestSite) -> None:
    task = await run_in_process(ready, ready.request(**RANGE))
    before = ready.production()
    ready.write_anything(
        "CREATE TRIGGER {output}.slow BEFORE INSERT ON {output}.wh_panel_mapping_fbfans FOR EACH ROW DO SLEEP(1)"
    )
    ready.write_anything(
        "UPDATE {output}.state SET prod_stat = NULL, heartbeat = heartbeat - INTERVAL 1 DAY,"
        " production_due = production_due - INTERVAL 1 DAY"
    )

    def running() -> list[tuple[object, ...]]:
        # In a trigger a session bears its definer's name.
        sql = "SELECT 1 FROM information_schema.processlist WHERE info LIKE %s AND id <> CONNECTION_ID()"
        return ready.rows(sql, "DO SLEEP(1)%")

    with ready.workers() as (worker,):
        await until(running, 60)
        worker.kill()
    assert running(), "the server goes on without its client"
    with ready.workers():
        await until(lambda: not running(), SILENT_SECONDS + 30)
        ready.write_anything("DROP TRIGGER IF EXISTS {output}.slow")
        task = await finished(ready, task.task_id, seconds=60)
    assert (task.prod_stat, task.error) == ("finish", None)
    assert ready.production() == before


async def test_abort_and_resume_do_not_wait_for_a_lane_that_has_not_heard_of_them(ready: TestSite) -> None:
    posts = odd_posts(20_000, seed=9)
    ready.write_posts(posts)
    task_id = await services.create_task(ready.with_settings(window_rows=200), ready.request(**RANGE))
    with ready.workers(2):
        for done in (2, 6, 10):
            await until(lambda: _count(ready, "done", "task_window") > done)  # noqa: B023
            await services.abort(ready, task_id)
            started = time.monotonic()
            await services.resume(ready, task_id)
            assert time.monotonic() - started < 5
        task = await finished(ready, task_id)
    assert_equals(ready, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_a_window_of_more_authors_than_a_statement_holds_is_counted_exactly(ready: TestSite) -> None:
    ready.write_posts([post(0, "Annie", str(START))], index="")
    ready.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, post_time)"
        " SELECT seq, 'WH_F0045', CONCAT('author ', seq), %s FROM {output}.seq_1_to_300000".replace(
            "{output}", "mysql"
        ),
        START,
    )
    task = await run_in_process(ready, ready.request(**RANGE))
    assert (task.error, task.uniq_source_author, task.length_prod_table) == (None, "300001", "1")


async def test_a_task_whose_definition_cannot_be_read_fails_visibly(ready: TestSite) -> None:
    broken = await services.create_task(ready, ready.request(**RANGE))
    missing = await services.create_task(ready, ready.request(**RANGE))
    ready.write_anything("UPDATE {output}.task_definition SET input = 'x' WHERE task_id = %s", broken)
    ready.write_anything("DELETE FROM {output}.task_definition WHERE task_id = %s", missing)
    with ready.workers():
        for task_id in (broken, missing):
            task = await finished(ready, task_id)
            assert task.stat == "FAILURE" and f"audience resume {task_id}" in (task.error or "")


async def test_burst_ends_although_a_killed_worker_left_a_job_behind(ready: TestSite) -> None:
    task_id = await services.create_task(ready.with_settings(window_rows=20), ready.request(**RANGE))
    with ready.workers() as (worker,):
        await until(lambda: _count(ready, "done", "task_window") > 3)
        worker.kill()
    with ready.workers(1, "--burst") as (worker,):
        assert worker.wait(60) == 0
    assert (await services.check_status(ready, task_id)).prod_stat == "finish"
    async with open_redis(ready.settings) as redis:
        assert await redis.zcard(queue_key(ready.settings.queue)) == 0


async def test_tables_that_are_not_ours_are_left_alone(ready: TestSite) -> None:
    ready.write_anything("CREATE DATABASE {output}")
    ready.write_anything("CREATE TABLE {output}.other (id INT AUTO_INCREMENT PRIMARY KEY, panel ENUM('a'))")
    before = ready.rows("SHOW CREATE TABLE {output}.other")
    with pytest.raises(OutputUnreachable, match="other is there, but has no task_id"):
        await services.create_task(ready, ready.request(**RANGE))
    assert ready.rows("SHOW CREATE TABLE {output}.other") == before
    assert ready.rows("SELECT 1 FROM {output}.state") == []


async def test_one_table_that_only_looks_like_a_state_table_stops_no_reconciler(ready: TestSite) -> None:
    ready.write_anything("CREATE OR REPLACE TABLE {input}.state (task_id INT, production_due INT, stat INT)")
    user = ready.settings.output_user
    schema = ready.input_schema.replace("`", "``").replace("_", "\\_").replace("%", "\\%")
    ready.write_anything(f"GRANT SELECT ON `{schema.replace('%', '%%')}`.* TO {user}@'127.0.0.1'")
    task_id = await services.create_task(ready, ready.request(**RANGE))
    async with open_redis(ready.settings) as redis:
        await redis.delete(queue_key(ready.settings.queue))
    with ready.workers():
        assert (await finished(ready, task_id)).prod_stat == "finish"


async def test_status_and_sample_read_a_table_of_v21_that_nobody_has_migrated(site: TestSite) -> None:
    leave_behind(site, (OLD, "2021-11-09 11:09:43"))
    task = await services.check_status(site, OLD)
    assert (task.length_prod_table, task.rate_of_label) == ("236705", "14.15")
    assert site.command("status", OLD).returncode == 0
    assert "14.15" in site.command("list").stdout


async def test_texts_are_as_wide_as_their_characters_not_their_bytes(ready: TestSite) -> None:
    ready.write_anything("DELETE FROM {input}.{table}")
    ready.write_anything("ALTER TABLE {input}.{table} MODIFY author TINYTEXT, MODIFY content TEXT CHARACTER SET latin1")
    long = Post("1", "WH_F0045", None, "ann" + "x" * 200, None, "ann" + "é" * 60_000, START)
    ready.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, content, post_time) VALUES (%s, %s, %s, %s, %s)",
        *(long.id, long.s_id, long.author, long.content, long.post_time),
    )
    ready.write_patterns(PATTERNS, "content")
    for predict_type in ("author_name", "content"):
        task = await run_in_process(ready, ready.request(**RANGE, predict_type=predict_type))
        assert (task.error, task.length_prod_table) == (None, "1")


async def test_an_input_that_is_a_view_is_read(ready: TestSite) -> None:
    ready.write_anything("CREATE VIEW {input}.view AS SELECT * FROM {input}.{table}")
    task = await run_in_process(ready, ready.request(**RANGE, target_table="view"))
    assert_equals(ready, task, outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END))


async def test_an_input_that_accepts_and_says_nothing_is_given_up(ready: TestSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        away = ready.with_settings(input_port=silent.getsockname()[1])
        with pytest.raises(CannotStart, match="no answer within 10 seconds"):
            await services.create_task(away, ready.request(**RANGE))
        with pytest.raises(DatabaseError) as caught:
            async with stream(away.input, "SELECT 1", ()):
                pass
        assert caught.value.transient


@pytest.mark.parametrize("url", ["redis://:p@ss:s3cr/et@h/0", "http://x", "nonsense"])
def test_a_redis_url_that_is_none_is_said_without_its_password(ready: TestSite, url: str) -> None:
    for arguments in (("worker",), ("worker", "--processes", "2"), ("check",), ("console",)):
        done = ready.command(*arguments, REDIS_URL=url)
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "REDIS_URL" in said
        assert "s3cr" not in said and "Traceback" not in said


def test_a_host_name_that_is_none_is_said(ready: TestSite) -> None:
    for arguments in (("list",), ("check",)):
        done = ready.command(*arguments, OUTPUT_HOST="db..example")
        assert done.returncode == 1 and "not a host name" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


async def test_watching_goes_on_through_a_server_that_blinks(ready: TestSite) -> None:
    task_id = await services.create_task(ready, ready.request(**RANGE))
    seen = []
    async for task in services.watch_status(ready, task_id, 0.1):
        seen.append(task.stat)
        if len(seen) == 2:
            account = f"ALTER USER {ready.settings.output_user}@'127.0.0.1' ACCOUNT"
            ready.write_anything(f"{account} LOCK")
            asyncio.get_running_loop().call_later(1.0, ready.write_anything, f"{account} UNLOCK")
        if len(seen) == 4:
            await services.abort(ready, task_id)
    assert seen[0] == "PENDING" and seen[-1] == "ABORTED"


async def test_sessions_leave_no_aborted_connections_behind(ready: TestSite) -> None:
    def aborted() -> int:
        return int(ready.rows("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")[0][1])

    before = aborted()
    for _ in range(5):
        async with ready.output_session() as session:
            await state.schemas(session)
    assert aborted() == before


def test_settings_hide_what_is_secret(ready: TestSite) -> None:
    shown = repr(ready.settings.model_copy(update={"output_password": SecretStr("hide me")}))
    assert "hide me" not in shown


def _count(site: TestSite, condition: str, table: str = "state") -> int:
    return int(site.rows(f"SELECT COUNT(*) FROM {{output}}.{table} WHERE {condition}")[0][0])
