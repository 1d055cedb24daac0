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
    key = sha256(name.encode()).hexdigest()  # the server takes at most 64 characters
    arguments = {"key": key, "seconds": seconds}
    if await session.rows("SELECT GET_LOCK(%(key)s, %(seconds)s)", arguments, seconds=seconds + 10) != [(1,)]:
        raise LockTaken(name)
    yield
    await session.row("SELECT RELEASE_LOCK(%(key)s)", {"key": key})
