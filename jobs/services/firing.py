"""Firing a schedule: its task, and the record that it fired, are written in one transaction.

The transaction that has locked the schedule's row is the claim. While it is open, the task is planned with the pattern
files as they are. Whatever is killed, the schedule is then as it was, or has fired.
"""

import asyncio
import logging
import socket
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from jobs.deployment import Deployment
from jobs.errors import (
    CannotStart,
    Conflict,
    DatabaseError,
    OutputUnreachable,
    describe_error,
    unexpected,
)
from jobs.model.alert import AlertEvent, schedule_alert
from jobs.model.cron import local_time
from jobs.model.schedule_request import task_values
from jobs.model.schedules import Schedule, ScheduleRef, decide, range_at
from jobs.model.task import Task, TaskRef
from jobs.model.task_request import TaskRequest
from jobs.queue.client import open_redis
from jobs.services.connections import output_session, reads_input
from jobs.services.create import CANNOT_CONNECT, insert_task, prepare_tables, prepare_task
from jobs.services.queueing import call_redis, enqueue_task
from jobs.storage import alerts, claims, firings, schedules, server, task_search
from jobs.storage.connection import Session

_logger = logging.getLogger(__name__)

# For how long a firing that a server keeps from its work is tried again, before it counts as failed.
PATIENCE = timedelta(minutes=10)
_TRYING = "trying again"


async def fire_if_due(deployment: Deployment, schedule: Schedule) -> Task | None:
    """Fire a schedule that is due, and return its task, which is not queued yet.

    None if it does not fire: another worker does, its last run is still going, its time was missed, this host lacks
    what it needs, or there was an error, which is kept for the list. Raises DatabaseError if it cannot be kept.
    """
    reason = await obstacle(deployment, schedule)
    if reason is not None:
        async with deployment.output_session() as session:
            await schedules.set_waiting(session, schedule.ref, reason, if_none=True)
        return None
    try:
        return await _fire(deployment, schedule.ref)
    except Exception as error:
        _logger.error("schedule %s: %s", schedule.name, error, exc_info=unexpected(error))
        await _keep_error(deployment, schedule, error)
        return None


async def run_schedule(deployment: Deployment, ref: ScheduleRef) -> Task | None:
    """Run a schedule now, whenever it is due, and queue its task. None if there is no such schedule.

    Raises Conflict if its last run is still going or there is nothing new, and what create_task raises.
    """
    deployment.require_writable()
    async with (
        open_redis(deployment.settings) as redis,
        output_session(deployment, OutputUnreachable, CANNOT_CONNECT) as session,
    ):
        await call_redis(redis.ping())
        # Before the claim: a change of the tables that it reads waits for its transaction.
        await schedules.ensure_schedule_tables(session, ref.schema)
        async with session.transaction():
            schedule = await schedules.claim(session, ref)
            if schedule is None:
                return None
            reason = await obstacle(deployment, schedule)
            if reason is not None:
                raise CannotStart(f"failed to start a labelling task: {reason}")
            running = await firings.find_running(session, ref)
            if running is not None:
                raise Conflict(f"schedule {ref.name} is running: task {running}; wait for it, or abort it")
            _, now = await server.read_times(session)
            created = await _create_run(deployment, session, schedule, now, by_hand=True)
            if created is None:
                raise Conflict(f"schedule {ref.name} has nothing to do: no time has passed since its last range")
        task = await task_search.find(session, created)
        assert task is not None
        await enqueue_task(deployment, redis, session, task)
        return task


async def obstacle(deployment: Deployment, schedule: Schedule) -> str | None:
    """Return in words why this host cannot fire a schedule. None if it can. Raises nothing.

    A host without pattern or source files leaves schedules to others; a fault in a file is an error of the firing.
    """
    settings, host = deployment.settings, socket.gethostname()
    folder = settings.patterns_dir / schedule.model_type
    if not await asyncio.to_thread(folder.is_dir):
        return f"it needs a host with its pattern files: {folder} is no folder on {host}"
    if not await asyncio.to_thread(settings.sources_file.is_file):
        return f"it needs a host with the sources file: {settings.sources_file} is no file on {host}"
    try:
        await asyncio.to_thread(ZoneInfo, schedule.timezone)
    except (OSError, ValueError, KeyError):
        return f"it needs a host that knows the time zone {schedule.timezone}, which {host} does not"
    try:
        if not await reads_input(deployment, schedule.input_server, schedule.input_server_id):
            return (
                f"it needs a worker that reads the input server {schedule.input_server}, as the one on {host} does"
                " not; if the input has moved, add the schedule again with --replace"
            )
    except DatabaseError as error:
        return f"it needs its input server: {error}"
    return None


