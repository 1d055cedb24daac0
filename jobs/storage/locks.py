"""Named locks of the output server: they serialise work that no row lock covers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from jobs.errors import LockTaken
from jobs.storage.connection import Session


@asynccontextmanager
async def named_lock(session: Session, name: str, seconds: float) -> AsyncIterator[None]:
    """Hold the server's lock of this name; it is released with the connection at the latest.

    Raises LockTaken if another connection holds it for this many seconds.
    """
    key = _lock_key(name)
    if await session.row("SELECT GET_LOCK(%(key)s, %(seconds)s)", {"key": key, "seconds": seconds}) != (1,):
        raise LockTaken(name)
    yield
    await session.row("SELECT RELEASE_LOCK(%(key)s)", {"key": key})


async def lock_holder(session: Session, name: str) -> int | None:
    """Return the server's id of the connection that holds this lock."""
    row = await session.row("SELECT IS_USED_LOCK(%(key)s)", {"key": _lock_key(name)})
    return None if row is None or row[0] is None else int(row[0])


def _lock_key(name: str) -> str:
    return sha256(name.encode()).hexdigest()  # the server takes at most 64 characters
