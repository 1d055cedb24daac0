"""Runs `audience` commands in forks of one process that has imported them.

A command spends half a second of CPU on its imports, and the suite runs hundreds. Each still runs in a
process of its own, with its own arguments, environment, folder and output, and ends as it would alone.
The installed command itself is tested in tests/console/test_terminal.py.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from console.demo.servers import popen

_READY = b"ready\n"
_MAX_REQUEST_BYTES = 2**20


def run_command(
    arguments: tuple[str, ...], environment: Mapping[str, str], folder: Path, seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. Raises TimeoutError, and kills it, if it takes too long."""
    request = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": str(folder)}).encode()
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        connection.connect(_server())
        connection.settimeout(seconds)
        socket.send_fds(connection, [len(request).to_bytes(4, "big")], [stdout.fileno(), stderr.fileno()])
        connection.sendall(request)
        # Closing the connection early kills the command.
        status = connection.recv(4)
        assert status, "the command server has died"
        output = []
        for file in (stdout, stderr):
            file.seek(0)
            output.append(file.read().decode())
    code = int.from_bytes(status, "big", signed=True)
    return subprocess.CompletedProcess(["audience", *arguments], code, *output)


@cache
def _server() -> str:
    """Start the server of this test process, which ends with it; return the path of its socket."""
    folder = tempfile.mkdtemp(prefix="audience-commands-")
    path = f"{folder}/socket"
    process = popen(
        [sys.executable, "-m", "tests.helpers.commands", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == _READY
    shutil.rmtree
    return path
