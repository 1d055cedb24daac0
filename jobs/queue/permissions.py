"""What the account in Redis must be allowed, by arq and by us, and which of it is missing."""

from arq.connections import ArqRedis
from arq.constants import (
    abort_jobs_ss,
    in_progress_key_prefix,
    job_key_prefix,
    result_key_prefix,
    retry_key_prefix,
)
from redis.exceptions import NoPermissionError, ResponseError

from jobs.queue.client import QUEUE_PREFIX

# By the beginning of their keys, the commands in full: as many arguments as Redis asks for.
_WITH_KEYS = {
    QUEUE_PREFIX: (
        "ZADD {} 0 job",
        "ZCARD {}",
        "ZINCRBY {} 0 job",
        "ZRANGE {} 0 -1",
        "ZRANGEBYSCORE {} 0 0",
        "ZREM {} job",
        "ZREMRANGEBYSCORE {} 1 0",
        "ZSCAN {} 0",
        "ZSCORE {} job",
    ),
    job_key_prefix: ("DEL {}", "EXISTS {}", "GET {}", "PSETEX {} 1 job"),
    result_key_prefix: ("EXISTS {}",),
    in_progress_key_prefix: ("DEL {}", "EXISTS {}", "PEXPIRE {} 1", "PSETEX {} 1 job"),
    retry_key_prefix: ("DEL {}", "EXPIRE {} 1", "INCRBY {} 1"),
    abort_jobs_ss: ("ZREM {} job",),
    "audience:worker:": ("DEL {}", "GETRANGE {} 0 0", "PTTL {}", "SET {} worker"),
    "audience:health:": ("DEL {}", "PSETEX {} 1 worker"),
}
_WITHOUT_KEYS = ("DBSIZE", "INFO", "PING", "SCAN 0", "TIME")
_OF_TRANSACTIONS = ("WATCH {}", "UNWATCH", "EXEC")  # of no effect while there is none

_COMMANDS = {
    command.split()[0].lower()
    for commands in (*_WITH_KEYS.values(), _WITHOUT_KEYS, _OF_TRANSACTIONS)
    for command in commands
} | {"multi"}

RULES = ["~audience:*", "~arq:*", *sorted(f"+{command}" for command in _COMMANDS)]
"""All that an account needs, as ACL SETUSER takes it."""


async def missing_rights(redis: ArqRedis) -> list[str]:
    """The rules that an account's ACL lacks, as ACL SETUSER takes them. Changes nothing.

    Redis looks whether a command is allowed when it is put into a transaction; this one is never executed.
    """
    connection = await redis.connection_pool.get_connection()
    missing: dict[str, None] = {}

    async def ask(command: str, key: str = "") -> bool:
        words = [word.format(key) for word in command.split()]
        await connection.send_command(*words)
        try:
            await connection.read_response()
        except ResponseError as error:
            # Where EXEC is not allowed, it is the transaction that fails, and says why.
            if not isinstance(error, NoPermissionError) and "NOPERM" not in str(error):
                return True
            of_a_key = "command" not in str(error)
            missing[f"~{key.split(':')[0]}:*" if of_a_key else f"+{words[0].lower()}"] = None
            return False
        return True

    try:
        for command in _OF_TRANSACTIONS:
            await ask(command, job_key_prefix)
        if await ask("MULTI"):
            for command in _WITHOUT_KEYS:
                await ask(command)
            for prefix, commands in _WITH_KEYS.items():
                for command in commands:
                    await ask(command, prefix)
    finally:
        await connection.disconnect()  # and with it goes the transaction
        await redis.connection_pool.release(connection)
    return list(missing)