async def _fire(deployment: Deployment, ref: ScheduleRef) -> Task | None:
    async with deployment.output_session() as session:
        async with session.transaction():
            schedule = await schedules.claim_due(session, ref)
            if schedule is None:
                return None
            running = await firings.find_running(session, ref)
            if running is not None:
                await schedules.set_waiting(session, ref, f"its last run is still going: task {running}")
                return None
            _, now = await server.read_times(session)
            decision = await asyncio.to_thread(decide, schedule, now)
            created = None
            if await firings.exists(session, ref, decision.due):
                pass  # the clock was set back, and the schedule changed: a due time has one firing
            elif decision.fires:
                created = await _create_run(deployment, session, schedule, decision.due, decision.note)
            else:
                await firings.insert_skipped(session, ref, decision.due, decision.note)
            await schedules.advance(session, ref, decision.next_due)
        return await task_search.find(session, created) if created else None


async def _create_run(
    deployment: Deployment,
    session: Session,
    schedule: Schedule,
    due: datetime,
    note: str | None = None,
    *,
    by_hand: bool = False,
) -> TaskRef | None:
    """Create the task of a claimed schedule, and the record of its firing. None if its range is empty."""
    ref = schedule.ref
    covered = max(schedule.covered_until, await firings.covered_until(session, ref) or schedule.covered_until)
    dates = range_at(schedule, due, covered)
    if dates is None:
        if not by_hand:
            await firings.insert_skipped(session, ref, due, f"nothing new: the last range ends at {covered}")
        return None
    request = TaskRequest.from_values(deployment.settings, task_values(schedule, *dates))
    async with claims.kept_alive(session):
        task = await prepare_task(deployment, request, schedule=schedule.name)
        # Statements that change tables commit: they need a connection of their own.
        async with deployment.output_session() as changing:
            await prepare_tables(changing, task)
    await insert_task(session, task)
    await firings.insert_run(session, ref, due, task.ref.task_id, dates, note=note, by_hand=by_hand)
    await schedules.set_covered(session, ref, covered)
    return task.ref


async def _keep_error(deployment: Deployment, schedule: Schedule, error: Exception) -> None:
    """Keep why a schedule could not fire. If a server was away, it is tried again for a while. Raises DatabaseError."""
    async with deployment.output_session() as session, session.transaction():
        claimed = await schedules.claim_due(session, schedule.ref)
        if claimed is None or claimed.next_due != schedule.next_due:
            return  # another worker has fired it
        _, now = await server.read_times(session)
        trying = (claimed.waiting_for or "").startswith(_TRYING) and claimed.waiting_since is not None
        if _is_transient(error) and not (trying and now - (claimed.waiting_since or now) > PATIENCE):
            reason = f"{_TRYING}: {describe_error(error)}"
            await schedules.set_waiting(session, claimed.ref, reason, restart=not trying)
            return
        decision = await asyncio.to_thread(decide, claimed, now)
        await _record_failed_firing(deployment, session, claimed, decision.due, describe_error(error))
        await schedules.advance(session, claimed.ref, decision.next_due)


async def _record_failed_firing(
    deployment: Deployment, session: Session, schedule: Schedule, due: datetime, error: str
) -> None:
    """Record that a schedule could not fire, and store an alert, in the transaction in which its next time is set."""
    when = local_time(schedule.timezone, due)
    reason = f"the run of {when:%Y-%m-%d %H:%M} was not created: {error}; the next one tries again"
    await firings.insert_error(session, schedule.ref, due, reason)
    if deployment.alerts_of(AlertEvent.SCHEDULE_FAILED):
        await alerts.add(session, schedule.ref.schema, schedule_alert(schedule.deployment, schedule.name, due, reason))


def _is_transient(error: BaseException | None) -> bool:
    """Return whether an error is that of a server that may be back soon."""
    while error is not None:
        if isinstance(error, DatabaseError):
            return error.transient
        error = error.__cause__
    return False
