"""A deployment on private servers, with schemas, accounts, posts and pattern files of its own."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from console.demo.servers import PrivateServers
from jobs.deployment import Deployment
from jobs.model.task import TaskRef
from jobs.model.task_request import TaskRequest
from jobs.settings import Settings
from jobs.storage.connection import quote
from tests.helpers.commands import Process, run_command, start_fork
from tests.helpers.oracle import Patterns, Post

PASSWORD = "p@:/w?#\"'\\ %s密碼é"
YEAR_START, YEAR_END = "2020-01-01 00:00:00", "2020-12-31 23:59:59"
"""The range of a request that names none."""


class TestDeployment(Deployment):
    """A deployment on private servers. Input is read by an account that may only SELECT."""

    __test__ = False  # the name makes pytest take it for a test class

    def __init__(
        self, servers: PrivateServers, folder: Path, number: int, *, clients: str = "127.0.0.1", **changes: Any
    ) -> None:
        """`clients` is the host that its accounts may connect from; the changes are of its settings."""
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
                cursor.execute(f"CREATE OR REPLACE USER {user}@'{clients}' IDENTIFIED BY %s", (PASSWORD,))
            cursor.execute(f"GRANT SELECT ON {plain(self.input_schema, grant=True)}.* TO {reader}@'{clients}'")
            cursor.execute(
                "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER"
                f" ON {plain(self.output_schema, grant=True)}.* TO {writer}@'{clients}'"
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
        self.output_schema = self.settings.output_schema
        self.write_sources('[results]\nfbfans = ["WH_F0045"]\nDcard = ["WH_F0116"]\nPtt = ["WH_F0001"]\n')

    def write_sources(self, text: str) -> None:
        self.settings.sources_file.write_text(text, encoding="utf-8")

    def write_patterns(self, patterns: Patterns, predict_type: str = "author_name") -> None:
        """Write pattern files: for keyword_model if the lines are pairs, for rule_model if they are strings."""
        for label, lines in patterns.items():
            model = "rule_model" if lines and isinstance(lines[0], str) else "keyword_model"
            path = self.settings.patterns_dir / model / label / f"{predict_type}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join((line if isinstance(line, str) else "\t".join(line)) + "\n" for line in lines)
            path.write_text(text, encoding="utf-8")

    def write_posts(
        self, posts: Iterable[Post], *, id_type: str = "VARCHAR(64)", index: str = ", INDEX (post_time)"
    ) -> None:
        """Replace the input table by one with these posts."""
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
        """Run SQL as the owner of the servers; `{input}`, `{output}` and `{table}` are replaced by quoted names."""
        with self.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(self.named(sql), arguments)

    def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, run as `write_anything` does."""
        with self.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(self.named(sql), arguments)
            return [tuple(row) for row in cursor.fetchall()]

    def count(self, condition: str, table: str = "state") -> int:
        """Return the number of rows of a table in the output schema that meet a condition."""
        return int(self.rows(f"SELECT COUNT(*) FROM {{output}}.{table} WHERE {condition}")[0][0])

    def windows_done(self) -> int:
        """Return the number of windows that are done, over all tasks."""
        return self.count("done", "task_window")

    def age_heartbeats(self) -> None:
        """Make every task look as if no worker had worked on it for a day: stalled, without the wait."""
        self.write_anything(
            "UPDATE {output}.state SET heartbeat = heartbeat - INTERVAL 1 DAY,"
            " production_due = production_due - INTERVAL 1 DAY"
        )

    def output_exists(self) -> bool:
        """Return whether the output schema has been created."""
        sql = "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s"
        return bool(self.rows(sql, self.output_schema))

    def named(self, sql: str) -> str:
        """Return SQL with the placeholders of `write_anything` replaced."""
        return sql.format(input=quote(self.input_schema), output=quote(self.output_schema), table=quote(self.table))

    def request(self, **values: object) -> TaskRequest:
        return TaskRequest.from_values(self.settings, {"start_time": YEAR_START, "end_time": YEAR_END} | values)

    def ref(self, task_id: str) -> TaskRef:
        """Return the address of a task in the output schema."""
        return TaskRef(self.output_schema, task_id)

    def with_settings(self, **changes: object) -> Deployment:
        return Deployment(self.settings.model_copy(update=changes))

    def environment(self) -> dict[str, str]:
        """Return the environment of a separate process, with the settings."""
        return os.environ | self._variables()

    def write_env_file(self) -> Path:
        """Write the settings to .env in the folder, for a process that does not have them in its environment."""
        path = self.folder / ".env"
        quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in self._variables().items()}
        path.write_text("".join(f"{name}='{value}'\n" for name, value in quoted.items()), encoding="utf-8")
        return path

    def _variables(self) -> dict[str, str]:
        values = {name.upper(): getattr(self.settings, name) for name in Settings.model_fields}
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
            if value is not None
        }

    def command(self, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """Run an `audience` command to its end."""
        return run_command(arguments, self.environment() | changes, self.folder)

    @contextmanager
    def workers(self, count: int = 1, *options: str, **changes: str) -> Iterator[list[Process]]:
        """Run worker processes for the length of the block. They log to `worker.log`."""
        with self.processes(count, "console", "worker", *options, **changes) as processes:
            yield processes

    @contextmanager
    def processes(self, count: int, module: str, *arguments: str, **changes: str) -> Iterator[list[Process]]:
        """Run processes of a module for the length of the block, as `start` does."""
        processes = [self.start(module, *arguments, **changes) for _ in range(count)]
        try:
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(10)

    def start(self, module: str, *arguments: str, **changes: str) -> Process:
        """Start a module in a changed environment. It logs to `worker.log`."""
        log = self.folder / "worker.log"
        log.touch()  # a test may read it before the fork opens it
        return start_fork(module, arguments, self.environment() | changes, Path.cwd(), log, log)

    def log(self) -> str:
        """Return what the workers have logged."""
        return (self.folder / "worker.log").read_text()

    def production(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of each production table that has any, sorted, without their task ids."""
        tables = self.rows(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = %s AND table_name LIKE 'wh\\_panel\\_mapping\\_%%' ORDER BY 1",
            self.output_schema,
        )
        columns = "id, source_author, panel, create_time, field_content, match_content"
        rows = {table: sorted(self.rows(f"SELECT {columns} FROM {{output}}.`{table}`")) for (table,) in tables}
        return {table: found for table, found in rows.items() if found}


def plain(*names: str, grant: bool = False) -> str:
    """Quote identifiers for a statement that is sent as it is; with `grant`, escape the wildcards of GRANT."""
    quoted = ".".join("`" + name.replace("`", "``") + "`" for name in names)
    return quoted.replace("_", "\\_").replace("%", "\\%") if grant else quoted
