"""Metrics: what an operator graphs and is alerted by (docs/metrics.md)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.deployment import Deployment
from jobs.errors import AudienceError, DatabaseError, StateUnreadable
from jobs.queue.client import REDIS_ERRORS, open_redis, redis_failure
from jobs.queue.presence import JobCounts, Worker, count_jobs, read_workers
from jobs.services.notify import Notifications, count_undelivered
from jobs.services.schedules import count_late
from jobs.storage import server, state_tables
from jobs.storage.connection import Session
from jobs.storage.metrics import TaskCounts, count_tasks

STANDINGS = ("waiting", "running", "producing", "done", "failed", "aborted")


@dataclass(frozen=True)
class Metric:
    """A gauge, with a value for each combination of its labels' values."""

    name: str
    help: str
    labels: Sequence[str]
    values: Mapping[tuple[str, ...], float]


@dataclass(frozen=True)
class Metrics:
    """All metrics of a deployment, and what kept some of them from being read."""

    metrics: Sequence[Metric]
    faults: Sequence[str] = field(default=())


async def read_metrics(deployment: Deployment) -> Metrics:
    """Return the metrics of a deployment. A server that does not answer leaves out what it knows."""
    up: dict[tuple[str, ...], float] = {}
    found: list[Metric] = []
    faults = []
    for name, read in (("mariadb", _read_mariadb), ("redis", _read_redis)):
        try:
            found += await read(deployment)
            up[name,] = 1
        except AudienceError as error:
            up[name,] = 0
            faults.append(str(error))
    health = Metric("audience_up", "Whether the server answers: mariadb, redis.", ("server",), up)
    return Metrics([health, *found], faults)


async def _read_mariadb(deployment: Deployment) -> list[Metric]:
    name = deployment.settings.deployment
    try:
        async with deployment.output_session() as session:
            own = await server.stored_name(session, deployment.settings.output_schema)
            tasks = await _count_tasks(session, name, own)
            alerts = await count_undelivered(session, deployment)
            late, successes = await count_late(session, name, own)
    except DatabaseError as error:
        raise StateUnreadable(f"cannot connect to state table: {error}") from error
    return [*_of_tasks(tasks), *_of_schedules(late, successes), *_of_alerts(alerts)]


async def _count_tasks(session: Session, deployment: str, own: str) -> TaskCounts:
    counts = TaskCounts()
    for schema in await state_tables.schemas(session, migrated=True):
        with state_tables.skip_unreadable(schema, own):
            counts.add(await count_tasks(session, schema, deployment))
    return counts


def _of_tasks(counts: TaskCounts) -> list[Metric]:
    standings: dict[tuple[str, ...], float] = {(standing,): counts.standings[standing] for standing in STANDINGS}
    return [
        Metric("audience_tasks", "Tasks, by how they stand.", ("standing",), standings),
        _single("audience_tasks_blocked", "Unfinished tasks that say what they wait for.", counts.blocked),
        _single("audience_windows_waiting", "Windows of unfinished tasks that are not done.", counts.open_windows),
        _single("audience_units_waiting", "Production units that are not done.", counts.open_units),
        _single(
            "audience_oldest_waiting_task_seconds",
            "How long the oldest waiting task has waited for a worker; 0 if none waits.",
            counts.oldest_waiting_seconds,
        ),
        _single(
            "audience_longest_silence_seconds",
            "The longest that a running task has had no heartbeat; 0 if none runs.",
            counts.silent_seconds,
        ),
    ]


def _of_schedules(late: int, successes: Mapping[str, float]) -> list[Metric]:
    return [
        _single("audience_schedules_late", "Schedules that should have fired, and that no worker has.", late),
        Metric(
            "audience_schedule_last_success_timestamp_seconds",
            "When the last run that succeeded fired.",
            ("schedule",),
            {(name,): fired for name, fired in successes.items()},
        ),
    ]


def _of_alerts(waiting: Notifications) -> list[Metric]:
    return [
        _single("audience_alerts_undelivered", "Alerts that no receiver has accepted yet.", waiting.undelivered),
        _single(
            "audience_oldest_alert_seconds",
            "The age of the oldest of them; 0 if there is none.",
            waiting.oldest_seconds,
        ),
    ]


async def _read_redis(deployment: Deployment) -> list[Metric]:
    name, own = deployment.settings.deployment, deployment.settings.queue
    try:
        async with open_redis(deployment.settings) as redis:
            workers = [worker for worker in await read_workers(redis, name) if not worker.silent]
            jobs = await count_jobs(redis, name, own)
    except REDIS_ERRORS as error:
        raise StateUnreadable(f"cannot read the queues: {redis_failure(error)}") from error
    return [*_of_queues(jobs), *_of_workers(workers, own)]


def _of_queues(jobs: Mapping[tuple[str, str], JobCounts]) -> list[Metric]:
    depths: dict[tuple[str, ...], float] = {}
    for (queue, kind), counts in jobs.items():
        depths[queue, kind, "ready"] = counts.ready
        depths[queue, kind, "deferred"] = counts.deferred
    text = "Jobs in a queue, by kind (label, produce): ready ones, which are due or running, and deferred ones."
    return [Metric("audience_queue_jobs", text, ("queue", "kind", "state"), depths)]


def _of_workers(workers: Sequence[Worker], own: str) -> list[Metric]:
    counts: defaultdict[tuple[str, ...], float] = defaultdict(float, {(own,): 0})
    rates: defaultdict[tuple[str, ...], float] = defaultdict(float, {(own,): 0})
    peaks: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for worker in workers:
        counts[worker.queue,] += 1
        rates[worker.queue,] += worker.rows_per_second
        peaks[worker.queue,] = max(peaks[worker.queue,], worker.peak_memory * 2**20)
    return [
        Metric("audience_workers", "Worker processes, by the queue that they serve.", ("queue",), counts),
        Metric("audience_rows_per_second", "Rows that the workers of a queue read a second.", ("queue",), rates),
        Metric("audience_worker_peak_memory_bytes", "The peak memory of a queue's largest worker.", ("queue",), peaks),
    ]


def _single(name: str, text: str, value: float) -> Metric:
    return Metric(name, text, (), {(): float(value)})
