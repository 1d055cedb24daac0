"""The deployment that is measured: private servers, generated posts, workers, and what they cost."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

import jobs
from console.demo import posts
from console.demo.servers import PrivateServers
from jobs import services
from jobs.deployment import Deployment
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest
from jobs.settings import Settings
from tests.benchmarks.tables import copies_of

OUTPUT_SCHEMA = "bench_result"
QUEUE = "bench"
_POLL_SECONDS = 0.01
_WORKERS_START_SECONDS = 60.0


@dataclass(frozen=True)
class Run:
    """What one task took."""

    task: Task
    label_s: float
    """From create_task to SUCCESS."""
    production_s: float
    """From SUCCESS to finish."""
    workers_cpu_s: float
    server_cpu_s: float

    @property
    def rows(self) -> int:
        return self.task.length_receive_table or 0

    @property
    def total_s(self) -> float:
        return self.label_s + self.production_s

    @property
    def worker_peak_mb(self) -> float:
        return self.task.peak_memory or 0.0


class BenchDeployment(Deployment):
    """A deployment on the private servers."""

    def __init__(self, servers: PrivateServers, folder: Path, patterns: Path) -> None:
        self.servers = servers
        self.folder = folder
        self._environment = {
            "INPUT_PORT": str(servers.mariadb_port),
            "INPUT_USER": "owner",
            "INPUT_PASSWORD": servers.passwords["owner"],
            "INPUT_SCHEMA": posts.SCHEMA,
            "INPUT_TABLE": posts.TABLE,
            "OUTPUT_PORT": str(servers.mariadb_port),
            "OUTPUT_USER": "owner",
            "OUTPUT_PASSWORD": servers.passwords["owner"],
            "OUTPUT_SCHEMA": OUTPUT_SCHEMA,
            "REDIS_URL": servers.redis_url,
            "PATTERNS_DIR": str(patterns),
            "SOURCES_FILE": str(_write_sources(folder / "sources.toml")),
            "QUEUE": QUEUE,
            "COUNTDOWN": "0",
        }
        super().__init__(Settings(**{name.lower(): value for name, value in self._environment.items()}))  # type: ignore[arg-type]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command. As in an installation, no command compiles what an earlier one has."""
        own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return own | self._environment

    @contextmanager
    def workers(self, processes: int) -> Iterator[psutil.Process]:
        """Run this many worker processes; yield their parent once they are ready."""
        with (self.folder / "worker.log").open("ab") as log:
            start = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "console", "worker", "--processes", str(processes)],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
            try:
                self._wait_until_ready(start, processes)
                yield psutil.Process(process.pid)
            finally:
                process.terminate()
                process.wait()

    def _wait_until_ready(self, start: int, processes: int) -> None:
        deadline = time.monotonic() + _WORKERS_START_SECONDS
        while (self.folder / "worker.log").read_bytes()[start:].count(b": ready") < processes:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the workers did not start; see {self.folder / 'worker.log'}")
            time.sleep(0.1)
        time.sleep(1.0)  # leaves their first run of the reconciler out of the measurement

    async def run(self, workers: psutil.Process, **values: object) -> Run:
        """Run one task to its end."""
        cpu = _cpu_seconds(workers), self.server_cpu_seconds()
        started = time.monotonic()
        task_id = await self.create(**values)
        labelled, finished = await self.times_of(task_id)
        return Run(
            await services.check_status(self, task_id),
            labelled - started,
            finished - labelled,
            _cpu_seconds(workers) - cpu[0],
            self.server_cpu_seconds() - cpu[1],
        )

    async def create(self, **values: object) -> str:
        """Create a task over all posts; `values` override its parameters."""
        request = TaskRequest.from_values(self.settings, {"start_time": posts.START, "end_time": posts.END} | values)
        return await services.create_task(self, request)

    async def small_behind_large(self, rows: int) -> float:
        """Return the seconds from the creation of a task of about 1,000 rows to its end, while a large one runs."""
        large = await self.create()
        while (await services.check_status(self, large)).stat == "PENDING":
            await asyncio.sleep(_POLL_SECONDS)
        started = time.monotonic()
        small = await self.create(**part_of_range(1_000, rows))
        _, finished = await self.times_of(small)
        await self.times_of(large)
        return finished - started

    def create_and_wait(self, **values: object) -> float:
        """Return the seconds that `audience create --wait` takes for a task."""
        options = [text for name, value in values.items() for text in (f"--{name.replace('_', '-')}", str(value))]
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "console", "create", "--wait", *options],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.monotonic() - started

    async def times_of(self, task_id: str) -> tuple[float, float]:
        """Wait for a task, and return when it was labelled and when it was finished."""
        sql = f"SELECT stat, prod_stat, error FROM {OUTPUT_SCHEMA}.state WHERE task_id = %s"
        labelled = None
        with self.servers.connect() as connection, connection.cursor() as cursor:
            while True:
                cursor.execute(sql, (task_id,))
                row = cursor.fetchone()
                if row is None or row[0] in ("FAILURE", "ABORTED"):
                    raise RuntimeError(f"the task ended: {row}")
                if row[0] == "SUCCESS":
                    labelled = labelled or time.monotonic()
                    if row[1] == "finish":
                        return labelled, time.monotonic()
                await asyncio.sleep(_POLL_SECONDS)

    def floor(self) -> float:
        """Return the seconds that `mariadb --quick` takes to read the range, through post_time in 24 windows."""
        step = (posts.END - posts.START) / 24
        queries = "".join(
            f"SELECT id, s_id, author, post_time FROM {posts.SCHEMA}.{posts.TABLE} FORCE INDEX (post_time)"
            f" WHERE post_time >= '{start}' AND post_time < '{start + step}';\n"
            for start in (posts.START + step * number for number in range(24))
        )
        options = self.folder / "client.cnf"
        options.touch(mode=0o600)
        options.write_text(f"[client]\nuser=owner\npassword={self.servers.passwords['owner']}\n")
        command = ["mariadb", f"--defaults-file={options}", "--host=127.0.0.1", f"--port={self.servers.mariadb_port}"]
        started = time.monotonic()
        subprocess.run([*command, "--quick"], input=queries.encode(), stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - started

    def server_cpu_seconds(self) -> float:
        """Return the CPU seconds of MariaDB since it started."""
        for process in psutil.Process().children():
            if process.name() == "mariadbd":
                return _cpu_seconds(process)
        raise RuntimeError("no mariadbd")


def _cpu_seconds(process: psutil.Process) -> float:
    each = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in each)


def part_of_range(rows: int, of: int) -> dict[str, datetime]:
    """Return a range in the middle of the posts, as values of a request, that has about `rows` of `of` rows."""
    middle = posts.START + (posts.END - posts.START) / 2
    half = (posts.END - posts.START) / 2 * min(rows / of, 1.0)
    return {"start_time": (middle - half).replace(microsecond=0), "end_time": (middle + half).replace(microsecond=0)}


def _write_sources(file: Path) -> Path:
    """Write the project's own sources file, which also names the sources of the copies of posts."""
    own = (Path(jobs.__file__).parent / "sources.toml").read_text(encoding="utf-8")
    file.write_text(re.sub(r'"(WH_F\d{4})"', lambda source: json.dumps(copies_of(source[1]))[1:-1], own))
    return file
