"""A database server: how to reach it, and what its sessions rely on."""

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pymysql.constants import CR

from jobs.errors import DatabaseError
from jobs.storage.values import Row
from jobs.tls import Tls

CONNECT_SECONDS = 10.0
_WRONG_VALUE_FOR_VARIABLE = 1231

# How long a statement waits for another transaction's lock on a row or a table.
LOCK_SECONDS = 15

# What we rely on, whatever the server's defaults and its init_connect. Texts are UTF-8 both ways, a query
# returns all its rows, and no session ends between two keepalives, or while a worker matches what it has read.
# Each is read back after it is set.
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
    "idle_transaction_timeout": "0",
    "idle_readonly_transaction_timeout": "0",
    "idle_write_transaction_timeout": "0",
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
        """Host and port. A loopback address has the name of this machine, because every machine has the same one."""
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
