"""Exports: every row as it is in the table, in each format; a file appears whole or not at all."""

import csv
import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from pyarrow import parquet

from jobs import services
from jobs.errors import AudienceError, CannotWrite, Conflict, EmptyResult, InvalidValue, ResultUnreadable, UnknownTask
from jobs.model.task import Task
from jobs.services.row_files import formula_safe
from jobs.storage.production import COLUMNS
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import RANGE
from tests.helpers.running import run_in_process, until
from tests.helpers.v21 import OLD_TASK, leave_behind

Rows = list[tuple[str, ...]]

TEXTS = [
    "=cmd()",
    "+1",
    "@x",
    " =1",
    "a\nb",
    "a\r\nb",
    'say "hi"',
    "a,b;c\td",
    "🐱",
    "\x00",
    "",
    "e\u0301",
    "很" * 200,
    "\u2028",
]


async def produced(deployment: TestDeployment) -> Task:
    return await run_in_process(deployment, deployment.request(**RANGE))


def in_table(deployment: TestDeployment, task: Task, *results: str) -> Rows:
    """Return the rows of a task as MariaDB has them, sorted."""
    columns = ", ".join(f"CAST({name} AS CHAR CHARACTER SET utf8mb4)" for name in COLUMNS)
    return sorted(
        row
        for result in results or task.results
        for row in deployment.rows(
            f"SELECT {columns} FROM {{output}}.wh_panel_mapping_{result} WHERE task_id = %s", task.task_id
        )
    )


