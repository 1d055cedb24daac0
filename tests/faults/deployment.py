"""A deployment on its own servers that faults may disturb, and what an undisturbed run of its task leaves behind."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from console.demo.servers import PrivateServers, private_servers
from jobs import services
from jobs.errors import StateUnreadable
from jobs.model.task import Task
from jobs.storage.task_tables import ensure_task_tables
from tests.helpers.commands import Process
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import Post
from tests.helpers.posts import PATTERNS, RANGE, odd_posts
from tests.helpers.running import run_in_process, until

POSTS = 20_000
WINDOW_ROWS = 200
FINAL_SECONDS = 120.0
_KEY = "VARCHAR(64) PRIMARY KEY"
_PLANNED = "tests.faults.planned_worker"

# What differs between any two runs: ids, times, memory, and the number of restarts.
_VOLATILE = {
    *("task_id", "create_time", "started_at", "heartbeat", "production_due", "run_time", "peak_memory", "generation"),
    "countdown",
}


@dataclass(frozen=True)
class Trial:
    """The outcome of one try."""

    exact: bool
    seconds: float
    """From the end of the fault to the end of the task."""
    note: str = ""


class NotTried(Exception):
    """The fault cannot be tried on this machine, for the reason that the message gives."""


@dataclass(frozen=True)
class Fault:
    """Something that is done to a running task."""

    name: str
    disturb: Callable[["FaultDeployment", random.Random, int], Coroutine[Any, Any, Trial]]
    """Takes the deployment, a source of chance, and the number of the trial."""
    trials: int
    """How often `make faults` tries it."""
    short: int
    """How often `make test` tries it; 0 if it takes too long."""


class FaultDeployment(TestDeployment):
    """A deployment on servers that may be stopped, killed and frozen."""

    def __init__(self, servers: PrivateServers, folder: Path, number: int = 1, **changes: Any) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(servers, folder, number, **changes)
        self.write_patterns(PATTERNS)
        self.cut = self.with_settings(window_rows=WINDOW_ROWS)
        self.undisturbed: dict[str, Any] = {}
        self.undisturbed_few: dict[str, Any] = {}
        """The same for a task of few rows."""
        self.hurried = False
        """Whether workers run with shortened limits, so that they take over within seconds."""

    def beside(self, number: int, **changes: Any) -> "FaultDeployment":
        """Return another deployment on the same servers, new and without posts; the changes are of its settings."""
        other = FaultDeployment(self.servers, self.folder / f"beside-{number}", number, **changes)
        other.hurried = self.hurried
        return other

    async def prepare(self) -> None:
        """Write the posts, and run the task undisturbed, to know its exact outcome."""
        self.write_posts(posts_of_the_task(), id_type=_KEY)
        async with self.output_session() as session:
            await ensure_task_tables(session, self.output_schema)
        task = await run_in_process(self.cut, self.request(**RANGE))
        self.undisturbed = self.left_by(task)
        assert task.prod_stat == "finish" and (task.windows or 0) > 30

    def restart_servers(self) -> None:
        """Start the servers that a failed trial left stopped."""
        for process, start in (
            (self.servers._mariadb, self.servers.start_mariadb),
            (self.servers._redis, self.servers.start_redis),
        ):
            if process is None or process.poll() is not None:
                start()

    def left_by(self, task: Task) -> dict[str, Any]:
        """Return all that a task left in the label, production and state tables."""
        state = {f"state.{name}": value for name, value in task.to_json().items() if name not in _VOLATILE}
        tables = {
            table: sorted(self.rows(f"SELECT {columns} FROM {{output}}.`{table}` WHERE task_id = %s", task.task_id))
            for result in task.results
            for table, columns in (
                (result, f"{_COLUMNS}, votes, rule"),
                (f"wh_panel_mapping_{result}", _COLUMNS),
            )
        }
        return state | tables

    async def create(self, **values: object) -> str:
        """Create the task."""
        return await services.create_task(self.cut, self.request(**RANGE, **values))

    async def finished(self, task_id: str, since: float, seconds: float = FINAL_SECONDS) -> Trial:
        """Wait until the task is in a final state, and return the trial. Raises TimeoutError."""
        task = await self.ended(task_id, seconds)
        return self.compared(task, time.monotonic() - since)

    async def ended(self, task_id: str, seconds: float = FINAL_SECONDS) -> Task:
        """Wait until a task is in a final state, and return it. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not (task := await self.look(task_id)).finished:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still {task.stat} after {seconds:.0f} s: {task.error}")
            await asyncio.sleep(0.05)
        return task

    def compared(self, task: Task, seconds: float) -> Trial:
        """Compare a task in a final state with the undisturbed run."""
        found = self.left_by(task)
        differing = [
            f"{name} {found.get(name)!r}" if name.startswith("state.") else name
            for name in self.undisturbed.keys() | found
            if self.undisturbed.get(name) != found.get(name)
        ]
        note = f"{task.stat}, {task.prod_stat}, {task.error}; differ: {', '.join(differing)}" if differing else ""
        return Trial(not differing, seconds, note)

    async def look(self, task_id: str) -> Task:
        """Return the task, as soon as the server answers."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return await services.check_status(self, task_id)
            except StateUnreadable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def progress(self, task_id: str, windows: int) -> None:
        """Wait until this many windows are done."""
        await until(lambda: self.done(task_id) >= windows, 60)

    def done(self, task_id: str) -> int:
        """Return the number of windows that are done."""
        return int(self.rows("SELECT COUNT(*) FROM {output}.task_window WHERE task_id = %s AND done", task_id)[0][0])

    def failed_attempts(self, task_id: str) -> int:
        """Return the number of failed attempts at windows that the task has counted."""
        sql = "SELECT SUM(attempts) FROM {output}.task_window WHERE task_id = %s"
        return int(self.rows(sql, task_id)[0][0])

    def connections(self, user: str, info: str = "%") -> list[int]:
        """Return the ids of an account's connections that run a statement like this."""
        sql = "SELECT id FROM information_schema.processlist WHERE user = %s AND COALESCE(info, '') LIKE %s"
        return [row[0] for row in self.rows(sql, user, info)]

    @contextmanager
    def workers(self, count: int = 1, *options: str, **changes: str) -> Iterator[list[Process]]:
        """See TestDeployment."""
        with ExitStack() as stack:
            if self.hurried:
                yield [stack.enter_context(self.worker_with("limits", **changes)) for _ in range(count)]
            else:
                yield stack.enter_context(super().workers(count, *options, **changes))

    @contextmanager
    def worker_with(self, *plan: str, wrapper: Sequence[str] = (), **changes: str) -> Iterator[Process]:
        """Run a worker with a plan (see planned_worker.py), in a changed environment, through a wrapping command."""
        if wrapper or "LD_PRELOAD" in changes:  # which have no effect on a fork
            process = self._start_real(wrapper, plan, changes)
        else:
            process = self.start(_PLANNED, *plan, **changes)
        try:
            yield process
        finally:
            end(process)

    def _start_real(self, wrapper: Sequence[str], plan: Sequence[str], changes: dict[str, str]) -> Process:
        """Start a worker in an interpreter of its own."""
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [*wrapper, sys.executable, "-m", _PLANNED, *plan],
                env=self.environment() | {"PYTHONPATH": os.getcwd()} | changes,
                stdout=log,
                stderr=log,
            )


