"""Streams a query's rows from the input server, in batches, with a fast driver.

asyncmy reads rows six times as fast as aiomysql, but it is young. Each stream has a connection of its own, which is
closed hard. Until all rows have arrived, nothing else may be asked on it. Then it is asked how many the server sent,
because a stream that is cut off would end early, without an error.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from operator import itemgetter
from typing import Any

import asyncmy
import asyncmy.errors
from asyncmy.constants import CR, ER, FIELD_TYPE
from asyncmy.converters import conversions
from asyncmy.cursors import SSCursor

from jobs.errors import DatabaseError
from jobs.storage.connection import FOREIGN_BYTES, Arguments, cancellable, database_error, not_mariadb, not_utf8
from jobs.storage.endpoint import CONNECT_SECONDS, ENCRYPTION, REQUIRED_VARIABLES, Server
from jobs.storage.values import Row

# A batch has this many rows, or fewer if they are wide: after this many characters, it ends with the rows that
# the driver has received.
BATCH_ROWS = 2_000
BATCH_CHARACTERS = 500_000
# The characters of columns that are longer than this are counted. The others of a batch are a few megabytes at most.
_WIDE_COLUMN = 4_000
# The longest wait for a batch. The first row of a range without an index may take a scan of the table.
READ_SECONDS = 600.0

# Rows that are not committed may never be, whatever the server's default.
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"

_TIMES = (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATE)
# Times stay text, as MariaDB writes them: they sort as text, are inserted as text, and cost nothing to read.
_CONVERSIONS = {key: convert for key, convert in conversions.items() if key not in _TIMES}


class Reader:
    """A connection for one query whose rows are streamed, and for short queries before it."""

    def __init__(self, server: Server, connection: Any) -> None:
        self._server = server
        self._connection = connection

    async def begin_snapshot(self) -> None:
        """Have all queries from here on see the data as they are when the first one is run, if the engine can."""
        await self.rows("START TRANSACTION READ ONLY", {})

    async def rows(self, sql: str, arguments: Arguments) -> list[Row]:
        """Return the few rows of a query, which may take as long as a batch."""
        with _as_database_error(self._server):
            async with asyncio.timeout(READ_SECONDS), self._connection.cursor() as cursor:
                await cursor.execute(sql, dict(arguments))
                return list(await cursor.fetchall())

    def batches(self, sql: str, arguments: Arguments) -> AsyncIterator[list[Row]]:
        """Return an iterator over the batches of a query's rows. Raises DatabaseError rather than end early."""
        return _batches(self._server, self._connection, sql, arguments)


@asynccontextmanager
async def open_reader(server: Server) -> AsyncIterator[Reader]:
    """Open a connection to read from. Raises DatabaseError."""
    with _as_database_error(server):
        # The driver's own limit covers only the TCP connection, not the server's greeting.
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await cancellable(_open(server))
    transport = connection._transport
    try:
        await _check_session(server, connection)
        yield Reader(server, connection)
    finally:
        # close() alone waits, over TLS, up to half a minute for a busy server to answer.
        transport.abort()
        connection.close()


@asynccontextmanager
async def stream(server: Server, sql: str, arguments: Arguments) -> AsyncIterator[AsyncIterator[list[Row]]]:
    """Open an iterator over the batches of a query's rows. Raises DatabaseError rather than end early."""
    async with open_reader(server) as reader:
        yield reader.batches(sql, arguments)


async def _open(server: Server) -> Any:
    try:
        return await asyncmy.connect(**server.options(), autocommit=True, conv=_CONVERSIONS)
    except (*FOREIGN_BYTES, asyncmy.errors.InternalError) as error:
        raise not_mariadb(server) from error


async def _check_session(server: Server, connection: Any) -> None:
    with _as_database_error(server):
        async with asyncio.timeout(CONNECT_SECONDS), connection.cursor() as cursor:
            if server.tls is not None:
                await cursor.execute(ENCRYPTION)
                server.require_encryption(await cursor.fetchone())
            await cursor.execute(REQUIRED_VARIABLES)
            server.require_variables(await cursor.fetchone())
            await cursor.execute(_ISOLATION)


async def _batches(server: Server, connection: Any, sql: str, arguments: Arguments) -> AsyncIterator[list[Row]]:
    cursor = connection.cursor(SSCursor)
    # Unless paused, the driver buffers whatever the server sends, without bound.
    transport = connection._transport

    async def next_batch() -> list[Row]:
        # Not the driver's read_timeout: it waits in a separate task, and its buffer grows meanwhile.
        with _as_database_error(server):
            async with asyncio.timeout(READ_SECONDS):
                transport.resume_reading()
                rows = await _fetch_batch(server, cursor, wide)
                transport.pause_reading()
                return rows

    with _as_database_error(server):
        async with asyncio.timeout(READ_SECONDS):
            await cursor.execute(sql, dict(arguments))
    # The driver gives the length of a LONGTEXT as a negative number.
    wide = [column for column, field in enumerate(cursor.description) if not 0 <= field[3] <= _WIDE_COLUMN]
    received = 0
    while rows := await next_batch():
        received += len(rows)
        yield rows
    transport.resume_reading()
    await _check_received(server, connection, cursor, received)


async def _check_received(server: Server, connection: Any, cursor: Any, received: int) -> None:
    """Raise DatabaseError unless all rows that the server has sent were received."""
    with _as_database_error(server):
        async with asyncio.timeout(CONNECT_SECONDS):
            await cursor.close()
            async with connection.cursor() as counting:
                await counting.execute("SELECT FOUND_ROWS()")
                (sent,) = await counting.fetchone()
    if received != sent:
        raise DatabaseError(str(server), CR.CR_SERVER_LOST, f"only {received:,} of {sent:,} rows arrived")


async def _fetch_batch(server: Server, cursor: Any, wide: Sequence[int]) -> list[Row]:
    """Fetch the next rows, an empty list at the end. `wide` are the columns whose characters count."""
    rows: list[Row] = []
    characters = 0
    while len(rows) < BATCH_ROWS and characters < BATCH_CHARACTERS:
        row = await cursor.fetchone()
        if row is None:
            break
        # Not fetchmany, which awaits its number of rows, whatever their size. These are complete in the driver's
        # buffer, which has 256 kB, or the size of a wider row.
        received = [row, *cursor._result._take_pending_rows(BATCH_ROWS - len(rows) - 1)]
        for column in wide:
            try:
                characters += sum(map(len, map(itemgetter(column), received)))
            except TypeError:  # NULL, although the query asks for none
                raise _overflow(server, received, column) from None
        rows += received
    return rows


def _overflow(server: Server, rows: Sequence[Row], column: int) -> DatabaseError:
    """Return the error for a row whose value is so large that the server returns NULL for it."""
    row = next(row for row in rows if row[column] is None)
    known = ", ".join(str(value) for value in row if isinstance(value, int | str) and len(str(value)) < 100)
    return DatabaseError(
        str(server),
        ER.WARN_ALLOWED_PACKET_OVERFLOWED,
        f"a value of the row ({known}) is larger than the server's max_allowed_packet, so it returns NULL instead;"
        " raise max_allowed_packet, or shorten the value",
    )


@contextmanager
def _as_database_error(server: Server) -> Iterator[None]:
    try:
        yield
    except asyncmy.errors.MySQLError as error:
        raise database_error(server, error) from error
    except UnicodeDecodeError as error:
        raise not_utf8(server, error) from error
    except (OSError, UnicodeError) as error:  # TimeoutError among them
        raise DatabaseError(str(server), 2003, str(error) or "no answer") from error
