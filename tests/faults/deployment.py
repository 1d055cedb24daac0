"""Where plugs are pulled: servers of its own, a site, and what an undisturbed run of its task leaves behind."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.demo.servers import PrivateServers, private_servers
from jobs.errors import StateUnreadable
from jobs.model.task import Task
from jobs.services import tasks as services
from jobs.storage.task_tables import ensure_own_tables
from tests.helpers.deployment import TestSite, run_in_process, until
from tests.helpers.posts import END, PATTERNS, START, odd_posts

POSTS = 20_000
WINDOW_ROWS = 200
FINAL_SECONDS = 120.0
_KEY = "VARCHAR(64) PRIMARY KEY"

# What differs from run to run: names, times, memory, and how often somebody had to start again.
_PASSING = {
    *("task_id", "create_time", "started_at", "heartbeat", "production_due", "run_time", "peak_memory", "generation"),
    "countdown",
}


@dataclass(frozen=True)
class Trial:
    """How one try went."""

    exact: bool
    seconds: float
    """From the end of the fault to the end of the task."""
    note: str = ""


@dataclass(frozen=True)
class Fault:
    """Something that is done to a running task, so many times."""

    name: str
    disturb: Callable[["World", random.Random, int], Coroutine[Any, Any, Trial]]
    """World, a source of chance, and the number of the trial."""
    trials: int
    """In `make faults`."""
    short: int
    """In `make test`; 0 where it takes too long for it."""


class World(TestSite):
    """A site on servers of its own, whose plugs may be pulled."""

    def __init__(self, servers: PrivateServers, folder: Path) -> None:
        super().__init__(servers, folder, number=1)
        self.write_patterns(PATTERNS)
        self.write_posts(odd_posts(POSTS, seed=11), id_type=_KEY)
        self.cut = self.with_settings(window_rows=WINDOW_ROWS)
        self.range = {"start_time": str(START), "end_time": str(END)}
        self.undisturbed: dict[str, Any] = {}
        self.undisturbed_few: dict[str, Any] = {}
        """The same of a task of few rows."""
        self.hurried = False
        """Whether workers take up what is neglected, and give up who is silent, within seconds."""

    async def prepare(self) -> None:
        """Runs the task undisturbed, to know what is exact."""
        async with self.output_session() as session:
            await ensure_own_tables(session, self.output_schema)
        task = await run_in_process(self.cut, self.request(**self.range))
        self.undisturbed = self.left_by(task)
        assert task.prod_stat == "finish" and (task.windows or 0) > 30

    def mend(self) -> None:
        """Brings servers back that a failed trial has left behind."""
        for process, start in (
            (self.servers._mariadb, self.servers.start_mariadb),
            (self.servers._redis, self.servers.start_redis),
        ):
            if process is None or process.poll() is not None:
                start()

    def left_by(self, task: Task) -> dict[str, Any]:
        """All that a task left in the label, production and state tables."""
        state = {name: value for name, value in task.to_json().items() if name not in _PASSING}
        tables = {
            table: sorted(self.rows(f"SELECT {columns} FROM {{output}}.`{table}` WHERE task_id = %s", task.task_id))
            for result in task.results
            for table, columns in (
                (result, f"{_COLUMNS}, votes, rule"),
                (f"wh_panel_mapping_{result}", _COLUMNS),
            )
        }
        return {"state": state, **tables}

    async def create(self, **values: object) -> str:
        """Creates the task."""
        return await services.create_task(self.cut, self.request(**self.range, **values))

    async def finished(self, task_id: str, since: float, seconds: float = FINAL_SECONDS) -> Trial:
        """The trial, once the task is in a final state and nobody is at it any more."""
        deadline = time.monotonic() + seconds
        while not (task := await self.look(task_id)).finished:
            if time.monotonic() > deadline:
                return Trial(False, time.monotonic() - since, f"still {task.stat} after {seconds:.0f} s: {task.error}")
            await asyncio.sleep(0.05)
        took = time.monotonic() - since
        return self.compared(task, took)

    def compared(self, task: Task, took: float) -> Trial:
        """The trial of a task that is in a final state."""
        found = self.left_by(task)
        differing = [name for name in self.undisturbed.keys() | found if self.undisturbed.get(name) != found.get(name)]
        note = f"{task.stat}, {task.prod_stat}, {task.error}; differ: {', '.join(differing)}" if differing else ""
        return Trial(not differing, took, note)

    async def look(self, task_id: str) -> Task:
        """The task, as soon as the server says how it stands."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return await services.check_status(self, task_id)
            except StateUnreadable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def progress(self, task_id: str, windows: int) -> None:
        """Waits until so many windows are done."""
        await until(lambda: self.done(task_id) >= windows, 60)

    def done(self, task_id: str) -> int:
        """How many windows are done."""
        return int(self.rows("SELECT COUNT(*) FROM {output}.task_window WHERE task_id = %s AND done", task_id)[0][0])

    async def labelled(self, task_id: str) -> None:
        """Waits until the label job is done."""
        sql = "SELECT stat FROM {output}.state WHERE task_id = %s"
        await until(lambda: self.rows(sql, task_id) == [("SUCCESS",)], 60)

    def connections(self, user: str, info: str = "%") -> list[int]:
        """The server's numbers of this account's connections that run a statement like this."""
        sql = "SELECT id FROM information_schema.processlist WHERE user = %s AND COALESCE(info, '') LIKE %s"
        return [row[0] for row in self.rows(sql, user, info)]

    @contextmanager
    def workers(self, count: int = 1, *options: str, **changes: str) -> Iterator[list["subprocess.Popen[bytes]"]]:
        """See TestSite."""
        with ExitStack() as stack:
            if self.hurried:
                yield [stack.enter_context(self.worker_with("limits", **changes)) for _ in range(count)]
            else:
                yield stack.enter_context(super().workers(count, *options, **changes))

    @contextmanager
    def worker_with(self, *plan: str, **changes: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker with a plan (see worker.py), in a changed environment."""
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.planned_worker", *plan],
                env=self.environment() | {"PYTHONPATH": os.getcwd()} | changes,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            end(process)


_COLUMNS = "id, source_author, panel, create_time, field_content, match_content"


def other_time(offset: str) -> dict[str, str]:
    """The environment in which a program lives in another time."""
    # The faketime program would stay between us and the program, and its signals.
    command = ["faketime", "-f", offset, "printenv", "LD_PRELOAD"]
    library = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return {"LD_PRELOAD": library, "FAKETIME": offset}


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a worker, in whatever condition it is."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(6)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


@contextmanager
def world(folder: Path, *mariadb_options: str) -> Iterator[World]:
    """A world, prepared."""
    with private_servers(folder / "servers", "--innodb-buffer-pool-size=256M", *mariadb_options) as servers:
        (folder / "site").mkdir()
        its = World(servers, folder / "site")
        asyncio.run(its.prepare())
        yield its
