"""A deployment to take pictures of: private servers, generated posts, and tasks in every state."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pymysql

from console.demo import posts
from console.demo.deployment import demo_deployment
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError, Conflict
from jobs.model.event import EventKind
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
_WINDOWS_DONE = 60


@asynccontextmanager
async def pictured_deployment(folder: Path) -> AsyncIterator[Deployment]:
    """Start the servers, and run tasks unless those of the last time are there. One runs for the length of the block.

    The worker is stopped most of the time, so that the task does not end before its picture is taken.
    """
    with demo_deployment(folder, ROWS) as demo:
        deployment = Deployment(demo.settings.model_copy(update={"window_rows": _WINDOW_ROWS}))
        if not await _has_tasks(deployment):
            await _run_tasks(deployment)
        async with asyncio.timeout(60):
            while not (await read_fleet(deployment)).workers:
                await asyncio.sleep(0.1)
        (worker,) = (await read_fleet(deployment)).workers
        with _throttled(worker.pid):
            task_id = await services.create_task(deployment, _request(deployment, *_YEAR, "content", "rule_model"))
            async with asyncio.timeout(60):
                while ((await services.check_status(deployment, task_id)).windows_done or 0) < _WINDOWS_DONE:
                    await asyncio.sleep(0.1)
            yield deployment
            with suppress(Conflict):  # it may have ended meanwhile
                await services.abort_task(deployment, task_id)
        _write(deployment, f"DELETE FROM {_SCHEMA}.state WHERE task_id = %s", task_id)


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
