"""The installed command in a pseudo-terminal, and reading what it writes there."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.helpers.deployment import TestDeployment

AUDIENCE = os.path.join(os.path.dirname(sys.executable), "audience")


@contextmanager
def in_a_pty(
    deployment: TestDeployment, *arguments: str, size: tuple[int, int] = (80, 24), **changes: str
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Run the console in a pseudo-terminal; yield its process, and the other side of the terminal."""
    main, terminal = pty.openpty()
    columns, lines = size
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    # These, which pytest-xdist sets, would stand for the size of the terminal.
    inherited = {name: value for name, value in deployment.environment().items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [AUDIENCE, *arguments],
        env=inherited
        | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_CONFIG_HOME": str(deployment.folder)}
        | changes,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(terminal)
    try:
        yield process, main
    finally:
        process.kill()
        process.wait()


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_until(main: int, words: bytes, seconds: float = 30) -> bytes:
    """Read what the command writes until these words are in it; return all that was read."""
    os.set_blocking(main, False)
    seen = b""
    deadline = time.monotonic() + seconds
    while words not in seen:
        assert time.monotonic() < deadline, seen[-2_000:]
        try:
            seen += _read_now(main)
        except OSError:  # the process has closed the terminal
            raise AssertionError(seen[-2_000:]) from None
    return seen


def read_for(main: int, seconds: float) -> bytes:
    """Return what the command writes within some seconds."""
    os.set_blocking(main, False)
    seen = b""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen += _read_now(main)
    return seen


def _read_now(main: int) -> bytes:
    try:
        return os.read(main, 1 << 20)
    except BlockingIOError:
        time.sleep(0.01)
        return b""
