"""Connections to MariaDB, for everything but the bulk of the input (see stream.py).

Each piece of work opens and closes a connection of its own, and each call has a deadline. There is no
pool, so a broken connection is never reused. Every failure is raised as DatabaseError.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiomysql
import pymysql
from pydantic import SecretStr
from pymysql.constants import CLIENT, CR, ER

from jobs.errors import DatabaseError
from jobs.tls import Tls, tls_failure

_WRONG_VALUE_FOR_VARIABLE = 1231

CONNECT_SECONDS = 10.0
CALL_SECONDS = 60.0
_CLOSE_SECONDS = 1.0

# Larger statements are no faster.
STATEMENT_CHARACTERS = 200_000
# What a statement has beside the values of its rows: a command, and names of at most 64 characters.
_STATEMENT_BYTES = 2_000

Row = tuple[Any, ...]
Arguments = Mapping[str, object]
"""The values of a statement's named placeholders, such as %(task_id)s."""

_NO_ARGUMENTS: Arguments = {}

# How long a statement waits for another transaction's lock on a row or a table.
LOCK_SECONDS = 15

# What we rely on, whatever the server's defaults and its init_connect. Texts are UTF-8 both ways, a query
# returns all its rows, and no session ends between two keepalives. Each is read back after it is set.
_REQUIRED = {
    "character_set_client": "utf8mb4",
    "character_set_connection": "utf8mb4",
    "character_set_results": "utf8mb4",
    "sql_select_limit": "18446744073709551615",
    "completion_type": "NO_CHAIN",
    "sql_big_selects": "1",
    "sql_safe_updates": "0",
    "max_statement_time": "0",
    "wait_timeout": "3600",
    "net_read_timeout": "600",
    "net_write_timeout": "600",
    "lock_wait_timeout": str(LOCK_SECONDS),
    "innodb_lock_wait_timeout": str(LOCK_SECONDS),
}
# Strict: a value that does not fit is an error, never truncated. NO_BACKSLASH_ESCAPES is off, because the
# drivers escape with backslashes. Notes ("table already exists") are off, because the driver would fetch
# them and turn each into a Python warning.
_SETTINGS = {"sql_mode": "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION", "sql_notes": "0"} | _REQUIRED
REQUIRED_VARIABLES = "SELECT " + ", ".join(f"@@SESSION.{name}" for name in _REQUIRED)
# The cipher of the current connection, "" if it is not encrypted.
ENCRYPTION = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"


@dataclass(frozen=True)
class Server:
    """How to reach a database server. `name` is its name in messages."""

    name: str
    host: str
    port: int
    user: str
    password: SecretStr
    tls: Tls | None = None
    """None: not encrypted."""
    time_zone: str | None = None
    """The zone in which its sessions read TIMESTAMP columns, as an offset such as +08:00. None: the server's."""

    @property
    def address(self) -> str:
        """Host and port, told apart from the same loopback address of another machine."""
        host = f"{socket.gethostname()}/{self.host}" if is_loopback(self.host) else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.name} {self.host}:{self.port}"

    def options(self) -> dict[str, Any]:
        """Return the connection options, which both drivers take."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            # The drivers encode a password as Latin-1. Decoding its UTF-8 as Latin-1 makes them send UTF-8.
            "password": self.password.get_secret_value().encode().decode("latin-1"),
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_SECONDS,
            "ssl": self.tls.context() if self.tls else None,
            "init_command": "SET " + ", ".join(f"SESSION {name} = {value}" for name, value in self._settings()),
        }

    def _settings(self) -> Iterator[tuple[str, str]]:
        for name, value in _SETTINGS.items():
            yield name, value if value.isdecimal() else f"'{value}'"
        if self.time_zone is not None:
            yield "time_zone", f"'{self.time_zone}'"

    def require_encryption(self, encryption: Row | None) -> None:
        """Raise DatabaseError if TLS is required, but the row that ENCRYPTION returned shows none."""
        if self.tls is not None and not (encryption and encryption[1]):
            refusal = self.tls.refusal("the connection is not encrypted")
            raise DatabaseError(str(self), CR.CR_SSL_CONNECTION_ERROR, refusal)

    def require_variables(self, values: Row | None) -> None:
        """Raise DatabaseError if the row that REQUIRED_VARIABLES returned shows that a setting had no effect."""
        for (name, required), value in zip(_REQUIRED.items(), values or (), strict=True):
            if not _equal(value, required):
                message = f"the session's {name} is {value}, not {required}, although it was set"
                raise DatabaseError(str(self), _WRONG_VALUE_FOR_VARIABLE, message)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _equal(value: object, required: str) -> bool:
    # max_statement_time is a number with decimals.
    return str(value) == required or (required == "0" and not value)


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
            for values in _values_lists(rows, self._packet_bytes - _STATEMENT_BYTES):
                async with self._cursor(CALL_SECONDS, _TupleCursor) as cursor:
                    count += int(await cursor.execute(f"{insert % ()} VALUES {values}"))
        except _RowTooLarge as error:
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

    @property
    def id(self) -> int:
        """The server's id of this connection, for `KILL`."""
        return int(self._connection.thread_id())

    @asynccontextmanager
    async def _cursor(self, seconds: float | None, kind: type[Any]) -> AsyncIterator[Any]:
        with _as_database_error(self._server, seconds):
            async with asyncio.timeout(seconds), self._turn, self._connection.cursor(kind) as cursor:
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


