"""The bell of a queue: a message that tells its workers to look for a job now.

It may be lost, and an account may not be allowed to send or hear it. Workers look from time to time anyway.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from redis.exceptions import NoPermissionError

from jobs.model.queues import Queue
from jobs.queue.client import REDIS_ERRORS, RedisClient, redis_failure

_logger = logging.getLogger(__name__)

_WAIT_SECONDS = 30.0
_RETRY_SECONDS = 1.0
_DENIED_SECONDS = 60.0


async def ring(redis: RedisClient, queue: Queue) -> None:
    """Ring the bell of a queue. Raises nothing: the job is in the queue."""
    with suppress(*REDIS_ERRORS):
        await redis.publish(queue.bell, b"")


async def listen(redis: RedisClient, queue: Queue, heard: Callable[[], None]) -> None:
    """Call `heard` when the bell of a queue rings, and when listening begins: it may have rung before.

    Listens until it is cancelled.
    """
    denied = False
    while True:
        try:
            async with redis.pubsub() as channel:
                await channel.subscribe(queue.bell)
                while True:
                    # The first message says that listening has begun.
                    if await channel.get_message(timeout=_WAIT_SECONDS):
                        heard()
        except NoPermissionError as error:
            if not denied:
                _logger.warning("%s; jobs start a little later; see audience check", redis_failure(error))
            denied = True
            await asyncio.sleep(_DENIED_SECONDS)
        except REDIS_ERRORS:
            await asyncio.sleep(_RETRY_SECONDS)
