"""The command that shows it all: private servers, made-up posts, a worker, a task run to its end."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_state_path
from rich.console import Console
from rich.progress import Progress

from console.cli.console import on_a_terminal, open_console
from console.cli.output import fail, print_table
from console.cli.progress import follow
from console.cli.tasks import SAMPLE_COLUMNS, print_task
from console.demo import posts
from console.demo.servers import PrivateServers, make_folder, popen, private_servers
from jobs.deployment import Site
from jobs.errors import AudienceError, Conflict
from jobs.model.task import Task, TaskRequest
from jobs.services import tasks as services
from jobs.settings import Settings

FOLDER = user_state_path("audience-console") / "demo"

_OUTPUT_SCHEMA = "demo_result"
_WORKER_STOP_SECONDS = 6.0


def demo(
    rows: Annotated[int, typer.Option(min=1, max=100_000_000, help="How many posts to make up.")] = 50_000,
    headless: Annotated[bool, typer.Option("--headless", help="Run one task and print what came out.")] = False,
) -> None:
    """Show how it works, on private servers with made-up posts: in the console, or headless.

    Touches nothing else on this machine.
    """
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        with demo_site(FOLDER, rows) as site:
            if not headless and on_a_terminal():
                open_console(site)
            elif asyncio.run(_run_a_task(site)).prod_stat != "finish":
                raise typer.Exit(1)
    except AudienceError as error:
        fail(error, as_json=False)


@contextmanager
def demo_site(folder: Path, rows: int) -> Iterator[Site]:
    """A site of the demo's own with a worker on it, its data kept in the folder for the next time."""
    with _only_one(folder), private_servers(folder) as servers:
        print(f"MariaDB on port {servers.mariadb_port}, Redis on port {servers.redis_port}; data in {folder}")
        _make_posts(servers, rows)
        _grant(servers)
        environment = _environment(servers)
        _write_env_file(folder / ".env", environment)
        with _worker(folder, environment):
            print(f"worker started. In another terminal: cd {folder} && audience list\n")
            yield Site(Settings(**{name.lower(): value for name, value in environment.items()}))  # type: ignore[arg-type]


async def _run_a_task(site: Site) -> Task:
    start, end = posts.START, posts.END
    request = TaskRequest.of(site.settings, {"start_time": start, "end_time": end})
    print(f"create_task: who of the authors from {start:%Y-%m-%d} to {end:%Y-%m-%d} is /female, who /male?")
    task_id = await services.create_task(site, request)
    task = await follow(services.watch_status(site, task_id))
    print_task(task)
    if task.results:
        print()
        print_table(SAMPLE_COLUMNS, await services.sample_result(site, task_id, limit=10))
    return task


def _make_posts(servers: PrivateServers, rows: int) -> None:
    with servers.connect() as connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_rows FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
                (posts.SCHEMA, posts.TABLE),
            )
            if cursor.fetchone() is not None:
                cursor.execute(f"SELECT COUNT(*) FROM {posts.SCHEMA}.{posts.TABLE}")
                if cursor.fetchone() == (rows,):
                    print(f"{rows:,} posts are there from the last time")
                    return
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
            bar = progress.add_task("making up posts", total=rows)
            posts.fill(connection, rows, lambda done: progress.update(bar, completed=done))
    print(f"{rows:,} posts made up")


def _grant(servers: PrivateServers) -> None:
    """What README says that the two accounts need, and no more."""
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
def _only_one(folder: Path) -> Iterator[None]:
    make_folder(folder)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(f"a demo is running already on {folder}; end it first") from error
        yield


def _leave(number: int, _: object) -> None:
    raise SystemExit(128 + number)
