"""Connections to MariaDB for everything but the bulk of the input (that is stream.py).

One connection a piece of work, opened and closed with it, each call with a deadline: no pool, so
no broken connection is ever handed on. Whatever goes wrong is raised as DatabaseError.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiomysql
import pymysql
from pydantic import SecretStr
from pymysql.constants import CLIENT, CR

from jobs.errors import DatabaseError
from jobs.tls import Tls, tls_trouble

CONNECT_SECONDS = 10.0
CALL_SECONDS = 60.0
_LEAVE_SECONDS = 1.0

# A statement must fit the server's max_allowed_packet, 16 MB by default, with all of its
# characters at four bytes. Larger ones are no faster.
STATEMENT_CHARACTERS = 200_000

Row = tuple[Any, ...]

# Strict: a value that does not fit is an error, never cut. Without NO_BACKSLASH_ESCAPES, whatever
# the server's default: the drivers escape with backslashes. Notes ("table exists already") off: the
# driver would ask for them and turn each into a Python warning.
_SESSION = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION sql_notes = 0"
# The cipher of the connection that asks, "" where it has none.
ENCRYPTION = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"


@dataclass(frozen=True)
class Server:
    """How to reach a database server. `name` is what messages call it."""

    name: str
    host: str
    port: int
    user: str
    password: SecretStr
    tls: Tls | None = None
    """None: not encrypted."""

    def __str__(self) -> str:
        return f"{self.name} {self.host}:{self.port}"

    def options(self) -> dict[str, Any]:
        """What both drivers are given to connect."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            # The drivers encode a password as Latin-1; this way what they send is its UTF-8.
            "password": self.password.get_secret_value().encode().decode("latin-1"),
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_SECONDS,
            "ssl": self.tls.context() if self.tls else None,
            "init_command": _SESSION,
        }

    def refuse_unencrypted(self, encryption: Row | None) -> None:
        """Raises DatabaseError where TLS is required and the server's answer to ENCRYPTION says that there is none."""
        if self.tls is not None and not (encryption and encryption[1]):
            refusal = self.tls.refusal("the connection is not encrypted")
            raise DatabaseError(str(self), CR.CR_SSL_CONNECTION_ERROR, refusal)


class _Quiet:
    """The driver would print the server's warnings on the screen, with whatever data they quote."""

    async def _show_warnings(self, _: object) -> None:
        """Nothing: the sql_mode makes an error of what matters."""


class _Cursor(_Quiet, aiomysql.Cursor):  # type: ignore[misc]
    """Rows as tuples."""


class _DictCursor(_Quiet, aiomysql.DictCursor):  # type: ignore[misc]
    """Rows as dictionaries."""


class Session:
    """An open connection; its statements take turns. In autocommit mode but inside `transaction`."""

    def __init__(self, server: Server, connection: aiomysql.Connection) -> None:
        self._server = server
        self._connection = connection
        self._turn = asyncio.Lock()

    async def rows(
        self, sql: str, arguments: Sequence[object] = (), *, seconds: float | None = CALL_SECONDS
    ) -> list[Row]:
        """All rows of a query, as tuples."""
        async with self._cursor(seconds, _Cursor) as cursor:
            await cursor.execute(sql, tuple(arguments))
            return list(await cursor.fetchall())

    async def row(self, sql: str, arguments: Sequence[object] = ()) -> Row | None:
        """The first row of a query, or None."""
        rows = await self.rows(sql, arguments)
        return rows[0] if rows else None

    async def records(self, sql: str, arguments: Sequence[object] = ()) -> list[dict[str, Any]]:
        """All rows of a query, as dictionaries by column."""
        async with self._cursor(CALL_SECONDS, _DictCursor) as cursor:
            await cursor.execute(sql, tuple(arguments))
            return list(await cursor.fetchall())

    async def execute(self, sql: str, arguments: Sequence[object] = (), *, seconds: float | None = CALL_SECONDS) -> int:
        """Runs a statement; the number of rows it changed."""
        async with self._cursor(seconds, _Cursor) as cursor:
            return int(await cursor.execute(sql, tuple(arguments)))

    async def insert_many(self, insert: str, rows: Iterable[Row]) -> None:
        """Runs `INSERT ... VALUES` with few large statements. `insert` ends before VALUES."""
        for values in _statements(rows):
            async with self._cursor(CALL_SECONDS, _Cursor) as cursor:
                await cursor.execute(f"{insert % ()} VALUES {values}")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commits at the end of the block; rolls back where it raises."""
        await self.execute("START TRANSACTION")
        try:
            yield
        except BaseException:
            # Closing rolls back as well, and works on a connection in any condition.
            self._connection.close()
            raise
        await self.execute("COMMIT")

    @property
    def id(self) -> int:
        """The server's number of this connection, for `KILL`."""
        return int(self._connection.thread_id())

    @asynccontextmanager
    async def _cursor(self, seconds: float | None, kind: type[Any]) -> AsyncIterator[Any]:
        with _as_database_error(self._server, seconds):
            async with asyncio.timeout(seconds), self._turn, self._connection.cursor(kind) as cursor:
                yield cursor


