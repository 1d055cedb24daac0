"""Connections to MariaDB, for everything but the bulk of the input (see stream.py).

Each piece of work opens and closes a connection of its own, and each call has a deadline. There is no
pool, so a broken connection is never reused. Every failure is raised as DatabaseError.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import aiomysql
import pymysql
from pymysql.constants import CLIENT, CR, ER

from jobs.errors import DatabaseError
from jobs.storage.endpoint import CONNECT_SECONDS, ENCRYPTION, REQUIRED_VARIABLES, Server
from jobs.storage.values import Row, RowTooLarge, values_lists
from jobs.tls import tls_failure

CALL_SECONDS = 60.0
_CLOSE_SECONDS = 1.0

# What a statement has beside the values of its rows: a command, and names of at most 64 characters.
_STATEMENT_BYTES = 2_000

Arguments = Mapping[str, object]
"""The values of a statement's named placeholders, such as %(task_id)s."""

FOREIGN_BYTES = (struct.error, LookupError, UnicodeDecodeError)
"""What the drivers raise if the bytes that they receive are not those of the protocol."""

_NO_ARGUMENTS: Arguments = {}

_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE"


class _Quiet:
    """Keeps the driver from printing the server's warnings, which may quote data, on the screen."""

    async def _show_warnings(self, _: object) -> None:
        """Nothing: the sql_mode makes an error of what matters."""


class _TupleCursor(_Quiet, aiomysql.Cursor):  # type: ignore[misc]
    """Rows as tuples."""


class _DictCursor(_Quiet, aiomysql.DictCursor):  # type: ignore[misc]
    """Rows as dictionaries."""


def _a_row(_: Row) -> str:
    return "a row"


class Session:
    """An open connection that runs one statement at a time, in autocommit mode except inside `transaction`.

    Statements take their values by name: `session.rows("... WHERE task_id = %(task_id)s", {"task_id": ...})`.
    """

    def __init__(self, server: Server, connection: aiomysql.Connection) -> None:
        self._server = server
        self._connection = connection
        self._turn = asyncio.Lock()
        self._packet_bytes: int | None = None

    async def rows(
        self, sql: str, arguments: Arguments = _NO_ARGUMENTS, *, seconds: float | None = CALL_SECONDS
    ) -> list[Row]:
        """Return all rows of a query, as tuples."""
        async with self._cursor(seconds, _TupleCursor) as cursor:
            await cursor.execute(sql, dict(arguments))
            return list(await cursor.fetchall())

    async def row(self, sql: str, arguments: Arguments = _NO_ARGUMENTS) -> Row | None:
        """Return the first row of a query, or None."""
        rows = await self.rows(sql, arguments)
        return rows[0] if rows else None

    async def records(self, sql: str, arguments: Arguments = _NO_ARGUMENTS) -> list[dict[str, Any]]:
        """Return all rows of a query, as dictionaries by column."""
        async with self._cursor(CALL_SECONDS, _DictCursor) as cursor:
            await cursor.execute(sql, dict(arguments))
            return list(await cursor.fetchall())

    async def execute(
        self, sql: str, arguments: Arguments = _NO_ARGUMENTS, *, seconds: float | None = CALL_SECONDS
    ) -> int:
        """Run a statement and return the number of rows it changed."""
        async with self._cursor(seconds, _TupleCursor) as cursor:
            return int(await cursor.execute(sql, dict(arguments)))

    async def insert_many(self, insert: str, rows: Iterable[Row], name: Callable[[Row], str] = _a_row) -> int:
        """Insert rows with few large statements, and return their number. `insert` is the statement up to VALUES.

        Raises DatabaseError for a row that no statement can hold; `name` is its name in the message.
        """
        if self._packet_bytes is None:
            packet = await self.row("SELECT @@max_allowed_packet")
            assert packet is not None
            self._packet_bytes = int(packet[0])
        count = 0
        try:
            for values in values_lists(rows, self._packet_bytes - _STATEMENT_BYTES):
                async with self._cursor(CALL_SECONDS, _TupleCursor) as cursor:
                    count += int(await cursor.execute(f"{insert % ()} VALUES {values}"))
        except RowTooLarge as error:
            raise DatabaseError(
                str(self._server),
                ER.NET_PACKET_TOO_LARGE,
                f"{name(error.row)} takes {error.size:,} bytes in a statement, but the server's max_allowed_packet"
                f" is {self._packet_bytes:,}; raise it, or shorten the text",
            ) from None
        return count

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit at the end of the block; roll back if it raises."""
        await self.execute("START TRANSACTION")
        try:
            yield
        except BaseException:
            # Closing rolls back too, and works whatever the state of the connection.
            self._connection.close()
            raise
        await self.execute("COMMIT")

    @asynccontextmanager
    async def _cursor(self, seconds: float | None, kind: type[Any]) -> AsyncIterator[Any]:
        with _as_database_error(self._server, seconds):
            # The wait for its turn does not count: the statement before it may have no deadline.
            async with self._turn, asyncio.timeout(seconds), self._connection.cursor(kind) as cursor:
                yield cursor


@asynccontextmanager
async def connect(server: Server) -> AsyncIterator[Session]:
    """Open a connection for a piece of work. Raises DatabaseError."""
    with _as_database_error(server, CONNECT_SECONDS):
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await cancellable(_open(server))
    try:
        _keep_alive(connection)
        session = Session(server, connection)
        if server.tls is not None:
            server.require_encryption(await session.row(ENCRYPTION))
        server.require_variables(await session.row(REQUIRED_VARIABLES))
        await session.execute(_ISOLATION)
        yield session
        # Without a goodbye, the server would log an aborted connection.
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await connection.ensure_closed()
    finally:
        connection.close()


async def cancellable(connecting: Coroutine[Any, Any, Any]) -> Any:
    """Await a connection without losing a cancellation of the current task.

    Both drivers connect with `asyncio.wait_for`. Before Python 3.12 it loses a cancellation that arrives
    just as the awaited result is ready (python/cpython#86296); a poll or a lane would then never end, and a
    command only when the server answers. So a task of its own connects.
    """
    opening = asyncio.create_task(connecting)
    try:
        await asyncio.wait({opening})  # loses none
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        opening.cancel()
        asyncio.get_running_loop().call_later(_CLOSE_SECONDS, opening.cancel)  # the first one may be lost
        raise
    return opening.result()


def _close_unwanted(opening: "asyncio.Task[Any]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def _open(server: Server) -> "_Connection":
    connection = _Connection(**server.options(), autocommit=True)
    try:
        await connection._connect()
    except (*FOREIGN_BYTES, pymysql.InternalError) as error:
        raise not_mariadb(server) from error
    return connection


def not_mariadb(server: Server) -> DatabaseError:
    """Return the error for an answer that is not MariaDB's."""
    reason = "what answers there is not a MariaDB server; check the host and the port"
    return DatabaseError(str(server), CR.CR_SERVER_HANDSHAKE_ERR, reason)


def not_utf8(server: Server, error: UnicodeDecodeError) -> DatabaseError:
    """Return the error for a text that a driver cannot decode."""
    wrong = error.object[error.start : error.start + 4].hex().upper()
    reason = (
        f"a text that is read has bytes that are not UTF-8, from X'{wrong}' on, as half a surrogate pair has;"
        " LOCATE finds them in a text as BINARY; correct the text"
    )
    return DatabaseError(str(server), ER.INVALID_CHARACTER_STRING, reason)


class _Connection(aiomysql.Connection):  # type: ignore[misc]
    """The driver's connection, with two corrections for TLS."""

    async def _request_authentication(self) -> None:
        # The driver itself would log in without TLS if the server offers none.
        if self._ssl_context is not None and not self.server_capabilities & CLIENT.SSL:
            raise pymysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, "it has no TLS")
        await super()._request_authentication()

    def close(self) -> None:
        # Over TLS, a transport's close() waits up to half a minute for a busy server to answer.
        if self._writer is not None:
            self._writer.transport.abort()
        super().close()


