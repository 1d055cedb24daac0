"""Runs `audience` commands in forks of one process that has imported them already.

The suite runs hundreds of commands, and each would spend half a second of CPU on its imports. Every command
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
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

from console.cli.main import main


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. Kills it and raises TimeoutError if it takes too long."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as connection:
        stdout, stderr = Path(name, "stdout"), Path(name, "stderr")
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(folder),
            "output": [str(stdout), str(stderr)],
        }
        connection.connect(_server())
        connection.settimeout(seconds)
        with connection.makefile("rw") as stream:
            stream.write(f"{json.dumps(request)}\n")
            stream.flush()
            pid = int(stream.readline())
            try:
                code = int(stream.readline())
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(["audience", *arguments], code, stdout.read_text(), stderr.read_text())


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


def _serve(path: str) -> None:
    """Serve requests, each in a fork. Returns in the process that is to run a command, ready to run it."""
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
    with connection, connection.makefile("rw") as stream:
        request = json.loads(stream.readline())
        pid = os.fork()
        if pid:
            stream.write(f"{pid}\n")
            stream.flush()
            _, status = os.waitpid(pid, 0)
            stream.write(f"{os.waitstatus_to_exitcode(status)}\n")
            stream.flush()
            os._exit(0)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for number, file in enumerate([os.devnull, *request["output"]]):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
    sys.argv = ["audience", *request["arguments"]]


if __name__ == "__main__":
    for module in ("console.cli.check", "console.cli.tasks", "jobs.services.create", "jobs.services.samples"):
        import_module(module)  # by the commands otherwise
    _serve(sys.argv[1])
    main()