def read_csv(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == list(COLUMNS)
    return sorted(map(tuple, rows))


def read_jsonl(data: bytes) -> Rows:
    documents = [json.loads(line) for line in data.decode().split("\n")[:-1]]
    assert all(list(document) == list(COLUMNS) for document in documents)
    return sorted(tuple((row | {"create_time": row["create_time"].replace("T", " ")}).values()) for row in documents)


def safe(rows: Rows) -> Rows:
    return sorted(tuple(map(formula_safe, row)) for row in rows)


@pytest.fixture
async def odd_task(few_posts: TestDeployment) -> Task:
    """A finished task whose production has rows with every text that is hard to write."""
    task = await produced(few_posts)
    for number, text in enumerate(TEXTS):
        few_posts.write_anything(
            "INSERT INTO {output}.wh_panel_mapping_fbfans VALUES (%s, %s, %s, %s, %s, %s, %s)",
            *(str(number), task.task_id, text, "/female", "2020-06-01 00:00:00", text[:10], text),
        )
    return task


async def test_each_format_has_every_row_of_every_table_as_it_is(few_posts: TestDeployment, odd_task: Task) -> None:
    rows, folder = in_table(few_posts, odd_task), few_posts.folder
    assert len(rows) > len(TEXTS) + 20 and len(odd_task.results) == 4
    for name in ("a.csv", "a.jsonl", "a.parquet", "b.csv.gz", "b.jsonl.gz"):
        path = folder / name
        done = await services.export_task(few_posts, odd_task.task_id, path, services.format_of(path))
        assert (done.rows, done.produced) == (len(rows), len(rows) - len(TEXTS))
    assert read_csv(folder / "a.csv") == safe(rows) != rows
    assert read_jsonl((folder / "a.jsonl").read_bytes()) == rows
    assert gzip.decompress((folder / "b.csv.gz").read_bytes()) == (folder / "a.csv").read_bytes()
    assert gzip.decompress((folder / "b.jsonl.gz").read_bytes()) == (folder / "a.jsonl").read_bytes()
    table = parquet.read_table(folder / "a.parquet").to_pylist()
    assert all(isinstance(row["create_time"], datetime) for row in table)
    assert sorted(tuple(str(value) for value in row.values()) for row in table) == rows
    assert sorted(path.name for path in folder.iterdir() if ".part" in path.name) == []


async def test_an_export_during_which_its_task_is_purged_saves_no_file(few_posts: TestDeployment) -> None:
    task = await produced(few_posts)
    path = few_posts.folder / "purged.csv"

    def purge_after_the_first_table(rows: int, _: int) -> None:
        if rows and few_posts.count("prod_stat = 'finish'"):
            assert few_posts.command("purge", task.task_id, "--yes").returncode == 0

    with pytest.raises(Conflict, match="was purged while it was exported"):
        await services.export_task(
            few_posts, task.task_id, path, services.format_of(path), progress=purge_after_the_first_table
        )
    assert not [found for found in few_posts.folder.iterdir() if "purged.csv" in found.name]


async def test_a_table_may_be_chosen_and_an_unknown_one_is_named(few_posts: TestDeployment, odd_task: Task) -> None:
    path = few_posts.folder / "one.csv"
    table = f"wh_panel_mapping_{odd_task.results[0]}"
    await services.export_task(few_posts, odd_task.task_id, path, services.RowFormat.CSV, [table])
    assert read_csv(path) == safe(in_table(few_posts, odd_task, odd_task.results[0]))
    with pytest.raises(EmptyResult, match="has no table nothing; it has: wh_panel_mapping_"):
        await services.export_task(few_posts, odd_task.task_id, path, services.RowFormat.CSV, ["nothing"])


async def test_a_file_that_exists_is_replaced_only_if_that_is_asked_for(
    few_posts: TestDeployment, odd_task: Task
) -> None:
    path = few_posts.folder / "mine.csv"
    path.write_text("mine")
    with pytest.raises(CannotWrite, match=r"mine\.csv exists"):
        await services.export_task(few_posts, odd_task.task_id, path, services.RowFormat.CSV)
    assert path.read_text() == "mine"
    await services.export_task(few_posts, odd_task.task_id, path, services.RowFormat.CSV, overwrite=True)
    assert read_csv(path) == safe(in_table(few_posts, odd_task))


async def test_what_cannot_be_exported_leaves_no_file(one_post: TestDeployment) -> None:
    waiting = await services.create_task(one_post, one_post.request())
    task = await run_in_process(one_post, one_post.request())
    one_post.write_anything("DROP TABLE {output}.wh_panel_mapping_fbfans")
    before = sorted(one_post.folder.iterdir())

    async def export(task_id: str, name: str = "a.csv", row_format: str = "csv") -> None:
        await services.export_task(one_post, task_id, one_post.folder / name, services.RowFormat(row_format))

    for attempt, error in (
        (export(waiting), Conflict),
        (export("0" * 32), UnknownTask),
        (export(task.task_id), ResultUnreadable),
        (export(task.task_id, "a.parquet.gz", "parquet"), InvalidValue),
        (export(task.task_id, "nowhere/a.csv"), CannotWrite),
    ):
        with pytest.raises(error):
            await attempt
    assert sorted(one_post.folder.iterdir()) == before


async def test_a_task_that_labelled_nobody_gives_a_file_without_rows(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request(end_time="2020-01-02"))
    done = await services.export_task(one_post, task.task_id, one_post.folder / "a.csv", services.RowFormat.CSV)
    assert done.rows == 0 and read_csv(one_post.folder / "a.csv") == []


async def test_a_time_that_is_no_date_is_exact_in_text_and_refused_by_parquet(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request())
    with one_post.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute(one_post.named("UPDATE {output}.wh_panel_mapping_fbfans SET create_time = '2020-02-00'"))
    for row_format in (services.RowFormat.JSONL, services.RowFormat.PARQUET):
        path = one_post.folder / f"a.{row_format}"
        try:
            await services.export_task(one_post, task.task_id, path, row_format)
        except AudienceError as error:
            assert isinstance(error, InvalidValue) and "choose csv or jsonl" in str(error)
            assert not path.exists() and row_format is services.RowFormat.PARQUET
    assert json.loads((one_post.folder / "a.jsonl").read_text())["create_time"] == "2020-02-00T00:00:00"


@contextmanager
def started(
    deployment: TestDeployment, *arguments: str, by: Sequence[str] = (), **changes: str
) -> Iterator["subprocess.Popen[str]"]:
    """Run `audience export` in a process of its own for the length of the block, perhaps by another command."""
    process = subprocess.Popen(
        [*by, sys.executable, "-m", "console", "export", *arguments],
        env=deployment.environment() | changes,
        cwd=deployment.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def locked(deployment: TestDeployment, table: str) -> Iterator[None]:
    """Keep everybody from reading a table, so that whoever does stops there."""
    with deployment.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(deployment.named(f"LOCK TABLES {{output}}.{table} WRITE"))
        yield


def parts(folder: Path) -> list[Path]:
    return list(folder.glob(".*.part"))


async def test_an_export_that_is_stopped_between_two_tables_leaves_no_file(
    few_posts: TestDeployment, odd_task: Task
) -> None:
    for number, left in ((signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGKILL, 1)):
        with (
            locked(few_posts, "wh_panel_mapping_other"),  # the last one
            started(few_posts, odd_task.task_id, "-o", "a.csv") as process,
        ):
            await until(lambda: parts(few_posts.folder) and waiting_connections(few_posts))
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert "Traceback" not in errors
        assert process.returncode in (-number, 128 + number), errors
        assert not (few_posts.folder / "a.csv").exists() and len(parts(few_posts.folder)) == left


async def test_an_export_that_loses_its_server_leaves_no_file_and_says_so(
    few_posts: TestDeployment, odd_task: Task
) -> None:
    with (
        locked(few_posts, "wh_panel_mapping_other"),
        started(few_posts, odd_task.task_id, "-o", "a.csv") as process,
    ):
        (connection,) = await until(lambda: waiting_connections(few_posts))
        few_posts.write_anything(f"KILL {connection}")
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and errors.startswith("audience: 500 cannot read the result tables: output server")
    assert not (few_posts.folder / "a.csv").exists() and parts(few_posts.folder) == []


def waiting_connections(deployment: TestDeployment) -> list[int]:
    """Return the connections of this deployment that wait for a locked table."""
    sql = "SELECT id FROM information_schema.processlist WHERE user = %s AND state LIKE 'Waiting for table%%'"
    return [number for (number,) in deployment.rows(sql, deployment.settings.output_user)]


async def test_a_full_disk_leaves_no_file_and_is_one_line(few_posts: TestDeployment, odd_task: Task) -> None:
    limited = 'ulimit -f 8; exec "$@"'  # 8 blocks of 1,024 bytes
    few_posts.write_anything(
        "INSERT INTO {output}.wh_panel_mapping_fbfans"
        " SELECT seq, %s, 'a', '/b', '2020-06-01 00:00:00', 's', 'text' FROM mysql.seq_1_to_2000",
        odd_task.task_id,
    )
    with started(few_posts, odd_task.task_id, "-o", "a.csv", by=("bash", "-c", limited, "-")) as process:
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (1, "", "audience: 500 not saved: a.csv: File too large\n")
    assert parts(few_posts.folder) == [] and not (few_posts.folder / "a.csv").exists()


async def test_standard_output_gets_the_rows_and_nothing_else(few_posts: TestDeployment, odd_task: Task) -> None:
    rows = in_table(few_posts, odd_task)
    done = few_posts.command("export", odd_task.task_id, "--format", "jsonl", "-o", "-")
    assert done.returncode == 0 and read_jsonl(done.stdout.encode()) == rows
    assert done.stderr == (
        f"audience: exported {len(rows)} rows, but production wrote {len(rows) - len(TEXTS)} rows:"
        " the tables have changed since\n"
    )
    saved = few_posts.command("export", odd_task.task_id, "-o", "a.jsonl", "--json")
    assert json.loads(saved.stdout)["rows"] == len(rows)
    assert read_jsonl((few_posts.folder / "a.jsonl").read_bytes()) == rows
    assert few_posts.command("export", odd_task.task_id, "--json").returncode == 2


async def test_parquet_without_its_package_says_what_to_install(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request())
    (one_post.folder / "pyarrow.py").write_text("raise ImportError('not here')\n")
    with started(one_post, task.task_id, "-o", "a.parquet", PYTHONPATH=str(one_post.folder)) as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and "422 parquet needs the package pyarrow: pip install" in errors
    assert not (one_post.folder / "a.parquet").exists()


async def test_a_task_of_v21_is_exported_whatever_its_columns_are(deployment: TestDeployment) -> None:
    leave_behind(deployment, (OLD_TASK, "2021-11-09 00:00:00"))
    deployment.write_anything(
        "CREATE TABLE {output}.wh_panel_mapping_fbfans (id INT, task_id VARCHAR(32), source_author VARCHAR(255),"
        " panel VARCHAR(20), create_time DATETIME, field_content VARCHAR(20), match_content VARCHAR(255))"
    )
    row = "INSERT INTO {output}.wh_panel_mapping_fbfans VALUES (%s, %s, %s, '/female', %s, 'WH_F0045', %s)"
    deployment.write_anything(row, -7, OLD_TASK, "WH_F0045_Ann", "2020-06-01 00:00:00", "Ann")
    deployment.write_anything(row, 8, OLD_TASK, None, None, None)
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        path = deployment.folder / name
        done = await services.export_task(deployment, OLD_TASK, path, services.format_of(path))
        assert (done.rows, done.remark) == (2, None)
    assert [row[0] for row in read_csv(deployment.folder / "a.csv")] == ["'-7", "8"]
    first, second = map(json.loads, (deployment.folder / "a.jsonl").read_text().splitlines())
    assert first["id"] == "-7" and (second["source_author"], second["create_time"]) == (None, None)
    assert parquet.read_table(deployment.folder / "a.parquet").to_pylist()[1]["match_content"] is None
