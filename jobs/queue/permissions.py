"""The permissions that an account needs in Redis, and which of them it lacks.

Not by ACL DRYRUN: that is an administrator's command, which would tell this account the rights of every
other, and Redis 6 lacks it.
"""

from arq.constants import (
    abort_jobs_ss,
    in_progress_key_prefix,
    job_key_prefix,
    result_key_prefix,
    retry_key_prefix,
)
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError

from jobs.model.queues import queue_prefix
from jobs.queue.client import RedisClient
from jobs.queue.presence import presence_prefix


def health_prefix(deployment: str) -> str:
    """Return what the keys of arq's own health check begin with."""
    return f"audience:{deployment}:health:"


# The name of a deployment does not matter: an account may use all keys that begin with audience:.
_PROBED = "default"

# The commands that arq and we send, by the prefix of their keys, with as many arguments as Redis requires.
_WITH_KEYS = {
    queue_prefix(_PROBED): (
        "ZADD {} 0 job",
        "ZCARD {}",
        "ZINCRBY {} 0 job",
        "ZRANGE {} 0 -1",
        "ZRANGEBYSCORE {} 0 0",
        "ZREM {} job",
        "ZREMRANGEBYSCORE {} 1 0",
        "ZSCORE {} job",
    ),
    job_key_prefix: ("DEL {}", "EXISTS {}", "GET {}", "PSETEX {} 1 job"),
    result_key_prefix: ("EXISTS {}",),
    in_progress_key_prefix: ("DEL {}", "EXISTS {}", "PEXPIRE {} 1", "PSETEX {} 1 job"),
    retry_key_prefix: ("DEL {}", "EXPIRE {} 1", "INCRBY {} 1"),
    abort_jobs_ss: ("ZREM {} job",),
    presence_prefix(_PROBED): ("DEL {}", "GETRANGE {} 0 0", "PTTL {}", "SET {} worker"),
    health_prefix(_PROBED): ("DEL {}", "PSETEX {} 1 worker"),
}
_WITH_CHANNEL = ("PUBLISH {} job", "SUBSCRIBE {}")
_WITHOUT_KEYS = ("PING", "SCAN 0", "TIME")
_TRANSACTION = ("WATCH {}", "UNWATCH", "EXEC")  # without effect outside a transaction

_COMMANDS = {
    command.split()[0].lower()
    for commands in (*_WITH_KEYS.values(), _WITH_CHANNEL, _WITHOUT_KEYS, _TRANSACTION)
    for command in commands
} | {"multi"}

RULES = ["~audience:*", "~arq:*", "&audience:*", *sorted(f"+{command}" for command in _COMMANDS)]
"""Everything that an account needs, as arguments of ACL SETUSER."""


class WritesRefused(RedisError):
    """Redis accepts no writes, whoever sends them. `advice` says what to do."""

    def __init__(self, reason: ResponseError) -> None:
        super().__init__(str(reason).rstrip("."))
        self.advice = "see Redis's log"
        if isinstance(reason, OutOfMemoryError):
            self.advice = "raise Redis's maxmemory"
        elif isinstance(reason, ReadOnlyError):
            self.advice = "let REDIS_URL name the primary, or promote the replica"


async def missing_permissions(redis: RedisClient) -> list[str]:
    """Return the rules that an account's ACL lacks, as arguments of ACL SETUSER. Changes nothing.

    Raises WritesRefused if the account lacks no right, but Redis accepts no writes.

    Redis checks a command's permission when the command is queued in a transaction. This transaction is
    never executed.
    """
    connection = await redis.connection_pool.get_connection()
    missing: dict[str, None] = {}
    refused: list[ResponseError] = []

    async def allowed(command: str, key: str = "", sign: str = "~") -> bool:
        words = [word.format(key) for word in command.split()]
        await connection.send_command(*words)
        try:
            await connection.read_response()
        except ResponseError as error:
            # If EXEC is not allowed, the transaction fails, and its error says why.
            if not isinstance(error, NoPermissionError) and "NOPERM" not in str(error):
                if command not in _TRANSACTION:
                    refused.append(error)
                return True
            about_command = "command" in str(error)
            missing[f"+{words[0].lower()}" if about_command else f"{sign}{key.split(':')[0]}:*"] = None
            return False
        return True

    try:
        for command in _TRANSACTION:
            await allowed(command, job_key_prefix)
        if await allowed("MULTI"):
            for command in _WITHOUT_KEYS:
                await allowed(command)
            for command in _WITH_CHANNEL:
                await allowed(command, queue_prefix(_PROBED), "&")
            for prefix, commands in _WITH_KEYS.items():
                for command in commands:
                    await allowed(command, prefix)
    finally:
        await connection.disconnect()  # discards the transaction
        await redis.connection_pool.release(connection)
    if refused and not missing:
        raise WritesRefused(refused[0])
    return list(missing)
