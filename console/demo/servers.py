"""Private servers: a MariaDB and a Redis on free ports, with their data in one folder.

They share nothing with servers that already run on the machine. The demo, the tests and the benchmark
use them. Passwords go through files and pipes, never through arguments.
"""

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pymysql
from redis import Redis
from redis.exceptions import RedisError

from jobs.errors import AudienceError

START_SECONDS = 60.0
STOP_SECONDS = 20.0

# The client's package has my_print_defaults, which mariadb-install-db calls.
_PACKAGES = "apt-get install mariadb-server-core mariadb-client-core redis-server"
_EXCERPT_LINES = 3
_PROGRAMS = ("mariadbd", "mariadb-install-db", "my_print_defaults", "redis-server")


class ServersMissing(AudienceError):
    """The programs of the servers are not installed, or do not start."""


class PrivateServers:
    """A MariaDB and a Redis: their ports, the same each time, and the passwords of their accounts, new each time.

    MariaDB has an account `owner` with all privileges, and `reader` and `writer` without any until they
    are granted.
    """

    def __init__(
        self, folder: Path, sockets: Path, mariadb_options: Sequence[str], redis_options: Sequence[str]
    ) -> None:
        self.mariadb_port, self.redis_port = _ports(folder / "ports")
        self.passwords = {name: secrets.token_hex(16) for name in (*_ACCOUNTS, "redis")}
        self._folder = folder
        self._sockets = sockets
        self._mariadb_options = mariadb_options
        self._redis_options = redis_options
        self._mariadb: subprocess.Popen[bytes] | None = None
        self._redis: subprocess.Popen[bytes] | None = None

    @property
    def redis_url(self) -> str:
        """The URL of the Redis, with its password."""
        return f"redis://:{self.passwords['redis']}@127.0.0.1:{self.redis_port}/0"

    def execute(self, *statements: str) -> None:
        """Run SQL statements as the owner."""
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Return a connection of the owner, in autocommit mode."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.mariadb_port,
            user="owner",
            password=self.passwords["owner"],
            charset="utf8mb4",
            autocommit=True,
        )

    def start_mariadb(self) -> None:
        """Start MariaDB on the data in the folder, which is created if it is missing."""
        data, log = self._folder / "mariadb", self._folder / "mariadb.log"
        # A folder of its own: a starting server deletes what looks like leftovers, and in /tmp it would delete
        # the files of other servers.
        temporary = self._sockets / "tmp"
        temporary.mkdir(exist_ok=True)
        user = ["--user=root"] if os.geteuid() == 0 else []  # mariadbd starts as root only with this option
        if not (data / "mysql").is_dir():
            self._create_data(data, user, log)
        accounts = self._sockets / "accounts.sql"
        accounts.touch(mode=0o600)
        accounts.write_text(
            "".join(
                f"CREATE USER IF NOT EXISTS {name}@'127.0.0.1';\n"
                f"ALTER USER {name}@'127.0.0.1' IDENTIFIED BY '{self.passwords[name]}';\n"
                for name in _ACCOUNTS
            )
            + "GRANT ALL ON *.* TO owner@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        command = [
            _program("mariadbd"),
            "--no-defaults",
            *user,
            f"--datadir={data}",
            f"--tmpdir={temporary}",
            f"--socket={self._sockets / 'mariadb.sock'}",
            f"--pid-file={self._sockets / 'mariadb.pid'}",
            f"--port={self.mariadb_port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--character-set-server=utf8mb4",
            # The posts can be generated again, so durability after a power cut is not worth its time.
            "--innodb-flush-log-at-trx-commit=2",
            f"--init-file={accounts}",
            *self._mariadb_options,
        ]
        with log.open("ab") as output:
            self._mariadb = popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _wait_until(lambda: self.connect().close(), pymysql.Error, self._mariadb, "mariadbd", log)
        accounts.unlink()

    def _create_data(self, data: Path, user: list[str], log: Path) -> None:
        # Created under another name and renamed, so that half-created data is never used. Through a link,
        # because the installer is a shell script that cannot handle a path with a blank.
        shutil.rmtree(self._folder / "mariadb.new", ignore_errors=True)
        link = self._sockets / "folder"
        link.symlink_to(self._folder.absolute())
        program = _program("mariadb-install-db")
        install = [program, "--no-defaults", *user, f"--datadir={link}/mariadb.new", "--skip-test-db"]
        with log.open("wb") as output:
            if subprocess.run(install, stdout=output, stderr=output).returncode:
                raise ServersMissing(f"mariadb-install-db failed; {_excerpt(log)}")
        (self._folder / "mariadb.new").rename(data)

    def start_redis(self) -> None:
        """Start Redis on the data in the folder."""
        data, log = self._folder / "redis", self._folder / "redis.log"
        data.mkdir(exist_ok=True)
        configuration = (
            f'port {self.redis_port}\nbind 127.0.0.1\ndir "{data}"\nlogfile "{log}"\n'
            f'requirepass {self.passwords["redis"]}\nsave ""\nappendonly yes\n'
            + "".join(f"{line}\n" for line in self._redis_options)
        )
        self._redis = popen(
            [_program("redis-server"), "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._redis.stdin is not None
        self._redis.stdin.write(configuration.encode())
        self._redis.stdin.close()
        client = Redis.from_url(self.redis_url)
        _wait_until(client.ping, RedisError, self._redis, "redis-server", log)
        client.close()

    def stop_mariadb(self) -> None:
        """Stop MariaDB."""
        if self._mariadb is not None:
            _stop(self._mariadb)

    def stop_redis(self) -> None:
        """Stop Redis."""
        if self._redis is not None:
            _stop(self._redis)


_ACCOUNTS = ("owner", "reader", "writer")


@contextmanager
def private_servers(folder: Path, *mariadb_options: str, redis_options: Sequence[str] = ()) -> Iterator[PrivateServers]:
    """Run both servers on the data in `folder` for the length of the block.

    The options are arguments of mariadbd, and lines of Redis's configuration. Raises ServersMissing.
    """
    for name in _PROGRAMS:
        _program(name)
    make_folder(folder)
    # The path of a socket has at most about a hundred characters, and that of the folder may be longer.
    with tempfile.TemporaryDirectory(prefix="audience-") as sockets:
        servers = PrivateServers(folder, Path(sockets), mariadb_options, redis_options)
        try:
            servers.start_mariadb()
            servers.start_redis()
            yield servers
        finally:
            servers.stop_redis()
            servers.stop_mariadb()


def make_folder(folder: Path) -> None:
    """Create a folder for this user only. Raises ServersMissing if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ServersMissing(
            f"cannot create {folder}: {error.strerror}; set XDG_STATE_HOME to use another place"
        ) from error


def popen(command: list[str], **streams: Any) -> "subprocess.Popen[bytes]":
    """Start a program that Ctrl-C does not reach, and that does not outlive this process."""
    return subprocess.Popen(command, process_group=0, preexec_fn=_end_with_parent, **streams)


def _end_with_parent() -> None:
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until(
    ping: Callable[[], object],
    refusal: type[Exception],
    process: "subprocess.Popen[bytes]",
    name: str,
    log: Path,
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            ping()
            return
        except refusal as error:
            if process.poll() is not None or time.monotonic() > deadline:
                _stop(process)
                raise ServersMissing(f"cannot start {name}: {error}; {_excerpt(log)}") from error
            time.sleep(0.05)


def _excerpt(log: Path) -> str:
    """Return the last errors in a log, or its last lines if it has none, as one line for a message."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        return f"{log} cannot be read: {error.strerror}"
    errors = [line for line in lines if "error" in line.lower()]
    return f"{log} says: {' | '.join((errors or lines)[-_EXCERPT_LINES:]) or 'nothing'}"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _program(name: str) -> str:
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise ServersMissing(f"{name} is not installed; as root: {_PACKAGES}")
    return path


def _ports(kept: Path) -> tuple[int, int]:
    """Return two ports: those of the last time if they are free, because tasks remember the address of their input."""
    try:
        mariadb, redis = map(int, kept.read_text().split())
        for port in (mariadb, redis):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections do not matter
                probe.bind(("127.0.0.1", port))
    except (OSError, ValueError, OverflowError):
        mariadb, redis = free_port(), free_port()
        with suppress(OSError):
            kept.write_text(f"{mariadb} {redis}\n")
    return mariadb, redis


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
