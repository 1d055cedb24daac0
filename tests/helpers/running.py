"""Tasks run without workers, and waiting for what workers do."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from jobs import services
from jobs.deployment import Deployment
from jobs.errors import DatabaseError, describe_error
from jobs.model.task import Task, TaskRef
from jobs.model.task_request import TaskRequest
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from jobs.worker.production import ProductionLane

Value = TypeVar("Value")


async def run_in_process(deployment: Deployment, request: TaskRequest) -> Task:
    """Create a task, run its jobs in this process, and return the task."""
    task_id = await services.create_task(deployment, request)
    await work_in_process(deployment, TaskRef(request.output_schema, task_id))
    return await services.check_status(deployment, task_id)


async def work_in_process(deployment: Deployment, ref: TaskRef) -> None:
    """Run the jobs of a task in this process."""
    context = WorkerContext(deployment)
    try:
        if await LabelLane(context, ref).run():
            await ProductionLane(context, ref).run()
    except DatabaseError as error:
        await context.fail(ref, describe_error(error))


async def finished(deployment: Deployment, task_id: str, seconds: float = 60) -> Task:
    """Wait until a task is in a final state, and return it."""
    async with asyncio.timeout(seconds):
        while not (task := await services.check_status(deployment, task_id)).finished:
            await asyncio.sleep(0.05)
    return task


async def until(read: Callable[[], Value], seconds: float = 20) -> Value:
    """Return the first true value that `read` returns."""
    deadline = time.monotonic() + seconds
    while not (value := read()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        await asyncio.sleep(0.02)
    return value
