"""What several tests need: a site with posts and patterns of its own, workers, an oracle's view of the tables."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from console.demo.servers import PrivateServers
from jobs.deployment import Site
from jobs.errors import DatabaseError
from jobs.model.task import Task, TaskRequest
from jobs.services import tasks as services
from jobs.settings import Settings
from jobs.storage.connection import quote
from jobs.worker.context import Workplace, describe
from jobs.worker.label import Lane
from jobs.worker.production import produce
from tests.helpers.oracle import Patterns, Post

Value = TypeVar("Value")

PASSWORD = "p@:/w?#\"'\\ %s密碼é"
# A table that takes no row, for a reason of its own.
REFUSE = (
    "CREATE TRIGGER {output}.refuse BEFORE INSERT ON {output}.TABLE FOR EACH ROW"
    " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more rows'"
)
START, END = "2020-01-01 00:00:00", "2020-12-31 23:59:59"


class TestSite(Site):
    """A site on the private servers. Input is read by an account that may only SELECT."""

    __test__ = False  # not a test, whatever its name begins with

    def __init__(self, servers: PrivateServers, folder: Path, number: int, **changes: Any) -> None:
        self.servers = servers
        self.folder = folder
        self.input_schema = f"posts of-{number} `%s"
        self.output_schema = f"result-{number} 輸出"
        self.table = "ts page-content"
        reader, writer = f"reader{number}", f"writer{number}"
        with servers.connect() as connection, connection.cursor() as cursor:
            for schema in (self.input_schema, self.output_schema):
                cursor.execute(f"DROP DATABASE IF EXISTS {plain(schema)}")
            cursor.execute(f"CREATE DATABASE {plain(self.input_schema)} CHARACTER SET utf8mb4")
            for user in (reader, writer):
                cursor.execute(f"CREATE OR REPLACE USER {user}@'127.0.0.1' IDENTIFIED BY %s", (PASSWORD,))
            cursor.execute(f"GRANT SELECT ON {plain(self.input_schema, grant=True)}.* TO {reader}@'127.0.0.1'")
            cursor.execute(
                "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER"
                f" ON {plain(self.output_schema, grant=True)}.* TO {writer}@'127.0.0.1'"
            )
        values: dict[str, Any] = {
            "input_host": "127.0.0.1",
            "input_port": servers.mariadb_port,
            "input_user": reader,
            "input_password": SecretStr(PASSWORD),
            "input_schema": self.input_schema,
            "input_table": self.table,
            "output_host": "127.0.0.1",
            "output_port": servers.mariadb_port,
            "output_user": writer,
            "output_password": SecretStr(PASSWORD),
            "output_schema": self.output_schema,
            "redis_url": SecretStr(servers.redis_url),
            "patterns_dir": folder / "patterns",
            "sources_file": folder / "sources.toml",
            "queue": f"queue{number}",
            "countdown": 0,
        }
        super().__init__(Settings(**values | changes))
        self.write_sources('[results]\nfbfans = ["WH_F0045"]\nDcard = ["WH_F0116"]\nPtt = ["WH_F0001"]\n')

    def write_sources(self, text: str) -> None:
        self.settings.sources_file.write_text(text, encoding="utf-8")

    def write_patterns(self, patterns: Patterns, predict_type: str = "author_name") -> None:
        """Writes pattern files: keyword_model where the lines are pairs, rule_model where they are strings."""
        for label, lines in patterns.items():
            model = "rule_model" if lines and isinstance(lines[0], str) else "keyword_model"
            path = self.settings.patterns_dir / model / label / f"{predict_type}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join((line if isinstance(line, str) else "\t".join(line)) + "\n" for line in lines)
            path.write_text(text, encoding="utf-8")

    def write_posts(
        self, posts: Iterable[Post], *, id_type: str = "VARCHAR(64)", index: str = ", INDEX (post_time)"
    ) -> None:
        """Makes the input table anew with these posts."""
        name = plain(self.input_schema, self.table)
        rows = [(p.id, p.s_id, p.s_area_id, p.author, p.title, p.content, p.post_time) for p in posts]
        with self.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(
                f"CREATE TABLE {name} (id {id_type}, s_id VARCHAR(32), s_area_id VARCHAR(64), author VARCHAR(255),"
                f" title VARCHAR(500), content TEXT, post_time DATETIME{index})"
                " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
            )
            insert = f"INSERT INTO {name.replace('%', '%%')} VALUES (%s, %s, %s, %s, %s, %s, %s)"
            cursor.execute("START TRANSACTION")
            cursor.executemany(insert, rows)
            cursor.execute("COMMIT")
            cursor.execute(f"ANALYZE TABLE {name}")

    def write_anything(self, sql: str, *arguments: object) -> None:
        """Runs SQL as the servers' owner; `{input}` and `{output}` are the schemas, quoted."""
        with self.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(self._named(sql), arguments)

    def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of a query of the servers' owner; `{input}` and `{output}` as above."""
        with self.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(self._named(sql), arguments)
            return [tuple(row) for row in cursor.fetchall()]

    def _named(self, sql: str) -> str:
        return sql.format(input=quote(self.input_schema), output=quote(self.output_schema), table=quote(self.table))

    def request(self, **values: object) -> TaskRequest:
        return TaskRequest.of(self.settings, {"start_time": START, "end_time": END} | values)

    def with_settings(self, **changes: object) -> Site:
        return Site(self.settings.model_copy(update=changes))

    def environment(self) -> dict[str, str]:
        """The settings as a command of its own is given them."""
        values = {name.upper(): getattr(self.settings, name) for name in Settings.model_fields}
        return os.environ | {
            name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
            if value is not None
        }

    def command(self, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """Runs the `audience` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "console", *arguments],
            env=self.environment() | changes,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @contextmanager
    def workers(self, count: int = 1, *options: str, **changes: str) -> Iterator[list["subprocess.Popen[bytes]"]]:
        """Worker processes, ended at the end; their log is in `worker.log`."""
        with (self.folder / "worker.log").open("ab") as log:
            processes = [
                subprocess.Popen(
                    [sys.executable, "-m", "console", "worker", *options],
                    env=self.environment() | changes,
                    stdout=log,
                    stderr=log,
                )
                for _ in range(count)
            ]
        try:
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(10)

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()

    def production(self) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of each production table, without their task ids, sorted."""
        tables = self.rows(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = %s AND table_name LIKE 'wh\\_panel\\_mapping\\_%%' ORDER BY 1",
            self.output_schema,
        )
        columns = "id, source_author, panel, create_time, field_content, match_content"
        return {table: sorted(self.rows(f"SELECT {columns} FROM {{output}}.`{table}`")) for (table,) in tables}


async def run_in_process(site: Site, request: TaskRequest) -> Task:
    """Creates a task and does the work of its jobs here and now, without workers."""
    task_id = await services.create_task(site, request)
    await work_in_process(site, request.output_schema, task_id)
    return await services.check_status(site, task_id)


async def work_in_process(site: Site, schema: str, task_id: str) -> None:
    workplace = Workplace(site)
    try:
        if await Lane(workplace, schema, task_id).run():
            assert await produce(workplace, schema, task_id)
    except DatabaseError as error:
        await workplace.fail(schema, task_id, describe(error))


async def finished(site: Site, task_id: str, seconds: float = 60) -> Task:
    """The task, once nothing more will happen to it."""
    async with asyncio.timeout(seconds):
        while not (task := await services.check_status(site, task_id)).finished:
            await asyncio.sleep(0.05)
    return task


async def until(read: Callable[[], Value], seconds: float = 20) -> Value:
    """The first true value that `read` gives."""
    deadline = time.monotonic() + seconds
    while not (value := read()):
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)
    return value


def plain(*names: str, grant: bool = False) -> str:
    """Identifiers quoted for a statement that goes to the server as it is."""
    quoted = ".".join("`" + name.replace("`", "``") + "`" for name in names)
    return quoted.replace("_", "\\_").replace("%", "\\%") if grant else quoted


def post(number: int, author: str | None, time: str, s_id: str | None = "WH_F0045", **more: Any) -> Post:
    """A post with defaults where a test does not care."""
    values: Mapping[str, Any] = {"s_area_id": "area", "title": "title", "content": "content"} | more
    return Post(id=str(number), s_id=s_id, author=author, post_time=datetime.fromisoformat(time), **values)
