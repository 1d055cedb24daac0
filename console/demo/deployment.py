"""The demo's deployment: private servers with generated posts, and a worker."""

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pymysql
from rich.console import Console
from rich.progress import Progress

from console.demo import posts
from console.demo.servers import PrivateServers, ServersMissing, make_folder, popen, private_servers
from jobs.deployment import Deployment
from jobs.errors import Conflict
from jobs.model.wording import counted
from jobs.settings import read_settings

_OUTPUT_SCHEMA = "demo_result"
_WORKER_STOP_SECONDS = 6.0

# What both servers take before the first post, with some room.
_NEEDED_MB = 200


@contextmanager
def demo_deployment(folder: Path, rows: int) -> Iterator[Deployment]:
    """Start the servers and a worker for the length of the block. The data stays in the folder.

    Raises ServersMissing, and Conflict if a demo is running in the folder.
    """
    with ExitStack() as running:
        with _explained(folder):
            running.enter_context(_exclusive(folder))
            servers = running.enter_context(private_servers(folder))
            print(f"MariaDB on port {servers.mariadb_port}, Redis on port {servers.redis_port}; data in {folder}")
            _generate_posts(servers, rows)
            _grant(servers)
            environment = _environment(servers)
            _write_env_file(folder / ".env", environment)
            running.enter_context(_worker(folder, environment))
        print(f"worker started. In another terminal: cd {shlex.quote(str(folder))} && {_command()} list\n")
        settings = {name.lower(): value for name, value in environment.items()}
        yield Deployment(read_settings(**settings))


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Raise ServersMissing for a folder that cannot be used, and for a server that fails."""
    try:
        yield
    except BrokenPipeError:  # standard output was closed, which the command handles
        raise
    except OSError as error:
        raise ServersMissing(f"{error.filename or folder}: {error.strerror}{_room(folder)}") from error
    except pymysql.Error as error:
        advice = _room(folder) or f"; if it happens again, remove {folder}"
        raise ServersMissing(f"MariaDB in {folder} failed: {error}{advice}") from error
    except ServersMissing as error:
        raise ServersMissing(f"{error}{_room(folder)}") from error


def _room(folder: Path) -> str:
    """Return advice for a full disk, "" if the folder's disk has room."""
    with suppress(OSError):
        free = shutil.disk_usage(folder).free / 1e6
        if free < _NEEDED_MB:
            return f"; the disk has {free:,.0f} MB free: make room, or set XDG_STATE_HOME to use another place"
    return ""


def _generate_posts(servers: PrivateServers, rows: int) -> None:
    with servers.connect() as connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_rows FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
                (posts.SCHEMA, posts.TABLE),
            )
            if cursor.fetchone() is not None:
                cursor.execute(f"SELECT COUNT(*) FROM {posts.SCHEMA}.{posts.TABLE}")
                if cursor.fetchone() == (rows,):
                    print(f"using the {counted(rows, 'post')} of the last demo")
                    return
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
            bar = progress.add_task("generating posts", total=rows)
            posts.fill(connection, rows, lambda done: progress.update(bar, completed=done))
    print(f"{counted(rows, 'post')} generated")


def _grant(servers: PrivateServers) -> None:
    """Grant the two accounts what docs/security.md lists, no more."""
    servers.execute(
        f"GRANT SELECT ON {posts.SCHEMA}.* TO reader@'127.0.0.1'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON {_OUTPUT_SCHEMA}.* TO writer@'127.0.0.1'",
    )


def _environment(servers: PrivateServers) -> dict[str, str]:
    return {
        "INPUT_HOST": "127.0.0.1",
        "INPUT_PORT": str(servers.mariadb_port),
        "INPUT_USER": "reader",
        "INPUT_PASSWORD": servers.passwords["reader"],
        "INPUT_SCHEMA": posts.SCHEMA,
        "INPUT_TABLE": posts.TABLE,
        "OUTPUT_HOST": "127.0.0.1",
        "OUTPUT_PORT": str(servers.mariadb_port),
        "OUTPUT_USER": "writer",
        "OUTPUT_PASSWORD": servers.passwords["writer"],
        "OUTPUT_SCHEMA": _OUTPUT_SCHEMA,
        "REDIS_URL": servers.redis_url,
        "QUEUE": "demo",
        "COUNTDOWN": "2",
    }


def _command() -> str:
    """Return how a shell in another folder starts `audience`: by its path, if it is in an environment not activated."""
    beside = Path(sys.executable).with_name("audience")
    return "audience" if shutil.which("audience") or not beside.exists() else shlex.quote(str(beside))


def _write_env_file(path: Path, environment: dict[str, str]) -> None:
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}='{value}'\n" for name, value in environment.items()))


@contextmanager
def _worker(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    with (folder / "worker.log").open("ab") as log:
        process = popen(
            [sys.executable, "-m", "console", "worker"],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_WORKER_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    make_folder(folder)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(f"a demo is already running in {folder}; end it first") from error
        yield
