"""A deployment to take pictures of: private servers, generated posts, and tasks in every state."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pymysql

from console.demo import posts
from console.demo.deployment import demo_deployment
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError, Conflict
from jobs.model.event import EventKind
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.task import TaskRef
from jobs.model.task_request import TaskRequest
from jobs.services.overview import read_fleet
from jobs.storage import events, state
from tests.helpers.running import finished

ROWS = 400_000
_SCHEMA = "demo_result"
_WINDOW_ROWS = 1_000
_DAYS = 16
_YEAR = datetime(2020, 1, 1), 366
# How long a throttled worker may run, and how long it is stopped, in turns.
_RUNS_SECONDS, _STOPS_SECONDS = 0.05, 0.45
# How far the task is when its first picture is taken, and from when on another one is begun.
_WINDOWS_DONE, _MOST_WINDOWS_DONE = 60, 300
_SCHEDULES: tuple[tuple[str, str, str, dict[str, object]], ...] = (
    ("nightly", "15 3 * * *", "Asia/Taipei", {}),
    ("hourly", "0 * * * *", "UTC", {"range": "since-last", "lookback": 6, "predict_type": "content"}),
    ("weekly", "0 6 * * mon", "Europe/Berlin", {"range": "last-7-days", "model_type": "rule_model"}),
    ("backfill", "0 4 1 * *", "UTC", {"range": "last-31-days", "queue": "night"}),
)
# The schedule, the time between its runs, and the error or the note of runs without a task, counted from the last one.
_RUNS: tuple[tuple[str, timedelta, dict[int, tuple[str | None, str | None]]], ...] = (
    ("nightly", timedelta(days=1), {5: ("pattern files: female.txt line 12: unbalanced parenthesis", None)}),
    ("hourly", timedelta(hours=1), {2: (None, "missed: no worker"), 3: (None, "missed: no worker")}),
    ("weekly", timedelta(days=7), {}),
)


@dataclass
class PicturedDeployment:
    """A deployment with a task that runs, once `keep_running` has been called."""

    deployment: Deployment
    worker: int
    """Its process."""
    _throttle: ExitStack = field(default_factory=ExitStack)
    _task_id: str = ""

    async def keep_running(self) -> None:
        """Begin a task if none runs that has enough left to do.

        The worker is then stopped most of the time, so that the task does not end before its picture is taken.
        """
        if self._task_id and await self._windows_done() < _MOST_WINDOWS_DONE:
            return
        await self.end()
        self._task_id = await services.create_task(
            self.deployment, _request(self.deployment, *_YEAR, "content", "rule_model")
        )
        async with asyncio.timeout(60):
            while await self._windows_done() < _WINDOWS_DONE:
                await asyncio.sleep(0.05)
        self._throttle.enter_context(_throttled(self.worker))

    async def _windows_done(self) -> int:
        return (await services.check_status(self.deployment, self._task_id)).windows_done or 0

    async def end(self) -> None:
        """Abort the task, and remove it from the list."""
        self._throttle.close()
        if self._task_id:
            with suppress(Conflict):  # it may have ended meanwhile
                await services.abort_task(self.deployment, self._task_id)
            _write(self.deployment, f"DELETE FROM {_SCHEMA}.state WHERE task_id = %s", self._task_id)
            self._task_id = ""


@asynccontextmanager
async def pictured_deployment(folder: Path) -> AsyncIterator[PicturedDeployment]:
    """Start the servers, and run tasks unless those of the last time are there."""
    with demo_deployment(folder, ROWS) as demo:
        deployment = Deployment(demo.settings.model_copy(update={"window_rows": _WINDOW_ROWS}))
        if not await _has_tasks(deployment):
            await _run_tasks(deployment)
        async with asyncio.timeout(60):
            while not (await read_fleet(deployment)).workers:
                await asyncio.sleep(0.1)
        (worker,) = (await read_fleet(deployment)).workers
        pictured = PicturedDeployment(deployment, worker.pid)
        try:
            yield pictured
        finally:
            await pictured.end()


async def _has_tasks(deployment: Deployment) -> bool:
    try:
        return len(await services.task_list(deployment)) > _DAYS
    except AudienceError:
        return False


async def _run_tasks(deployment: Deployment) -> None:
    """Run some tasks a day for the last days, and leave some that did not end well, or have not ended."""
    for day in range(_DAYS, 0, -1):
        for number in range(1 + day * 5 % 4):
            start = datetime(2020, 12 - day // 2, 1 + number * 7)
            predict_type = "author_name" if day % 3 else "content"
            task_id = await _create(deployment, start, 7, predict_type, "rule_model", countdown=0)
            await finished(deployment, task_id)
            _age(deployment, task_id, timedelta(days=day, minutes=number * 83))
    task_id = await _create(deployment, *_YEAR, "content", "rule_model", queue="night")
    await services.abort_task(deployment, task_id)
    _age(deployment, task_id, timedelta(days=4))
    for model_type in ("keyword_model", "rule_model"):
        task_id = await _create(deployment, *_YEAR, "author_name", model_type, countdown=0)
        await finished(deployment, task_id)
        _age(deployment, task_id, timedelta(hours=5, minutes=12))
    await _fail(deployment)
    task_id = await _create(deployment, *_YEAR, "author_name", queue="night")
    _age(deployment, task_id, timedelta(minutes=55))
    task_id = await _create(deployment, datetime(2020, 12, 1), 31, "author_name", countdown=86_400)
    async with asyncio.timeout(60):
        while not (await services.check_status(deployment, task_id)).awaits_production:
            await asyncio.sleep(0.1)
    _age(deployment, task_id, timedelta(minutes=21))
    await _schedule(deployment)


async def _schedule(deployment: Deployment) -> None:
    """Add schedules, and give them runs: the tasks of the last days, and times that no worker could use."""
    for name, cron, timezone, values in _SCHEDULES:
        given = {"name": name, "cron": cron, "timezone": timezone, **values}
        await services.save_schedule(deployment, ScheduleRequest.from_values(deployment.settings, given))
    await services.pause_schedule(deployment, "backfill")
    tasks = [task for task in await services.task_list(deployment) if task.produced or task.error]
    for name, period, remarks in _RUNS:
        for number, task in enumerate(tasks[:24]):
            due = datetime.now(UTC).replace(hour=19, minute=15, second=0, microsecond=0, tzinfo=None)
            error, note = remarks.get(number, (None, None))
            _write(
                deployment,
                f"INSERT INTO {_SCHEMA}.task_firing (deployment, schedule, due, fired_at, by_hand, task_id, start_time,"
                " end_time, error, note) VALUES (%s, %s, %s, %s, 0, %s, %s, %s, %s, %s)",
                deployment.settings.deployment,
                name,
                due - period * (number + 1),
                due - period * (number + 1) + timedelta(seconds=2),
                *((None, None, None) if number in remarks else (task.task_id, task.start_time, task.end_time)),
                error,
                note,
            )


async def _fail(deployment: Deployment) -> None:
    """Leave a task that looks as if its input table had been dropped while two workers read it."""
    task_id = await _create(deployment, *_YEAR, "content", "rule_model", queue="night")
    ref = TaskRef(_SCHEMA, task_id)
    _write(deployment, f"UPDATE {_SCHEMA}.task_window SET done = number < 141 WHERE task_id = %s", task_id)
    async with deployment.output_session() as session:
        await state.start(session, ref, "worker-2:815")
        await state.start(session, ref, "worker-1:4711")
        await events.record(session, ref, EventKind.RETRIED, "window 17: connection lost (attempt 1 of 8 failed)")
        reason = f"window 141: (1146) Table '{posts.SCHEMA}.{posts.TABLE}' doesn't exist"
        await state.fail(session, ref, f"{reason}; correct the cause, then: audience resume {task_id}", alert=False)
    _age(deployment, task_id, timedelta(minutes=34))


async def _create(
    deployment: Deployment,
    start: datetime,
    days: int,
    predict_type: str,
    model_type: str = "keyword_model",
    **values: object,
) -> str:
    return await services.create_task(deployment, _request(deployment, start, days, predict_type, model_type, **values))


def _request(
    deployment: Deployment, start: datetime, days: int, predict_type: str, model_type: str, **values: object
) -> TaskRequest:
    end = start + timedelta(days=days, seconds=-1)
    given = {"start_time": str(start), "end_time": str(end), "predict_type": predict_type, "model_type": model_type}
    return TaskRequest.from_values(deployment.settings, given | values)


def _age(deployment: Deployment, task_id: str, age: timedelta) -> None:
    """Make a task look as if it had been created this long ago."""
    _write(deployment, f"UPDATE {_SCHEMA}.state SET create_time = %s WHERE task_id = %s", datetime.now() - age, task_id)


def _write(deployment: Deployment, statement: str, *arguments: object) -> None:
    settings = deployment.settings
    connection = pymysql.connect(
        host=settings.output_host,
        port=settings.output_port,
        user=settings.output_user,
        password=settings.output_password.get_secret_value(),
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, arguments)


@contextmanager
def _throttled(pid: int) -> Iterator[None]:
    """Let a process run only a part of the time."""
    done = threading.Event()

    def throttle() -> None:
        while not done.wait(_RUNS_SECONDS):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(_STOPS_SECONDS)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=throttle)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
