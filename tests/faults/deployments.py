"""Two deployments on one output server and one Redis, whose workers serve queues of the same name."""

import asyncio
import random
import time

from tests.faults.deployment import Fault, FaultDeployment, Trial
from tests.helpers.deployment import plain

_QUEUE = "shared"
# With shortened limits, a worker takes over a stalled task after about five seconds.
_UNWATCHED_SECONDS = 12.0
_OWN_TASK_SECONDS = 15.0


async def one_output_server(deployment: FaultDeployment, _: random.Random, trial: int) -> Trial:
    """Tasks of A are created while only B's workers run, and wait for those of A; B's own tasks are done at once.

    The output accounts see both output schemas. Every second trial, the deployments have the same one.
    """
    a = deployment.beside(2, queue=_QUEUE, deployment="a")
    b = deployment.beside(3, queue=_QUEUE, deployment="b", **({"output_schema": a.output_schema} if trial % 2 else {}))
    _grant_output(a, b)
    for one in (a, b):
        await one.prepare()
    with b.worker_with("limits", DEPLOYMENT="b"):
        waiting = await a.create()
        created = time.monotonic()
        own = await b.finished(await b.create(), created, _OWN_TASK_SECONDS)
        await asyncio.sleep(_UNWATCHED_SECONDS)
        task = await a.look(waiting)
        if task.stat != "PENDING" or a.done(waiting):
            return Trial(False, 0, f"B took a task of A: {task.stat}, {a.done(waiting)} windows done; {task.error}")
        with a.worker_with("limits", DEPLOYMENT="a"):
            outcome = await a.finished(waiting, time.monotonic(), 60)
    notes = "; ".join(one.note for one in (own, outcome) if one.note)
    return Trial(not notes, outcome.seconds, notes)


def _grant_output(a: FaultDeployment, b: FaultDeployment) -> None:
    for one, other in ((a, b), (b, a)):
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER"
        schema = plain(other.output_schema, grant=True)
        one.servers.execute(f"GRANT {rights} ON {schema}.* TO {one.settings.output_user}@'127.0.0.1'")


FAULTS = [
    Fault("two deployments on one output server and one Redis", one_output_server, trials=4, short=0),
]