def posts_of_the_task() -> list[Post]:
    """Return the posts that the task labels."""
    return odd_posts(POSTS, seed=11)


_COLUMNS = "id, source_author, panel, create_time, field_content, match_content"


def other_time(offset: str) -> dict[str, str]:
    """Return the environment in which a program's clock is off."""
    # A killed program leaves its shared memory, and a later faketime with the same process id fails.
    for left in Path("/dev/shm").glob("*faketime_*"):
        if not psutil.pid_exists(int(left.name.rpartition("_")[2])):
            left.unlink(missing_ok=True)
    # Used as a wrapper, the faketime program would receive the signals that are meant for the worker.
    command = ["faketime", "-f", offset, "printenv", "LD_PRELOAD"]
    library = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return {"LD_PRELOAD": library, "FAKETIME": offset}


def end(process: Process) -> None:
    """End a worker, even if it is frozen or hangs."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(6)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


@contextmanager
def fault_deployment(
    folder: Path,
    *mariadb_options: str,
    redis_options: Sequence[str] = (),
    host: str = "127.0.0.1",
    clients: str = "127.0.0.1",
) -> Iterator[FaultDeployment]:
    """Run the servers and prepare the deployment, for the length of the block.

    `host` is the servers' address, and `clients` those of the workers, as in the name of an account.
    """
    options = ("--innodb-buffer-pool-size=256M", *mariadb_options)
    with private_servers(folder / "servers", *options, redis_options=redis_options) as servers:
        hosts: dict[str, Any] = {
            "input_host": host,
            "output_host": host,
            "redis_url": SecretStr(servers.redis_url.replace("127.0.0.1", host)),
            "clients": clients,
        }
        deployment = FaultDeployment(servers, folder / "deployment", **hosts)
        asyncio.run(deployment.prepare())
        yield deployment
