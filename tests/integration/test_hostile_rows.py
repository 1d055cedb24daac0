"""What comes from Redis, rows and arguments, with hostile content: a clear error and nothing run, or inert output."""

import asyncio
import csv
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Select
from typer.testing import CliRunner

from console.cli.main import app
from console.cli.tasks import print_task
from console.sanitize import harmless_json
from console.ui.screens.samples import SamplesPage, formula_safe, save_rows
from jobs.errors import AudienceError, InvalidValue, ResultUnreadable, UnknownTask
from jobs.queue.client import open_redis, queue_key
from jobs.services import tasks as services
from jobs.services.overview import look_at_tasks, look_at_workers
from jobs.worker.reconciler import reconcile
from tests.console.test_tasks_screen import chosen, console, preferences, shown, table, wait_until
from tests.helpers.deployment import TestSite, finished, plain, post, run_in_process
from tests.helpers.posts import PATTERNS

__all__ = ["preferences"]


# Redis


@pytest.fixture
def ready(site: TestSite) -> TestSite:
    site.write_patterns(PATTERNS)
    site.write_posts([post(1, "Annie", "2020-06-01 00:00:00")])
    return site


class Exploit:
    """What a pickle of it does where it is loaded: makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def job(function: object, *arguments: object, **changes: object) -> bytes:
    """A job as arq keeps it."""
    return json.dumps({"t": None, "f": function, "a": arguments, "k": {}, "et": 1_600_000_000_000} | changes).encode()


async def test_forged_jobs_are_thrown_away_with_a_line_each_and_real_tasks_go_on(ready: TestSite) -> None:
    ready.write_anything("CREATE DATABASE IF NOT EXISTS {output}")
    ready.write_anything("CREATE TABLE {output}.canary AS SELECT 1 AS alive")
    schema, nobody, marker = ready.output_schema, "0" * 32, ready.folder / "unpickled"
    payloads: list[bytes | None] = [
        None,
        b"",
        job("label", schema, nobody, 1, 1)[:-5],
        pickle.dumps({"t": None, "f": "label", "a": (Exploit(marker),), "k": {}, "et": 1}),
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"[" * 5_000,
        b'{"f": 1e999}',
        job("system", "rm -rf /"),
        job(["label"], schema, nobody, 1, 1),
        job({"f": 1}),
        job("label"),
        job("label", schema, nobody),
        job("label", schema, nobody, "1", 1),
        job("label", schema, nobody, 1, -(10**9)),
        job("label", schema, nobody, 1, 10**30),
        job("label", schema, nobody, 1, True),
        job("label", schema, nobody, 1, 1, 1),
        job("label", schema, nobody, 1, 1, k={"ctx": {}}),
        job("label", schema, nobody, 1, 1, t="x"),
        job("label", schema, nobody, 1, 1, t=10**20),
        job("label", schema, nobody, 1, 1, et="now"),
        job("label", schema, nobody, 1, 1, et=10**30),
        job("label", schema, nobody, 1, 1, et=None),
        job("produce", schema, nobody),
        job("produce", schema, "*"),
        job("produce", schema, "' OR 1=1 --"),
        job("produce", schema, "０" * 32),
        job("produce", ["a"], nobody),
        job("produce", "`; DROP TABLE canary; --", nobody),
        job("produce", f"{schema}`.`canary", nobody),
        job("produce", "no such schema", nobody),
        job("label", "information_schema", nobody, 1, 1),
        job("label", "mysql", nobody, 1, 1),
        job("label", "a\x1b[2J\nb", nobody, 1, 1),
        job("label", "\ud800", nobody, 1, 1),
        job("label", "x" * 20_000_000, nobody, 1, 1),
        job("reconcile:elsewhere"),
        job("reconcile:x", schema),
        job("refuse", "a lie\x1b[2J\n2026-01-01 INFO forged"),
    ]
    members = [b"\xff\xfe", b"", b"x", b"a\x1b[2J\nb", b"*", b"x" * 1_000_000, nobody.encode() + b":label:1:1\n"]
    queue = queue_key(ready.settings.queue)
    async with open_redis(ready.settings) as redis:
        for number, payload in enumerate(payloads):
            if payload is not None:
                await redis.set(f"arq:job:{nobody}:label:1:{number}", payload)
            await redis.zadd(queue, {f"{nobody}:label:1:{number}": 1})
        await redis.zadd(queue, dict.fromkeys(members, 1))
        await redis.zadd(queue, {f"{nobody}:label:2:1": 0, f"{nobody}:label:2:2": "-inf"})
        for number, prefix in enumerate(("arq:job:", "arq:retry:"), start=500):
            await redis.zadd(f"{prefix}{nobody}:label:1:{number}", {"x": 1})
            await redis.zadd(queue, {f"{nobody}:label:1:{number}": 1})
        late = {b"\xff", f"{nobody}:label:9:9".encode()}
        await redis.zadd(queue, dict.fromkeys(late, 10**14))  # due in a thousand years
        task_id = await services.create_task(ready, ready.request())
        with ready.workers() as (worker,):
            task = await finished(ready, task_id)
            async with asyncio.timeout(20):
                while await redis.zrangebyscore(queue, "-inf", 10**13):
                    await asyncio.sleep(0.1)
            assert worker.poll() is None
        assert {member for member in await redis.zrange(queue, 0, -1) if b"reconcile" not in member} == late
        assert not [key async for key in redis.scan_iter(match=f"arq:*:{nobody}*")]
    assert (task.prod_stat, task.length_prod_table) == ("finish", "1")
    assert not marker.exists()
    assert ready.rows("SELECT alive FROM {output}.canary") == [(1,)]
    assert ready.rows("SELECT task_id FROM {output}.state") == [(task_id,)]
    assert "Traceback" not in ready.log()
    assert len(ready.log().splitlines()) < 3 * len(payloads)
    assert max(map(len, ready.log().splitlines())) < 1_000


async def test_hostile_presence_and_queue_keys_hide_no_worker_and_stop_no_look(ready: TestSite) -> None:
    def presence(**changes: object) -> str:
        told = {"host": "h", "pid": 1, "queue": "q", "tasks": [], "rows_a_second": 0.0, "peak_memory": 1.0}
        return json.dumps(told | changes)

    odd = [
        *("", "null", "[]", "1", '"x"', "\\", "[" * 100_000, presence(pid=10**30)[:-9], presence(pid="x")),
        *(presence(pid=float("inf")), presence(rows_a_second=float("nan")), presence(peak_memory=-float("inf"))),
        *(presence(tasks=None), presence(rows_a_second="9" * 400), presence(host="x" * 100_000), '{"pid": 1e999}'),
    ]
    settings = ready.settings
    async with open_redis(settings) as redis:
        await redis.flushdb()  # of what other tests left
        for number, text in enumerate(odd):
            await redis.set(f"audience:worker:odd:{number}", text, ex=60)
        await redis.set(b"audience:worker:\xff", b"\xff\xfe", ex=60)
        await redis.set("audience:worker:for ever", presence(), ex=10**8)
        await redis.set("audience:worker:never ends", presence())
        await redis.zadd("audience:worker:wrong", {"x": 1})
        await redis.set("audience:worker:escape", presence(host="\x1b[2J[/red]", queue=settings.queue, pid=7), ex=60)
        await redis.set(f"audience:queue:{'x' * 1_000}", "no queue")
        await redis.zadd(b"audience:queue:\xff\x1b", {b"\xff:label:1:1": 1, b"0" * 32 + b":label:1:1": 1})
        fleet = await look_at_workers(ready)
        done = ready.command("check")
        await redis.flushdb()
    assert [(worker.host, worker.pid) for worker in fleet.workers] == [("\x1b[2J[/red]", 7)]
    assert {queue.name: queue.ready for queue in fleet.queues} == {"\ufffd\x1b": 1, settings.queue: 0}
    assert f"1 on queue {settings.queue}" in done.stdout and "Traceback" not in done.stderr


# Rows of the databases

NASTY = (
    "\x1b]0;owned\x07\x1b[2J\n2026-01-01 00:00:00 1 INFO forged"
    " [/red] [bold]x \u202e\u2066\u200b\ufeff\U000e0041\x00=cmd()|\x9b"
)
RAW = {"\x1b", "\x07", "\x00", "\x9b", "\r", "\u202e", "\u2066", "\u200b", "\ufeff", "\U000e0041"}
FOREIGN_SCHEMA = "somebody's"
FOREIGN = (
    "CREATE TABLE {name}.state (task_id VARCHAR(64), stat TEXT, prod_stat TEXT, date_range TEXT, target_table TEXT,"
    " create_time TEXT, predict_type BLOB, result TEXT, length_prod_table TEXT, uniq_source_author TEXT,"
    " rate_of_label TEXT, windows TEXT, windows_done TEXT, length_receive_table TEXT, run_time TEXT, check_point TEXT,"
    " generation TEXT, heartbeat TEXT, production_due TEXT, error TEXT, queue TEXT, start_time DATETIME, end_time TEXT)"
)


@pytest.fixture
def foreign(ready: TestSite) -> Iterator[dict[str, str]]:
    """The tasks, by what their numbers are, of a table by the name of ours in a schema that the account sees."""
    name = plain(FOREIGN_SCHEMA)
    ready.write_anything(f"CREATE OR REPLACE DATABASE {name} CHARACTER SET utf8mb4")
    ready.write_anything(FOREIGN.replace("{name}", name))
    ready.write_anything(f"GRANT ALL ON {name}.* TO {ready.settings.output_user}@'127.0.0.1'")
    texts = ("stat", "date_range", "target_table", "predict_type", "error", "queue", "create_time", "result")
    numbers = ("length_prod_table", "uniq_source_author", "rate_of_label", "windows", "windows_done", "check_point")
    more = ("length_receive_table", "run_time", "generation", "heartbeat", "production_due", "end_time")
    kinds = ("²", NASTY, "nan", "inf,inf", "9" * 5_000, "1e400", "-1", "0000-00-00", "١٢")
    tasks = {kind: f"{number:032x}" for number, kind in enumerate(kinds)}
    for kind, task_id in tasks.items():
        values = {"task_id": task_id, "prod_stat": "finish"}
        values |= dict.fromkeys(texts, NASTY) | dict.fromkeys((*numbers, *more), kind)
        places = ", ".join(["%s"] * len(values))
        ready.write_anything(f"INSERT INTO {name}.state ({', '.join(values)}) VALUES ({places})", *values.values())
    yield tasks
    ready.write_anything(f"DROP DATABASE {name}")


async def test_a_foreign_state_table_comes_out_inert_and_stops_nobody(
    ready: TestSite, foreign: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    task = await run_in_process(ready, ready.request())
    for task_id in foreign.values():
        print_task(await services.check_status(ready, task_id))
        with pytest.raises(ResultUnreadable):
            await services.sample_result(ready, task_id)
    assert not RAW & set(capsys.readouterr().out)
    for arguments in (("list", "--output-schema", FOREIGN_SCHEMA), ("status", foreign[NASTY])):
        for form in ((), ("--json",)):
            done = ready.command(*arguments, *form)
            assert done.returncode == 0 and not RAW & set(done.stdout + done.stderr), arguments
    assert (await services.check_status(ready, task.task_id)).prod_stat == "finish"
    async with console(ready, (200, 50)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1 + len(foreign))
        await pilot.press("home")
        for _ in foreign:  # each task in full
            await pilot.press("down")
            await pilot.pause(0.1)
            assert not RAW & set(shown(pilot))
        table(pilot).want(task.task_id)
        await wait_until(pilot, lambda: table(pilot).cursor_key == task.task_id)
        await pilot.press("s")
        await chosen(pilot, SamplesPage)
        await wait_until(pilot, lambda: "sampled of" in shown(pilot))
        pilot.app.screen.query_one("#task", Select).focus()
        await pilot.press("enter")
        await wait_until(pilot, lambda: "forged" in shown(pilot))
        assert not RAW & set(shown(pilot))


async def test_a_state_table_that_cannot_be_read_hides_no_other(ready: TestSite) -> None:
    task = await run_in_process(ready, ready.request())
    name = plain("broken")
    ready.write_anything(f"CREATE OR REPLACE DATABASE {name}")
    columns = "task_id, stat, prod_stat, date_range, target_table, create_time"
    ready.write_anything(f"CREATE TABLE {name}.gone AS SELECT {columns} FROM {{output}}.state")
    ready.write_anything(f"CREATE VIEW {name}.state AS SELECT {columns} FROM {name}.gone")
    ready.write_anything(f"DROP TABLE {name}.gone")
    ready.write_anything(f"GRANT ALL ON {name}.* TO {ready.settings.output_user}@'127.0.0.1'")
    try:
        assert [each.task_id for each in (await look_at_tasks(ready)).tasks] == [task.task_id]
        with pytest.raises(UnknownTask):
            await services.check_status(ready, "0" * 32)
    finally:
        ready.write_anything(f"DROP DATABASE {name}")


async def test_a_foreign_task_with_a_glob_for_an_id_takes_no_jobs_out_of_the_queue(ready: TestSite) -> None:
    task_id = await services.create_task(ready, ready.request())
    ready.write_anything(
        "INSERT INTO {output}.state (task_id, stat, queue, generation, heartbeat)"
        " VALUES ('*', 'PENDING', %s, 1, '2020-01-01')",
        ready.settings.queue,
    )
    async with open_redis(ready.settings) as redis:
        await reconcile(ready, redis, ready.settings.queue)
        assert await redis.zrange(queue_key(ready.settings.queue), 0, -1) == [f"{task_id}:label:1:1".encode()]


async def test_hostile_rows_come_out_inert_on_the_command_line_in_the_log_and_in_files(ready: TestSite) -> None:
    long = "雅婷" + "x" * 200
    nasty = NASTY.replace("\x00", "")
    ready.write_posts(
        [
            post(1, "ann" + NASTY, "2020-06-01 00:00:00"),
            post(2, long, "2020-06-01 00:00:00", s_id="\x1b[2J`'%s\n\u202e"),
            post(3, "ann", "2020-06-01 00:00:00", s_id="=cmd()"),
        ]
    )
    ready.write_sources("default = 'other'\n")
    with ready.workers():
        task = await finished(ready, await services.create_task(ready, ready.request()))
        assert (task.error, task.length_prod_table) == (None, "3")
        ready.write_anything("DROP TABLE {output}.other")
        ready.write_anything("CREATE TABLE {output}.other AS SELECT * FROM {output}.wh_panel_mapping_other LIMIT 0")
        ready.write_anything(
            "CREATE TRIGGER {output}.quote BEFORE INSERT ON {output}.other FOR EACH ROW"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = %s",
            nasty[:100],
        )
        failed = await finished(ready, await services.create_task(ready, ready.request()))
    assert failed.stat == "FAILURE"
    lines = ready.log().splitlines()
    assert not RAW & set(ready.log()) and "forged" in ready.log()
    assert not [line for line in lines if line.startswith("2026-01-01 00:00:00 1 INFO forged")]
    for arguments in (("list",), ("status", failed.task_id), ("sample", task.task_id)):
        for form in ((), ("--json",)):
            output = ready.command(*arguments, *form).stdout
            assert output and not RAW & set(output), arguments
    assert len(ready.command("sample", task.task_id).stdout.splitlines()) == 4
    found = {
        row["match_content"]
        for row in json.loads(ready.command("sample", task.task_id, "--json").stdout)["error_message"]
    }
    assert found == {"ann" + NASTY, long, "ann"}
    rows = await services.sample_result(ready, task.task_id)
    save_rows(ready.folder / "rows.csv", rows)
    with (ready.folder / "rows.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file))
    assert {row[2] for row in read[1:]} >= {"'=cmd()_ann"}
    save_rows(ready.folder / "rows.jsonl", rows)
    assert len((ready.folder / "rows.jsonl").read_bytes().split(b"\n")) == 4


@pytest.mark.parametrize(
    "value", [" =1", "\t=1", "\n=1", "\x00=1", "\u3000＝1", "＋1", "－1", "＠x", "\ufeff=1", "\nx"]
)
def test_a_formula_behind_blanks_or_in_wide_signs_is_none_in_a_saved_file(value: str) -> None:
    assert formula_safe(value) == f"'{value}"


@pytest.mark.parametrize("character", sorted(RAW - {"\r"}))
def test_json_says_the_same_without_a_raw_character(character: str) -> None:
    document = json.dumps({f"a{character}b": f"雅{character}"}, ensure_ascii=False, indent=2)
    assert json.loads(harmless_json(document)) == json.loads(document)
    assert character not in harmless_json(document) and "雅" in harmless_json(document)


# Identifiers

AWKWARD = [
    *("a`b", "``", "a'b\"c", "a;b", "; DROP TABLE canary; --", "100%", "%s", "%(x)s", "a.b", "../a", "a/b\\c"),
    "x" * 64,
    *(" leading", "#sql", "-- x", "貼文 表", "é", "CANARY", "select", "0", "{table}", "@@version", "a,b", "$x", "*"),
]


def canaries(site: TestSite) -> list[tuple[object, ...]]:
    """Everything that is in the tables that nobody may touch, and which tables there are beside ours."""
    there = site.rows(
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('information_schema', %s)",
        site.output_schema,
    )
    return sorted(there) + site.rows("SELECT * FROM {input}.canary")


async def test_input_tables_with_awkward_names_are_read_and_nothing_else_is_touched(ready: TestSite) -> None:
    ready.write_anything("CREATE TABLE {input}.canary AS SELECT 1 AS alive")
    name = plain(ready.input_schema)
    for table_name in AWKWARD:
        sql = f"CREATE TABLE {name}.{plain(table_name)} AS SELECT * FROM {name}.{plain(ready.table)}"
        with ready.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
    before = canaries(ready)
    for table_name in AWKWARD:
        task = await run_in_process(ready, ready.request(target_table=table_name))
        assert (task.error, task.source_table, task.length_prod_table) == (None, table_name, "1")
    assert canaries(ready) == before


@pytest.mark.parametrize("name", ["`a` ; DROP", "100%s`", "輸出`'\"", "x" * 64, "a.b", "%"])
async def test_output_schemas_with_awkward_names_hold_a_task_and_its_rows(ready: TestSite, name: str) -> None:
    account = f"{ready.settings.output_user}@'127.0.0.1'"
    with ready.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"GRANT ALL ON {plain(name, grant=True)}.* TO {account}")
    try:
        task = await run_in_process(ready, ready.request(output_schema=name))
        assert (task.error, task.output_schema, task.length_prod_table) == (None, name, "1")
        assert len(await services.sample_result(ready, task.task_id)) == 1
        assert [each.task_id for each in await services.task_list(ready, 5, name)] == [task.task_id]
    finally:
        with ready.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {plain(name)}")
            cursor.execute(f"REVOKE ALL ON {plain(name, grant=True)}.* FROM {account}")


@pytest.mark.parametrize(
    "name",
    [
        *("information_schema", "mysql", "performance_schema", "sys"),
        *("nobody`s", "'; DROP TABLE canary; --", "%", "a\\", "../../etc", "..", "a/b", "漢" * 64, "😀"),
        *("x" * 65, "a\nb", "a\x00b", "trailing ", "\u202ea", "\ud800", "\u3000"),
    ],
    ids=ascii,
)
async def test_a_schema_or_table_that_is_none_is_an_error_of_ours_and_nothing_is_written(
    ready: TestSite, name: str
) -> None:
    ready.write_anything("CREATE TABLE {input}.canary AS SELECT 1 AS alive")
    before = canaries(ready)
    for field in ("target_schema", "target_table", "output_schema"):
        with pytest.raises(AudienceError) as caught:
            await services.create_task(ready, ready.request(**{field: name}))
        assert caught.value.code in (422, 503 if field == "output_schema" else 500), str(caught.value)
        assert len(str(caught.value)) < 600
    with pytest.raises(AudienceError) as caught:
        await services.task_list(ready, 5, name)
    assert caught.value.code in (422, 500)
    assert canaries(ready) == before
    assert ready.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", ready.output_schema) == []


@pytest.mark.parametrize("limit", [0, -1, 10**9, 10**30])
async def test_422_a_limit_that_is_none(ready: TestSite, limit: int) -> None:
    with pytest.raises(InvalidValue, match="limit: expected 1 to 100,000"):
        await services.task_list(ready, limit)
    with pytest.raises(InvalidValue, match="limit"):
        await services.sample_result(ready, "0" * 32, limit=limit)


def test_hostile_arguments_of_the_command_line_are_refused_in_inert_words(
    ready: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in ready.environment().items():
        monkeypatch.setenv(name, text)
    create = ("create", "--start-time", "2020-01-01 00:00", "--end-time", "2021-01-01 00:00")
    for value in ["\x1b[2J", "\udcff", "' OR 1=1 --", "０" * 32, "\u202e", "9" * 5_000, "nan", "[/red]", "\x00"]:
        for arguments in (
            *(("status", value), ("sample", "0" * 32, "--table", value), ("list", "--output-schema", value)),
            *((*create, f"--{name}", f"{value}\n") for name in ("queue", "countdown", "target-table", "model-type")),
        ):
            for form in ((), ("--json",)):
                done = CliRunner().invoke(app, [*arguments, *form])
                assert isinstance(done.exception, SystemExit) and done.exit_code == 1, (arguments, done.exception)
                assert not RAW & set(done.output), arguments
    assert ready.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", ready.output_schema) == []