def _keep_alive(connection: aiomysql.Connection) -> None:
    """Detect a silently lost server within a minute: production statements have no deadline."""
    sock = connection._writer.get_extra_info("socket")
    if sock is not None and sock.family != getattr(socket, "AF_UNIX", None):
        for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, option):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def quote(*names: str) -> str:
    """Quote identifiers with backticks and join them by dots: quote("a", "b") is `a`.`b`.

    A percent sign is doubled, because the driver %-formats every statement with its arguments.
    """
    return ".".join("`" + name.replace("`", "``").replace("%", "%%") + "`" for name in names)


@contextmanager
def _as_database_error(server: Server, seconds: float | None) -> Iterator[None]:
    try:
        yield
    except pymysql.Error as error:
        raise database_error(server, error) from error
    except TimeoutError as error:
        raise DatabaseError(str(server), 2013, f"no answer within {seconds:.0f} seconds") from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise DatabaseError(str(server), 2013, f"connection lost: {error}") from error
    except UnicodeDecodeError as error:
        raise not_utf8(server, error) from error
    except UnicodeError as error:  # not a possible host name
        raise DatabaseError(str(server), 2003, f"not a host name: {error}") from error


def database_error(server: Server, error: Exception) -> DatabaseError:
    """Return the DatabaseError for a driver's exception."""
    failure = tls_failure(error)
    if failure is not None:
        error = pymysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, failure)
    match error.args:
        case [CR.CR_CONN_HOST_ERROR, *_] if isinstance(error.__cause__, OSError):
            return DatabaseError(str(server), CR.CR_CONN_HOST_ERROR, f"cannot connect: {_reason(error.__cause__)}")
        case [CR.CR_SSL_CONNECTION_ERROR, str(reason)] if server.tls is not None:
            return DatabaseError(str(server), CR.CR_SSL_CONNECTION_ERROR, server.tls.refusal(reason))
        case [int(code), *rest] if code:
            return DatabaseError(str(server), code, str(rest[0]) if rest else "")
        case _:  # the driver lost its connection and gives no code
            return DatabaseError(str(server), 2006, " ".join(map(str, error.args)) or "connection lost")


def _reason(error: OSError) -> str:
    """Return why there is no connection, without the address, which asyncio's text repeats."""
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:.0f} seconds"
    # The errors of a name lookup have negative numbers.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
