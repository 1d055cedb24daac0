"""The installed command in real terminals: tmux, and pseudo-terminals that close."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, post
from tests.helpers.terminal import AUDIENCE, in_a_pty, read_until


@pytest.fixture
def ready(deployment: TestDeployment) -> TestDeployment:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([post(1, "林雅婷", "2020-06-01 00:00:00"), post(2, "nobody", "2020-06-02 00:00:00")])
    return deployment


class Tmux:
    """A terminal of 80x24 that runs the console."""

    def __init__(self, deployment: TestDeployment) -> None:
        self._socket = str(deployment.folder / "tmux")
        self._run(
            *("-f", "/dev/null", "new-session", "-d", "-s", "test", "-x", "80", "-y", "24"),
            environment=deployment.environment() | {"XDG_CONFIG_HOME": str(deployment.folder), "LANG": "C.UTF-8"},
        )
        self.type(f"cd {deployment.folder}; exec {AUDIENCE}", "Enter")

    def _run(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", self._socket, *arguments], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def type(self, *keys: str) -> None:
        self._run("send-keys", "-t", "test", *keys)

    def screen(self) -> str:
        return self._run("capture-pane", "-p", "-t", "test")

    def wait_for(self, condition: Callable[[str], bool], seconds: float = 30) -> str:
        deadline = time.monotonic() + seconds
        while not condition(screen := self.screen()):
            assert time.monotonic() < deadline, screen
            time.sleep(0.05)
        return screen

    def close(self) -> None:
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True)


def test_an_operator_creates_and_samples_a_task_in_tmux_with_the_installed_command(ready: TestDeployment) -> None:
    assert shutil.which("tmux"), "make test installs tmux"
    tmux = Tmux(ready)
    try:
        with ready.workers():
            tmux.wait_for(lambda screen: "No tasks yet. Press n" in screen and "1 worker" in screen)
            tmux.type("n")
            tmux.wait_for(lambda screen: "ready; ^l" in screen)
            tmux.type("C-l")
            tmux.wait_for(lambda screen: "1 done" in screen and " s Sample" in screen)
            tmux.type("s")
            screen = tmux.wait_for(lambda screen: "1 of 1 row" in screen)
            assert "林雅婷" in screen
            tmux.type("C-s")
            tmux.wait_for(lambda screen: "Save the 1 row shown" in screen)
            tmux.type("Enter")
            tmux.wait_for(lambda screen: "1 row saved" in screen)
            tmux.type("Escape")
            tmux.wait_for(lambda screen: "Tasks" in screen)
            tmux.type("q")
        assert len(list(ready.folder.glob("sample-*.csv"))) == 1
    finally:
        tmux.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_console_and_restores_the_terminal(ready: TestDeployment, number: signal.Signals) -> None:
    asyncio.run(services.create_task(ready, ready.request()))
    with in_a_pty(ready) as (process, main):
        read_until(main, b"no worker on")
        process.send_signal(number)
        # It leaves the alternate screen and shows the cursor again.
        end = read_until(main, b"\x1b[?1049l")
        end += read_until(main, b"\x1b[?25h") if b"\x1b[?25h" not in end else b""
        assert process.wait(5) == 0
    assert asyncio.run(services.task_list(ready))[0].stat == "PENDING", "leaving the console stops no task"


def test_a_lost_terminal_ends_the_console(ready: TestDeployment) -> None:
    asyncio.run(services.create_task(ready, ready.request()))
    with in_a_pty(ready) as (process, main):
        read_until(main, b"no worker on")
        os.close(main)
        process.wait(5)


def test_without_a_terminal_the_console_explains_what_it_needs(ready: TestDeployment) -> None:
    done = ready.command()
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr and "Traceback" not in done.stderr


def test_a_terminal_that_is_not_in_utf_8_is_refused(ready: TestDeployment) -> None:
    with in_a_pty(ready, PYTHONIOENCODING="latin-1") as (process, main):
        read_until(main, b"needs a terminal in UTF-8, not iso8859-1; set LC_ALL=C.UTF-8")
        assert process.wait(5) == 2


def test_the_editor_opens_the_chosen_line_and_what_it_saved_is_shown(
    ready: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor, arguments = ready.folder / "vim", ready.folder / "arguments"
    lines = [
        "#!/bin/sh",
        f'printf "%s\\n" "$@" > {arguments}',
        'printf "小美\\tbegin\\n" >> "$2"',
        "echo in the editor",
        "read line",
    ]
    editor.write_text("\n".join(lines))
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    terminal = Tmux(ready)
    try:
        terminal.wait_for(lambda screen: "Tasks" in screen)
        terminal.type("p")
        terminal.wait_for(lambda screen: "5 patterns" in screen)
        terminal.type("Tab", "Down", "e")
        terminal.wait_for(lambda screen: "in the editor" in screen)
        path = ready.settings.patterns_dir / "keyword_model/female/author_name.txt"
        assert arguments.read_text().splitlines() == ["+2", str(path)]
        terminal.type("Enter")
        terminal.wait_for(lambda screen: "unknown match type 'begin'" in screen)
    finally:
        terminal.close()