@asynccontextmanager
async def connect(server: Server) -> AsyncIterator[Session]:
    """A connection of its own for a piece of work. Raises DatabaseError."""
    with _as_database_error(server, CONNECT_SECONDS):
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await cancellable(_open(server))
    try:
        _keep_alive(connection)
        session = Session(server, connection)
        if server.tls is not None:
            server.refuse_unencrypted(await session.row(ENCRYPTION))
        await session.execute(_ISOLATION)
        yield session
        # Takes leave, or the server would log an aborted connection.
        with suppress(Exception):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await connection.ensure_closed()
    finally:
        connection.close()


async def cancellable(connecting: Awaitable[Any]) -> Any:
    """The connection; where this task is cancelled meanwhile, it hears of it.

    Both drivers connect with `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that
    comes as what it waits for is ready (python/cpython#86296): a poll or a lane then never ends.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    connection = await connecting
    if task.cancelling() > before:
        connection.close()
        raise asyncio.CancelledError
    return connection


async def _open(server: Server) -> "_Connection":
    connection = _Connection(**server.options(), autocommit=True)
    await connection._connect()
    return connection


class _Connection(aiomysql.Connection):  # type: ignore[misc]
    """The driver's connection, with two of its ways mended that matter with TLS."""

    async def _request_authentication(self) -> None:
        # Left to itself it logs in without TLS where the server says that it has none.
        if self._ssl_context is not None and not self.server_capabilities & CLIENT.SSL:
            raise pymysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, "it has no TLS")
        await super()._request_authentication()

    def close(self) -> None:
        # Over TLS a transport's close() waits half a minute for the answer of a server that is busy.
        if self._writer is not None:
            self._writer.transport.abort()
        super().close()


def _keep_alive(connection: aiomysql.Connection) -> None:
    """Has the system find out within a minute that a silent server is gone: production waits without a deadline."""
    sock = connection._writer.get_extra_info("socket")
    if sock is not None and sock.family != getattr(socket, "AF_UNIX", None):
        for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, option):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _statements(rows: Iterable[Row]) -> Iterator[str]:
    """The rows as SQL, cut where they fill a statement."""
    texts: list[str] = []
    characters = 0
    for row in rows:
        text = f"({','.join([_LITERALS[type(value)](value) for value in row])})"
        texts.append(text)
        characters += len(text)
        if characters > STATEMENT_CHARACTERS:
            yield ",".join(texts)
            texts, characters = [], 0
    if texts:
        yield ",".join(texts)


# A row's values as SQL, three times as fast as the driver writes them (the sql_mode above lets a
# backslash escape). A value of any other type is a mistake of ours: KeyError.
_LITERALS: dict[type, Callable[[Any], str]] = {
    str: lambda value: "'" + value.replace("\\", "\\\\").replace("'", "''") + "'",
    int: str,
    bytes: lambda value: f"x'{value.hex()}'",
    datetime: lambda value: f"'{value}'",
    type(None): lambda _: "NULL",
}


def quote(*names: str) -> str:
    """Identifiers, backtick-quoted and joined by dots: quote("a", "b") is `a`.`b`.

    A percent sign is doubled because every statement here passes through the driver's
    %-substitution of its arguments.
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
    except UnicodeError as error:  # a host name that cannot be one
        raise DatabaseError(str(server), 2003, f"not a host name: {error}") from error


def database_error(server: Server, error: Exception) -> DatabaseError:
    """The DatabaseError for an exception of a driver."""
    trouble = tls_trouble(error)
    if trouble is not None:
        error = pymysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, trouble)
    match error.args:
        case [CR.CR_SSL_CONNECTION_ERROR, str(trouble)] if server.tls is not None:
            return DatabaseError(str(server), CR.CR_SSL_CONNECTION_ERROR, server.tls.refusal(trouble))
        case [int(code), *rest] if code:
            return DatabaseError(str(server), code, str(rest[0]) if rest else "")
        case _:  # the driver lost its connection and found nothing better to say
            return DatabaseError(str(server), 2006, " ".join(map(str, error.args)) or "connection lost")
