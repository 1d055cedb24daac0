"""The command line without servers: its imports and its help."""

import subprocess
import sys

import pytest

COMMANDS = ("create", "list", "status", "sample", "abort", "resume", "patterns", "check", "worker", "demo")


def test_headless_commands_do_not_import_textual() -> None:
    code = "import console.cli.main, sys; print([m for m in sys.modules if m.split('.')[0] == 'textual'])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "console", command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert f"Example: audience {command}" in done.stdout
