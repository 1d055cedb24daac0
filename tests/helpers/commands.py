"""Runs `audience` commands in forks of one process that has imported them already.

The suite runs hundreds of commands and workers, and each would spend half a second of CPU on its imports. Every one
still has a process, arguments, environment, folder and output of its own, and exits as it would by itself.
tests/console/test_terminal.py runs the installed command.
"""

import atexit
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from runpy import run_module
from typing import Protocol

_NUMBER_BYTES = 4


class Process(Protocol):
    """What subprocess.Popen and a fork have in common."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. Kills it and raises TimeoutError if it takes too long."""
    with tempfile.TemporaryDirectory() as name:
        stdout, stderr = Path(name, "stdout"), Path(name, "stderr")
        process = start_fork("console", arguments, environment, folder, stdout, stderr)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise TimeoutError(str(error)) from None
        return subprocess.CompletedProcess(["audience", *arguments], code, stdout.read_text(), stderr.read_text())


def start_fork(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, stdout: Path, stderr: Path
) -> Process:
    """Start a module, as `python -m` does, in a fork. It appends its output to the files."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(_server())
    request = {
        "module": module,
        "arguments": list(arguments),
        "environment": dict(environment),
        "folder": str(folder),
        "output": [str(stdout), str(stderr)],
    }
    connection.sendall(json.dumps(request).encode() + b"\n")
    return _Fork(connection)


class _Fork:
    """A process of the server, which sends the exit status when it has ended."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.pid = _receive(connection)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            readable, _, _ = select.select([self._connection], [], [], timeout)
            if not readable:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = _receive(self._connection)
            self._connection.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended, and the server is about to say so
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _receive(connection: socket.socket) -> int:
    number = connection.recv(_NUMBER_BYTES, socket.MSG_WAITALL)
    assert len(number) == _NUMBER_BYTES, "the server of the commands has ended"
    return int.from_bytes(number, signed=True)


def _send(connection: socket.socket, number: int) -> None:
    connection.sendall(number.to_bytes(_NUMBER_BYTES, signed=True))


def _server() -> str:
    """Return the path of the server's socket. The first call starts the server, which ends with this process."""
    with _starting:
        return _start_server()


_starting = threading.Lock()


@cache
def _start_server() -> str:
    folder = tempfile.mkdtemp(prefix="audience-commands-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = f"{folder}/socket"
    command = [sys.executable, "-m", "tests.helpers.commands", path]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(server.terminate)
    assert server.stdout is not None and server.stdout.readline() == b"ready\n"
    return path


def _serve(path: str) -> str:
    """Serve requests, each in a fork. Returns in the process that is to run a module, with the module's name."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks that have ended need no waiting for
    with socket.create_server(path, family=socket.AF_UNIX) as listener:
        print("ready", flush=True)
        while True:
            readable, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in readable:  # the test process has ended and closed the pipe
                sys.exit()
            connection, _ = listener.accept()
            if os.fork() == 0:
                break
            connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection:
        with connection.makefile("rb") as stream:
            request = json.loads(stream.readline())
        pid = os.fork()
        if pid:
            _send(connection, pid)
            _, status = os.waitpid(pid, 0)
            _send(connection, os.waitstatus_to_exitcode(status))
            os._exit(0)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    for number, file in enumerate([os.devnull, *request["output"]]):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644), number)
    sys.argv = ["audience", *request["arguments"]]
    return str(request["module"])


if __name__ == "__main__":
    for module in (
        *("console.cli.main", "console.cli.check", "console.cli.create", "console.cli.tasks"),
        *("console.cli.worker_process", "jobs.services.create", "jobs.services.samples"),
    ):
        import_module(module)  # by the commands otherwise
    run_module(_serve(sys.argv[1]), run_name="__main__")
