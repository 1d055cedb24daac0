"""Private servers: a MariaDB and a Redis of our own, on free ports, with their data in one folder.

They share nothing with servers that run on the machine already. Used by the demo, the tests and
the benchmark. Passwords go through files and pipes, never through arguments.
"""

import ctypes
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from dotenv import dotenv_values
from redis import Redis
from redis.exceptions import RedisError

from jobs.errors import AudienceError

START_SECONDS = 60.0
STOP_SECONDS = 20.0

_PACKAGES = "apt-get install mariadb-server-core mariadb-client-core redis-server"


class ServersMissing(AudienceError):
    """The servers' programs are not installed, or do not start."""


@dataclass(frozen=True)
class PrivateServers:
    """Servers that run: where they listen, and the passwords of their accounts.

    MariaDB has `owner`, who may do everything, `reader` and `writer`, who may do nothing until
    they are granted something.
    """

    folder: Path
    mariadb_port: int
    redis_port: int
    passwords: dict[str, str]

    @property
    def redis_url(self) -> str:
        """The URL of the Redis, with its password."""
        return f"redis://:{self.passwords['redis']}@127.0.0.1:{self.redis_port}/0"

    def execute(self, *statements: str) -> None:
        """Runs SQL statements as the owner."""
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """A connection of the owner, in autocommit mode."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.mariadb_port,
            user="owner",
            password=self.passwords["owner"],
            charset="utf8mb4",
            autocommit=True,
        )


@contextmanager
def private_servers(folder: Path, *mariadb_options: str) -> Iterator[PrivateServers]:
    """Starts both servers on the data in `folder`, made where there is none; stops them at the end."""
    programs = {name: _program(name) for name in ("mariadbd", "mariadb-install-db", "redis-server")}
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    passwords = _passwords(folder / "passwords")
    servers = PrivateServers(folder, _free_port(), _free_port(), passwords)
    # A socket's path may have no more than a hundred characters, and the folder's may be longer.
    with tempfile.TemporaryDirectory(prefix="audience-") as sockets:
        mariadb = _start_mariadb(programs, servers, Path(sockets), mariadb_options)
        try:
            redis = _start_redis(programs["redis-server"], servers)
            try:
                yield servers
            finally:
                _stop(redis)
        finally:
            _stop(mariadb)


def _start_mariadb(
    programs: dict[str, str], servers: PrivateServers, sockets: Path, options: tuple[str, ...]
) -> "subprocess.Popen[bytes]":
    data = servers.folder / "mariadb"
    log = servers.folder / "mariadb.log"
    user = f"--user={getpass.getuser()}"  # as root, mariadbd starts only when it is told so
    if not (data / "mysql").is_dir():
        shutil.rmtree(data, ignore_errors=True)
        install = [programs["mariadb-install-db"], "--no-defaults", user, f"--datadir={data}", "--skip-test-db"]
        with log.open("wb") as output:
            if subprocess.run(install, stdout=output, stderr=output).returncode:
                raise ServersMissing(f"mariadb-install-db failed; see {log}")
    accounts = sockets / "accounts.sql"
    accounts.touch(mode=0o600)
    accounts.write_text(
        "".join(
            f"CREATE OR REPLACE USER {name}@'127.0.0.1' IDENTIFIED BY '{servers.passwords[name]}';\n"
            for name in ("owner",)
        )
        + "".join(
            f"CREATE USER IF NOT EXISTS {name}@'127.0.0.1' IDENTIFIED BY '{servers.passwords[name]}';\n"
            for name in ("reader", "writer")
        )
        + "GRANT ALL ON *.* TO owner@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    command = [
        programs["mariadbd"],
        "--no-defaults",
        user,
        f"--datadir={data}",
        f"--socket={sockets / 'mariadb.sock'}",
        f"--pid-file={sockets / 'mariadb.pid'}",
        f"--port={servers.mariadb_port}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--character-set-server=utf8mb4",
        # The posts can be made anew: what a power cut would cost is not worth waiting for.
        "--innodb-flush-log-at-trx-commit=2",
        f"--init-file={accounts}",
        *options,
    ]
    with log.open("ab") as output:
        process = _popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    _wait_until(lambda: servers.connect().close(), pymysql.Error, process, f"mariadbd; see {log}")
    accounts.unlink()
    return process


def _start_redis(program: str, servers: PrivateServers) -> "subprocess.Popen[bytes]":
    data = servers.folder / "redis"
    data.mkdir(exist_ok=True)
    log = servers.folder / "redis.log"
    configuration = (
        f"port {servers.redis_port}\nbind 127.0.0.1\ndir {data}\nlogfile {log}\n"
        f'requirepass {servers.passwords["redis"]}\nsave ""\nappendonly yes\n'
    )
    process = _popen([program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(configuration.encode())
    process.stdin.close()
    client = Redis.from_url(servers.redis_url)
    _wait_until(client.ping, RedisError, process, f"redis-server; see {log}")
    client.close()
    return process


def _popen(command: list[str], **streams: Any) -> "subprocess.Popen[bytes]":
    """Starts a server that Ctrl-C does not reach, and that does not outlive this process."""
    return subprocess.Popen(command, process_group=0, preexec_fn=_end_with_parent, **streams)


def _end_with_parent() -> None:
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until(
    answers: Callable[[], object], refusal: type[Exception], process: "subprocess.Popen[bytes]", what: str
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answers()
            return
        except refusal as error:
            if process.poll() is not None or time.monotonic() > deadline:
                _stop(process)
                raise ServersMissing(f"cannot start {what}: {error}") from error
            time.sleep(0.05)


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


def _passwords(path: Path) -> dict[str, str]:
    """The passwords of these servers' accounts: as they were last time, or new ones."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={secrets.token_hex(16)}\n" for name in ("owner", "reader", "writer", "redis")))
    return {name: value or "" for name, value in dotenv_values(path).items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
