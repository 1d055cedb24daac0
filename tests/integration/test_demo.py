"""The demo: it starts again on its data, and says what is wrong with its folder."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from console.demo import posts
from console.demo.servers import private_servers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the demo's data, which exists."""
    path = tmp_path / "audience-console" / "demo"
    path.mkdir(parents=True)
    return path


def run_demo(folder: Path, limit: Callable[[], None] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a small headless demo in this folder."""
    done = subprocess.run(
        [sys.executable, "-m", "console", "demo", "--headless", "--rows", "1000"],
        env=os.environ | {"XDG_STATE_HOME": str(folder.parents[1])},
        preexec_fn=limit,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_the_demo_uses_its_data_again_although_its_other_files_are_empty(folder: Path) -> None:
    first = run_demo(folder)
    assert first.returncode == 0 and "authors produced" in first.stdout, first.stderr
    for file in [path for path in folder.iterdir() if path.is_file()]:
        file.write_bytes(b"")
    (folder / "passwords").touch()
    second = run_demo(folder)
    assert second.returncode == 0 and "using the 1,000 posts" in second.stdout, second.stderr
    assert "authors produced" in second.stdout


@pytest.mark.parametrize("name", ["lock", "mariadb.log"])
def test_a_file_that_cannot_be_used_is_named(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    done = run_demo(folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"audience: 500 {folder / name}: Is a directory"), done.stderr


def test_a_disk_that_takes_no_more_is_reported_with_what_the_server_said(folder: Path) -> None:
    done = run_demo(folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("audience: 500 mariadb-install-db failed; ") and str(folder / "mariadb.log") in line


def test_an_error_of_the_server_is_reported(folder: Path) -> None:
    with private_servers(folder) as servers:
        servers.execute(f"CREATE DATABASE {posts.SCHEMA}", f"CREATE VIEW {posts.SCHEMA}.{posts.TABLE} AS SELECT 1")
    done = run_demo(folder)
    assert done.returncode == 1
    assert f"MariaDB in {folder} failed: (1050" in done.stderr and f"remove {folder}" in done.stderr


def test_servers_have_the_ports_of_the_last_time_unless_another_program_uses_one(tmp_path: Path) -> None:
    with private_servers(tmp_path) as servers:
        ports = servers.mariadb_port, servers.redis_port
    with private_servers(tmp_path) as servers:
        assert (servers.mariadb_port, servers.redis_port) == ports
    with socket.create_server(("127.0.0.1", ports[1])), private_servers(tmp_path) as servers:
        assert servers.redis_port != ports[1]
