"""What the services share: connections whose failures have the service's code, and finding a task."""

import os
import pwd
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from jobs.deployment import Deployment
from jobs.errors import (
    AudienceError,
    CannotStart,
    DatabaseError,
    EmptyResult,
    InvalidTaskId,
    InvalidValue,
    StateUnreadable,
    UnknownTask,
)
from jobs.model.sources import production_table
from jobs.model.task import Task, check_task_id
from jobs.settings import read_settings
from jobs.storage import server, state_tables, task_search
from jobs.storage.connection import Session, connect

MAX_ROWS = 100_000
"""The most rows that a service returns."""

# The most tasks that the message about an ambiguous id names.
_MOST_NAMED = 3


def load_deployment(*, read_only: bool = False, **overrides: Any) -> Deployment:
    """Return the deployment of the settings. Raises InvalidValue that names each malformed setting."""
    return Deployment(read_settings(**overrides), read_only=read_only)


def operator() -> str:
    """Return who calls a service: the account and the host."""
    user = str(os.getuid())
    with suppress(KeyError):  # a container's account may have no name
        user = pwd.getpwuid(os.getuid()).pw_name
    return f"{user}@{socket.gethostname()}"


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
        raise CannotStart(f"failed to start a labelling task: {_advised(error)}") from error


@asynccontextmanager
async def output_session(deployment: Deployment, kind: type[AudienceError], message: str) -> AsyncIterator[Session]:
    """Open a session with the output server. Its failures raise this kind of error, with this message."""
    try:
        async with deployment.output_session() as session:
            yield session
    except DatabaseError as error:
        raise kind(f"{message}: {_advised(error)}") from error


def _advised(error: DatabaseError) -> str:
    """Return an error in words, with what to do if there is no connection or privilege."""
    return f"{error}; see audience check" if error.unreachable or error.denied else str(error)


def state_session(
    deployment: Deployment, message: str = "cannot connect to state table"
) -> AbstractAsyncContextManager[Session]:
    """Open a session with the output server. Its failures raise StateUnreadable, with this message."""
    return output_session(deployment, StateUnreadable, message)


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

    `task_id` may be the first digits of its id. If several tasks begin with them, none is found.

    Raises InvalidTaskId, UnknownTask, and DatabaseError if the own state table cannot be read.
    """
    check_task_id(task_id)
    own = await server.stored_name(session, deployment.settings.output_schema)
    found: dict[str, Task] = {}
    for schema in sorted(await state_tables.schemas(session), key=lambda schema: schema != own):
        with state_tables.skip_unreadable(schema, own):
            for task in await task_search.find_by_prefix(session, schema, task_id, _MOST_NAMED + 1):
                if task.task_id == task_id:
                    return task
                found.setdefault(task.task_id, task)
    if not found:
        raise UnknownTask(f"unknown task id {task_id}; audience list shows the tasks that exist")
    if len(found) > 1:
        named = ", ".join(sorted(found)[:_MOST_NAMED])
        others = " and others" if len(found) > _MOST_NAMED else ""
        raise InvalidTaskId(f"several tasks begin with {task_id}: {named}{others}; give more digits")
    return next(iter(found.values()))


def production_lengths(task: Task, tables: Sequence[str] = ()) -> dict[str, int]:
    """Return how many rows production wrote for a task, by production table: all its tables, or those that are named.

    Raises EmptyResult if it has no table of such a name.
    """
    lengths = {production_table(figures.result): figures.produced or 0 for figures in task.result_figures}
    if unknown := [table for table in tables if table not in lengths]:
        known = ", ".join(lengths) or "none"
        raise EmptyResult(f"empty result: task {task.task_id} has no table {', '.join(unknown)}; it has: {known}")
    return {table: lengths[table] for table in (tables or lengths)}
