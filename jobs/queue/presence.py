"""Presence: what each worker publishes about itself in Redis, and the queues as they are.

A worker rewrites its key every PUBLISH_SECONDS; the key's remaining life shows how old it is.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from jobs.model.queues import LABEL, PRODUCE, queue_name, queue_prefix
from jobs.queue.client import RedisClient
from jobs.queue.clock import redis_time
from jobs.queue.codec import is_job_id, task_id_of
from jobs.queue.jobs import find_waiting

PUBLISH_SECONDS = 2.0
_LIFE_SECONDS = 60
_MAX_BYTES = 20_000
# How many of the oldest jobs of a queue are looked at to find one that no worker has taken.
_MOST_TAKEN = 200


@dataclass(frozen=True)
class Worker:
    """A worker process, as it last described itself."""

    deployment: str
    host: str
    pid: int
    queue: str
    tasks: tuple[str, ...]
    """The ids of the tasks that it runs a lane of."""
    rows_per_second: float
    peak_memory: float
    """MB."""
    age: float = 0.0
    """Seconds since it published this, by Redis's clock."""
    memory: float | None = None
    """MB now. A worker of an earlier release says nothing about this, nor about what follows."""
    parts_done: int | None = None
    """Windows and units that it has done since it started."""
    parts_failed: int | None = None
    """Windows and units that have failed in it, each attempt counted."""
    uptime: float | None = None
    """Seconds since it started."""

    @property
    def silent(self) -> bool:
        """Whether it is overdue."""
        return self.age > 3 * PUBLISH_SECONDS

    @property
    def key(self) -> str:
        """Its key in Redis."""
        return f"{presence_prefix(self.deployment)}{self.host}:{self.pid}"


def presence_prefix(deployment: str) -> str:
    """Return what the keys of a deployment's workers begin with."""
    return f"audience:{deployment}:worker:"


@dataclass(frozen=True)
class QueueDepth:
    """The jobs in a queue."""

    name: str
    ready: int
    """Jobs that are due: a worker may take them, or is running them."""
    deferred: tuple[str, ...]
    """The ids of the tasks whose jobs are not due yet, the next first."""
    due_in: float | None
    """Seconds until the next deferred job is due."""
    oldest: float | None = None
    """Seconds that the oldest job that no worker has taken has been due."""


async def publish(redis: RedisClient, worker: Worker) -> None:
    """Publish a worker's presence."""
    description = {
        "host": worker.host,
        "pid": worker.pid,
        "queue": worker.queue,
        "tasks": worker.tasks,
        "rows_per_second": round(worker.rows_per_second, 1),
        "peak_memory": round(worker.peak_memory, 1),
        "memory": round(worker.memory or 0.0, 1),
        "parts_done": worker.parts_done,
        "parts_failed": worker.parts_failed,
        "uptime": round(worker.uptime or 0.0),
    }
    await redis.set(worker.key, json.dumps(description), ex=_LIFE_SECONDS)


async def withdraw(redis: RedisClient, worker: Worker) -> None:
    """Remove the presence of a worker that stops."""
    await redis.delete(worker.key)


async def read_workers(redis: RedisClient, deployment: str) -> tuple[Worker, ...]:
    """Return the workers of a deployment that have published a presence, sorted by queue, host and pid."""
    workers = []
    async for key in redis.scan_iter(match=f"{presence_prefix(deployment)}*", _type="STRING"):
        description, milliseconds_left = await redis.getrange(key, 0, _MAX_BYTES), await redis.pttl(key)
        age = _LIFE_SECONDS - milliseconds_left / 1000
        # Skip what no worker of this release wrote, and keys that live longer than a presence does.
        with suppress(ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            if 0 <= age <= _LIFE_SECONDS:
                workers.append(_worker(deployment, json.loads(description), age))
    return tuple(sorted(workers, key=lambda worker: (worker.queue, worker.host, worker.pid)))


async def read_queues(redis: RedisClient, deployment: str, own: str) -> tuple[QueueDepth, ...]:
    """Return the depth of every queue of a deployment, and of the queue `own` even if it is empty."""
    now = (await redis_time(redis)).timestamp() * 1000
    queues: dict[str, list[tuple[str, str, float]]] = {own: []}
    async for key in redis.scan_iter(match=f"{queue_prefix(deployment)}*", _type="ZSET"):
        jobs = queues.setdefault(queue_name(deployment, key.decode(errors="replace")), [])
        for member, score in await redis.zrange(key, 0, -1, withscores=True):
            if is_job_id(member):
                jobs.append((task_id_of(member.decode()), member.decode(), score))
    waiting = await _waiting_since(redis, queues, now)
    depths = []
    for name, jobs in sorted(queues.items()):
        later = sorted(((task_id, score) for task_id, _, score in jobs if score > now), key=itemgetter(1))
        depths.append(
            QueueDepth(
                name=name,
                ready=len(jobs) - len(later),
                deferred=tuple(task_id for task_id, _ in later),
                due_in=(later[0][1] - now) / 1000 if later else None,
                oldest=(now - waiting[name]) / 1000 if name in waiting else None,
            )
        )
    return tuple(depths)


@dataclass(frozen=True)
class JobCounts:
    """How many jobs of one kind are in a queue."""

    ready: int
    """Due: a worker may take them, or is running them."""
    deferred: int


async def count_jobs(redis: RedisClient, deployment: str, own: str) -> dict[tuple[str, str], JobCounts]:
    """Return the number of jobs by queue and kind, in every queue of a deployment, and in the queue `own`."""
    now = (await redis_time(redis)).timestamp() * 1000
    counts = {(own, kind): JobCounts(0, 0) for kind in (LABEL, PRODUCE)}
    async for key in redis.scan_iter(match=f"{queue_prefix(deployment)}*", _type="ZSET"):
        name = key.decode(errors="replace")
        kind = PRODUCE if name.endswith(f":{PRODUCE}") else LABEL
        deferred = len(await redis.zrangebyscore(key, f"({now}", "+inf"))
        counts[queue_name(deployment, name), kind] = JobCounts(await redis.zcard(key) - deferred, deferred)
    return counts


async def _waiting_since(
    redis: RedisClient, queues: Mapping[str, Sequence[tuple[str, str, float]]], now: float
) -> dict[str, float]:
    """Return when the oldest job that no worker has taken was due, by queue. One round trip."""
    oldest = {
        name: sorted(((score, job_id) for _, job_id, score in jobs if score <= now))[:_MOST_TAKEN]
        for name, jobs in queues.items()
    }
    waiting = await find_waiting(redis, (job_id for jobs in oldest.values() for _, job_id in jobs))
    first = {name: next((score for score, job_id in jobs if job_id in waiting), None) for name, jobs in oldest.items()}
    return {name: score for name, score in first.items() if score is not None}


def _worker(deployment: str, description: dict[str, Any], age: float) -> Worker:
    return Worker(
        deployment=deployment,
        host=str(description["host"]),
        pid=int(description["pid"]),
        queue=str(description["queue"]),
        tasks=tuple(map(str, description["tasks"])),
        # An earlier release has another name for it.
        rows_per_second=_finite(description.get("rows_per_second", description.get("rows_a_second"))),
        peak_memory=_finite(description["peak_memory"]),
        age=age,
        **{name: None if description.get(name) is None else kind(description[name]) for name, kind in _LATER.items()},
    )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a finite number")
    return number


# What workers of earlier releases do not publish.
_LATER: Mapping[str, Callable[[Any], Any]] = {
    "memory": _finite,
    "parts_done": int,
    "parts_failed": int,
    "uptime": _finite,
}
