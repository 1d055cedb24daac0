"""Redis's clock: jobs are scheduled by it, so that the clocks of hosts need not agree."""

import time
from datetime import UTC, datetime

import arq.worker

from jobs.queue.client import RedisClient


async def redis_time(redis: RedisClient) -> datetime:
    """Return Redis's time."""
    seconds, microseconds = await redis.time()
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


class WorkerClock:
    """Redis's time, continued by this host's monotonic clock since Redis was last asked."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def install(self) -> None:
        """Make arq's worker read this clock in place of the host's.

        A worker on a host whose clock is an hour behind would otherwise start each job an hour late.
        """
        arq.worker.timestamp_ms = self._now_ms  # type: ignore[attr-defined]

    async def synchronize(self, redis: RedisClient) -> None:
        """Ask Redis for its time."""
        self._offset = (await redis_time(redis)).timestamp() - time.monotonic()

    def _now_ms(self) -> int:
        return round((self._offset + time.monotonic()) * 1000)
