"""Commands whose output nobody reads, or that has no room: quiet, or one line."""

import fcntl
import os
import subprocess
import sys
import termios
import time
from array import array

import pytest

from tests.helpers.deployment import TestDeployment
from tests.helpers.running import run_in_process

COMMANDS = ["list", "list --json", "status TASK", "status TASK --json", "export TASK", "check", "hits TASK", "--help"]


@pytest.fixture
async def task_id(one_post: TestDeployment) -> str:
    return (await run_in_process(one_post, one_post.request())).task_id


def run_into(output: int, deployment: TestDeployment, command: str, task_id: str) -> tuple[int, str]:
    """Run a command whose standard output is this file; return its exit status and what it says to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "console", *command.replace("TASK", task_id).split()],
        env=deployment.environment(),
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_command_whose_reader_has_left_ends_without_a_word(one_post: TestDeployment, task_id: str) -> None:
    for command in COMMANDS:
        reader, writer = os.pipe()
        os.close(reader)
        assert run_into(writer, one_post, command, task_id) == (1, ""), command
        os.close(writer)


@pytest.mark.parametrize("room", [100, 300, 600])
def test_a_check_whose_reader_leaves_in_its_middle_ends_without_a_word(one_post: TestDeployment, room: int) -> None:
    reader, writer = os.pipe()
    filled = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4_096) - room
    os.write(writer, b"x" * filled)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "console", "check"],
        env=one_post.environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    while unread(reader) <= filled:  # the line that finds no room waits for the reader, or fails
        time.sleep(0.01)
    os.close(reader)
    assert (process.communicate()[1], process.returncode) == ("", 1)


def unread(reader: int) -> int:
    """Return how many bytes a pipe holds."""
    size = array("i", [0])
    fcntl.ioctl(reader, termios.FIONREAD, size)
    return size[0]


def test_a_command_without_standard_streams_ends_as_it_would_with_those_of_nobody(
    one_post: TestDeployment, task_id: str
) -> None:
    def run(command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", f'"$0" -m console {command.replace("TASK", task_id)}', sys.executable],
            env=one_post.environment(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    for command in COMMANDS:
        assert run(f"{command} >&-") == (0, ""), command
    assert run("status TASK >&- 2>&-") == (0, "")
    assert run("status x >&- 2>&-") == (1, "")
    assert run("explain - <&-") == (0, "")
    assert run("purge TASK <&-") == (2, "audience: purge asks first; without a terminal, give --yes\n")


def test_a_command_whose_output_has_no_room_says_so_in_one_line(one_post: TestDeployment, task_id: str) -> None:
    with open("/dev/full", "w") as full:
        for command in COMMANDS:
            assert run_into(full.fileno(), one_post, command, task_id) == (
                1,
                "audience: 500 cannot write to standard output: No space left on device\n",
            ), command
