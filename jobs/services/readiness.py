"""What would stop a task, or keep it waiting, beyond what its plan finds out: the output schema and the workers."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from jobs.deployment import Deployment
from jobs.errors import AudienceError, DatabaseError
from jobs.model.task_request import TaskRequest
from jobs.services.overview import read_fleet
from jobs.storage.grants import OUTPUT_PRIVILEGES, grant_statement, granted_privileges, read_grants
from jobs.storage.schema import schema_exists
from jobs.storage.server import stored_name


@dataclass(frozen=True)
class Concern:
    """Something about a parameter of a task."""

    parameter: str
    """Its name in TaskRequest."""
    verdict: Literal["error", "warning"]
    """Whether the task cannot be created, or would wait."""
    problem: str
    advice: str = ""


async def read_concerns(deployment: Deployment, request: TaskRequest) -> list[Concern]:
    """Return what is wrong with the output schema and the queue of a request. Writes nothing and raises nothing."""
    output, queue = await asyncio.gather(
        _check_output(deployment, request.output_schema), _check_queue(deployment, request.queue)
    )
    return [concern for concern in (output, queue) if concern is not None]


async def _check_output(deployment: Deployment, schema: str) -> Concern | None:
    try:
        async with deployment.output_session() as session:
            schema = await stored_name(session, schema)
            granted = granted_privileges(await read_grants(session), schema)
            missing = [privilege for privilege in OUTPUT_PRIVILEGES if privilege not in granted]
            exists = await schema_exists(session, schema)
    except DatabaseError as error:
        return Concern("output_schema", "error", str(error))
    if not missing:
        return None
    grant = grant_statement(OUTPUT_PRIVILEGES, schema, deployment.settings.output_user)
    if not exists:
        return Concern("output_schema", "error", f"no schema {schema} that this account may use or create", grant)
    return Concern("output_schema", "error", f"no privilege to {', '.join(missing)} in {schema}", grant)


async def _check_queue(deployment: Deployment, queue: str) -> Concern | None:
    try:
        fleet = await read_fleet(deployment)
    except AudienceError as error:
        return Concern("queue", "error", str(error))
    if fleet.serves(queue):
        return None
    served = sorted({worker.queue for worker in fleet.workers if not worker.silent})
    advice = f"the task waits until one does: audience worker --queue {queue}"
    if not served:
        return Concern("queue", "warning", "no worker is running", advice)
    return Concern("queue", "warning", f"no worker serves {queue}", f"workers serve {', '.join(served)}; {advice}")
