"""Schedules: adding and changing, listing, pausing, running now, removing (docs/schedules.md)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from jobs.deployment import Deployment
from jobs.errors import AudienceError, Conflict, OutputUnreachable, UnknownSchedule
from jobs.model.cron import next_due
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.schedules import Firing, Schedule, ScheduleRef
from jobs.model.task import Task
from jobs.services.connections import input_session, output_session, state_session
from jobs.services.patterns import load_patterns
from jobs.storage import firings, schedules, server, state, state_tables
from jobs.storage.connection import Session
from jobs.storage.input_table import describe_input
from jobs.storage.server import read_identity

SHOWN_RUNS = 30

_CANNOT_READ = "cannot read the schedules"


@dataclass(frozen=True)
class ScheduleStatus:
    """A schedule with its last firings, newest first, at one moment."""

    schedule: Schedule
    firings: tuple[Firing, ...]
    now: datetime
    """In UTC, by the database's clock."""

    @property
    def late(self) -> bool:
        """Whether it should have fired, and no worker has."""
        return self.schedule.late(self.now)

    @property
    def last(self) -> Firing | None:
        """The newest firing."""
        return self.firings[0] if self.firings else None


async def save_schedule(
    deployment: Deployment,
    request: ScheduleRequest,
    *,
    replace: bool = False,
    warn: Callable[[str], object] = lambda _: None,
) -> ScheduleStatus:
    """Add a schedule; with `replace`, change the one of this name. Calls `warn` with what to know.

    Its next time is the first one from now on. Raises Conflict if there is one of this name already, UnknownSchedule
    if there is none to replace, CannotStart, OutputUnreachable, ReadOnly.
    """
    deployment.require_writable()
    await _warn_of_patterns(deployment, request, warn)
    async with input_session(deployment) as source:
        await describe_input(source, request.target_schema, request.target_table, request.predict_type)
        identity = await read_identity(source)
    origin = state.Origin(deployment.settings.deployment, deployment.input.address, identity)
    async with output_session(deployment, OutputUnreachable, "cannot connect to output schema") as session:
        schema = await server.stored_name(session, request.output_schema)
        ref = ScheduleRef(schema, deployment.settings.deployment, request.name)
        _, now = await server.read_times(session)
        due = next_due(request.cron, request.timezone, now)
        if replace:
            known = await _find(deployment, session, request.name)
            if known.output_schema != ref.schema:
                raise Conflict(f"schedule {ref.name} is kept in {known.output_schema}; remove it, then add it again")
            await schedules.change(session, ref, request, origin, next_due=due)
        else:
            await schedules.ensure_schedule_tables(session, ref.schema)
            begin = request.first_begin(now)
            if await _find_if_any(deployment, session, request.name) or not await schedules.insert(
                session, ref, request, origin, next_due=due, covered_until=begin
            ):
                raise Conflict(
                    f"there is a schedule named {ref.name}; choose another name, or change it with --replace"
                )
        return await _status(session, await _find(deployment, session, request.name))


async def list_schedules(deployment: Deployment) -> list[ScheduleStatus]:
    """Return the schedules of the deployment in every visible schema, sorted by name. Raises StateUnreadable."""
    found: list[ScheduleStatus] = []
    async with state_session(deployment, _CANNOT_READ) as session:
        own = await server.stored_name(session, deployment.settings.output_schema)
        for schema in await schedules.schemas(session):
            with state_tables.skip_unreadable(schema, own):
                found += await _statuses(session, schema, deployment.settings.deployment)
    return sorted(found, key=lambda status: (status.schedule.name, status.schedule.output_schema))


async def count_late(session: Session, deployment: str, own: str) -> tuple[int, dict[str, float]]:
    """Return how many schedules are late, and the Unix time at which the last successful run of each one fired."""
    late, successes = 0, dict[str, float]()
    _, now = await server.read_times(session)
    for schema in await schedules.schemas(session):
        with state_tables.skip_unreadable(schema, own):
            found = await schedules.find_all(session, schema, deployment)
            late += sum(schedule.late(now) for schedule in found)
            fired = await firings.last_successes(session, schema, deployment)
            successes |= {schedule.name: fired[schedule.name] for schedule in found if schedule.name in fired}
    return late, successes