async def cancellable(connecting: Awaitable[Any]) -> Any:
    """Await a connection without losing a cancellation of the current task.

    Both drivers connect with `asyncio.wait_for`. Before Python 3.12 it loses a cancellation that arrives
    just as the awaited result is ready (python/cpython#86296); a poll or a lane would then never end.
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


class _RowTooLarge(Exception):
    """A row that no statement can hold, and its size in bytes."""

    def __init__(self, row: Row, size: int) -> None:
        self.row = row
        self.size = size


def _values_lists(rows: Iterable[Row], max_bytes: int) -> Iterator[str]:
    """Yield the rows as SQL, as many as fit into a statement at a time. Raises _RowTooLarge."""
    most = min(STATEMENT_CHARACTERS, max_bytes // 4)  # a character takes four bytes at most
    texts: list[str] = []
    characters = 0
    for row in rows:
        text = f"({','.join([_LITERALS[type(value)](value) for value in row])})"
        if characters + len(text) > most:
            if texts:
                yield ",".join(texts)
                texts, characters = [], 0
            if len(text) > most and (size := len(text.encode(errors="replace"))) > max_bytes:
                raise _RowTooLarge(row, size)
        texts.append(text)
        characters += len(text)
    if texts:
        yield ",".join(texts)


# Write values as SQL three times as fast as the driver does (the sql_mode above makes the backslash an
# escape). A value of any other type is a programming error: KeyError.
_LITERALS: dict[type, Callable[[Any], str]] = {
    str: lambda value: "'" + value.replace("\\", "\\\\").replace("'", "''") + "'",
    int: str,
    bytes: lambda value: f"x'{value.hex()}'",
    datetime: lambda value: f"'{value}'",
    Decimal: lambda value: f"'{value:f}'",
    type(None): lambda _: "NULL",
}


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
    except UnicodeError as error:  # not a possible host name
        raise DatabaseError(str(server), 2003, f"not a host name: {error}") from error


def database_error(server: Server, error: Exception) -> DatabaseError:
    """Return the DatabaseError for a driver's exception."""
    failure = tls_failure(error)
    if failure is not None:
        error = pymysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, failure)
    match error.args:
        case [CR.CR_SSL_CONNECTION_ERROR, str(reason)] if server.tls is not None:
            return DatabaseError(str(server), CR.CR_SSL_CONNECTION_ERROR, server.tls.refusal(reason))
        case [int(code), *rest] if code:
            return DatabaseError(str(server), code, str(rest[0]) if rest else "")
        case _:  # the driver lost its connection and gives no code
            return DatabaseError(str(server), 2006, " ".join(map(str, error.args)) or "connection lost")
