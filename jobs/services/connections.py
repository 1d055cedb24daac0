"""What the services share: connections whose failures have the service's code, and finding a task."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jobs.deployment import Deployment
from jobs.errors import AudienceError, CannotStart, DatabaseError, InvalidValue, UnknownTask
from jobs.model.task import Task, TaskRef, check_task_id
from jobs.settings import read_settings
from jobs.storage import server, state
from jobs.storage.connection import Session, connect

MAX_ROWS = 100_000
"""The most rows that a service returns."""


def load_deployment(*, read_only: bool = False, **overrides: Any) -> Deployment:
    """Return the deployment of the settings. Raises InvalidValue that names each malformed setting."""
    return Deployment(read_settings(**overrides), read_only=read_only)


def check_limit(limit: int) -> None:
    """Raise InvalidValue unless the limit is in range."""
    if not 1 <= limit <= MAX_ROWS:
        raise InvalidValue(f"limit: expected 1 to {MAX_ROWS:,}, not {limit}")


@asynccontextmanager
async def input_session(deployment: Deployment) -> AsyncIterator[Session]:
    """Open a session with the input server. Its failures raise CannotStart."""
    try:
        async with connect(deployment.input) as session:
            yield session
    except DatabaseError as error:
        raise CannotStart(f"failed to start a labelling task: {error}") from error


@asynccontextmanager
async def output_session(deployment: Deployment, kind: type[AudienceError], message: str) -> AsyncIterator[Session]:
    """Open a session with the output server. Its failures raise this kind of error, with this message."""
    try:
        async with deployment.output_session() as session:
            yield session
    except DatabaseError as error:
        raise kind(f"{message}: {error}") from error


async def reads_input(deployment: Deployment, address: str, identity: str) -> bool:
    """Return whether the deployment's input is this server, known by its address and by what it calls itself.

    Raises DatabaseError.
    """
    if deployment.input.address == address:
        return True
    # The same server may have several addresses. Its own name does not depend on them.
    async with connect(deployment.input) as session:
        return await server.read_identity(session) == identity


async def find_task(deployment: Deployment, session: Session, task_id: str) -> Task:
    """Find a task in the deployment's own output schema, or in any other with a state table.

    Raises InvalidTaskId, UnknownTask, and DatabaseError if the own state table cannot be read.
    """
    check_task_id(task_id)
    own = await server.stored_name(session, deployment.settings.output_schema)
    for schema in sorted(await state.schemas(session), key=lambda schema: schema != own):
        with state.skip_unreadable(schema, own):
            task = await state.find(session, TaskRef(schema, task_id))
            if task is not None:
                return task
    raise UnknownTask(f"unknown task id {task_id}; audience list shows the tasks that exist")
