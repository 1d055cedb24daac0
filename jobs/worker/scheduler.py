"""The scheduler: fires the schedules that are due, whichever worker looks first.

When a schedule is due is decided by the database's clock, so a host's clock does not matter. Nor does Redis: a task
that cannot be queued is found by the reconciler.
"""

import logging
from dataclasses import dataclass, field

from jobs.deployment import Deployment
from jobs.errors import DatabaseError, OutputUnreachable
from jobs.model.queues import Queue
from jobs.model.schedules import Schedule
from jobs.model.task import Task
from jobs.queue.client import RedisClient
from jobs.queue.jobs import enqueue_label, offer
from jobs.services.firing import fire_if_due
from jobs.storage import schedules

_logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""How long a worker sleeps before it looks again, unless a schedule is due earlier."""
WAIT_SECONDS = 2.0
"""The same while a schedule that is due waits, for its last run, say."""
_LEAST_SECONDS = 0.05


@dataclass
class Scheduler:
    """Looks for schedules that are due, and fires them."""

    deployment: Deployment
    redis: RedisClient
    _prepared: set[str] = field(default_factory=set)
    """The schemas whose tables are those of this release."""

    async def look(self) -> float:
        """Fire every schedule that is due, and return the seconds until the next look. Raises DatabaseError.

        It does so in every schema that the account can see; an unreadable one does not affect the others.
        """
        due, seconds = await self._find_due()
        for schedule in due:
            try:
                task = await fire_if_due(self.deployment, schedule)
            except DatabaseError as error:
                if error.unreachable:
                    raise
                _logger.warning("schedule %s: %s; trying again", schedule.name, error)
            else:
                if task is not None:
                    await self._enqueue(schedule, task)
        return seconds

    async def _find_due(self) -> tuple[list[Schedule], float]:
        """Return the schedules that are due, and the seconds until another is, LOOK_SECONDS at the most."""
        due: list[Schedule] = []
        wait = LOOK_SECONDS
        async with self.deployment.output_session() as session:
            for schema in await schedules.schemas(session):
                try:
                    if schema not in self._prepared:
                        # Before any claim: a change waits for the transactions that use the table.
                        await schedules.ensure_schedule_tables(session, schema)
                        self._prepared.add(schema)
                    for schedule, seconds in await schedules.upcoming(
                        session, schema, self.deployment.settings.deployment
                    ):
                        if seconds <= 0:
                            due.append(schedule)
                        wait = min(wait, WAIT_SECONDS if seconds <= 0 else max(seconds, _LEAST_SECONDS))
                except (DatabaseError, OutputUnreachable) as error:
                    if isinstance(error, DatabaseError) and error.unreachable:
                        raise
                    _logger.warning("scheduler, schema %s: %s", schema, error)
        return due, wait

    async def _enqueue(self, schedule: Schedule, task: Task) -> None:
        _logger.info("schedule %s: fired, task %s", schedule.name, task.task_id)
        queue = Queue(schedule.deployment, schedule.queue)
        await offer(enqueue_label(self.redis, queue, task.ref, task.generation or 0), task.ref)