async def find_schedule(deployment: Deployment, name: str) -> ScheduleStatus:
    """Return a schedule with its last firings. Raises UnknownSchedule, StateUnreadable."""
    async with state_session(deployment, _CANNOT_READ) as session:
        return await _status(session, await _find(deployment, session, name))


async def pause_schedule(deployment: Deployment, name: str) -> ScheduleStatus:
    """Keep a schedule from firing. A run that is going goes on. Raises what `find_schedule` raises, and ReadOnly."""
    deployment.require_writable()
    async with state_session(deployment, _CANNOT_READ) as session:
        await schedules.pause(session, (await _find(deployment, session, name)).ref)
        return await _status(session, await _find(deployment, session, name))


async def unpause_schedule(deployment: Deployment, name: str) -> ScheduleStatus:
    """Let a paused schedule fire again, from its next time on: what was due meanwhile is not caught up.

    Raises what `find_schedule` raises, and ReadOnly.
    """
    deployment.require_writable()
    async with state_session(deployment, _CANNOT_READ) as session:
        schedule = await _find(deployment, session, name)
        _, now = await server.read_times(session)
        await schedules.unpause(session, schedule.ref, next_due(schedule.cron, schedule.timezone, now))
        return await _status(session, await _find(deployment, session, name))


async def remove_schedule(deployment: Deployment, name: str) -> Schedule:
    """Remove a schedule and the list of its runs. Its tasks stay. Raises what `find_schedule` raises, and ReadOnly."""
    deployment.require_writable()
    async with state_session(deployment, _CANNOT_READ) as session:
        schedule = await _find(deployment, session, name)
        async with session.transaction():
            await schedules.claim(session, schedule.ref)
            await firings.delete(session, schedule.ref)
            await schedules.delete(session, schedule.ref)
        return schedule


async def run_schedule_now(deployment: Deployment, name: str) -> Task:
    """Run a schedule now, paused or not. Its next time stays. Raises what `find_schedule` and `create_task` raise.

    Raises Conflict if its last run is still going, or no time has passed since its last range.
    """
    from jobs.services.firing import run_schedule  # Redis takes a tenth of a second to import

    async with state_session(deployment, _CANNOT_READ) as session:
        schedule = await _find(deployment, session, name)
    task = await run_schedule(deployment, schedule.ref)
    if task is None:
        raise _unknown(name)
    return task


async def _warn_of_patterns(deployment: Deployment, request: ScheduleRequest, warn: Callable[[str], object]) -> None:
    """Warn of pattern files that cannot be used now. They are read when the schedule fires, by a worker."""
    try:
        await asyncio.to_thread(
            load_patterns, deployment.settings.patterns_dir, request.model_type, request.predict_type
        )
    except AudienceError as error:
        warn(f"as they are on this host, the pattern files would keep it from firing: {error}")


async def _find(deployment: Deployment, session: Session, name: str) -> Schedule:
    schedule = await _find_if_any(deployment, session, name)
    if schedule is None:
        raise _unknown(name)
    return schedule


async def _find_if_any(deployment: Deployment, session: Session, name: str) -> Schedule | None:
    """Find a schedule in the deployment's own output schema, or in any other that has schedules."""
    own = await server.stored_name(session, deployment.settings.output_schema)
    for schema in sorted(await schedules.schemas(session), key=lambda schema: schema != own):
        with state_tables.skip_unreadable(schema, own):
            schedule = await schedules.find(session, ScheduleRef(schema, deployment.settings.deployment, name))
            if schedule is not None:
                return schedule
    return None


def _unknown(name: str) -> UnknownSchedule:
    return UnknownSchedule(f"unknown schedule {name[:64]!r}; audience schedule list shows the schedules that exist")


async def _status(session: Session, schedule: Schedule) -> ScheduleStatus:
    for status in await _statuses(session, schedule.output_schema, schedule.deployment):
        if status.schedule.name == schedule.name:
            return status
    raise _unknown(schedule.name)


async def _statuses(session: Session, schema: str, deployment: str) -> list[ScheduleStatus]:
    _, now = await server.read_times(session)
    runs = await firings.newest(session, schema, deployment, SHOWN_RUNS)
    return [
        ScheduleStatus(schedule, tuple(runs.get(schedule.name, ())), now)
        for schedule in await schedules.find_all(session, schema, deployment)
    ]
