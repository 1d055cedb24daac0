"""The command line without servers: imports, help, pattern files."""

import inspect
import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.cli.main import COMMANDS, app
from jobs import services
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.task_request import TaskRequest
from tests.helpers.assertions import assert_inert
from tests.helpers.pattern_files import write_pattern_file


def imported(*modules: str) -> set[str]:
    """Return all that a new process imports with these modules, by their full names."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True).split())


HEADLESS = [f"console.cli.{command.module}" for name, command in COMMANDS.items() if name != "console"]
DRIVERS = {"pydantic", "aiomysql", "asyncmy", "redis", "arq", "re2", "asyncio"}
# What takes 2 ms or more, and what none of the commands on tasks needs before its task is queued.
HEAVY = {"rich", "asyncmy", "aiohttp", "prometheus_client", "pyarrow", "cronsim", "pydantic_settings"}
FILES = {"jobs.services.row_files", "gzip"}
MATCHING = {"re2", "ahocorasick"}


@pytest.mark.parametrize(
    ("modules", "needless"),
    [
        (["console.cli.main"], DRIVERS | HEAVY),
        (["console.cli.supervisor"], DRIVERS | HEAVY | {"typer"}),
        (["console.cli.main", "console.cli.console", *HEADLESS], {"textual"}),
        (
            ["console.cli.tasks", "jobs.services.tasks"],
            HEAVY | FILES | MATCHING | {"redis", "arq", "xxhash"},
        ),
        (["console.cli.create", "jobs.services.create"], HEAVY | FILES | MATCHING | {"jobs.services.tasks"}),
    ],
    ids=["help", "supervisor", "headless", "list and status", "create"],
)
def test_a_command_imports_only_what_it_needs(modules: list[str], needless: set[str]) -> None:
    assert needless & imported(*modules) == set()


def test_every_service_can_be_imported_by_its_name() -> None:
    assert {name for name in services.__all__ if not hasattr(services, name)} == set()
    assert not hasattr(services, "nonsense")


def test_the_version_is_the_one_that_is_installed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"audience {version('audience-console')}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_help_of_each_begins_with(name: str) -> None:
    command = COMMANDS[name]
    function = getattr(import_module(f"console.cli.{command.module}"), command.function)
    assert inspect.getdoc(function).partition("\n\n")[0] == command.summary  # type: ignore[union-attr]
    # Whole: 80 columns truncate what does not fit.
    assert f"  {name:8}  {command.summary}\n" in CliRunner(env={"COLUMNS": "80"}).invoke(app, ["--help"]).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert f"Example: audience {command}" in done.stdout


@pytest.mark.parametrize("command", ["add", "list", "show", "pause", "unpause", "run", "remove"])
def test_every_command_of_schedule_has_help_with_an_example(command: str) -> None:
    done = CliRunner().invoke(app, ["schedule", command, "--help"])
    assert f"Example: audience schedule {command}" in done.stdout


def test_create_has_an_option_for_each_parameter_with_its_description() -> None:
    shown = " ".join(CliRunner().invoke(app, ["create", "--help"]).stdout.split())
    for name, field in TaskRequest.model_fields.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert " ".join(str(field.description).split()) in shown


def test_schedule_add_has_an_option_for_each_parameter_with_its_description() -> None:
    shown = " ".join(CliRunner().invoke(app, ["schedule", "add", "--help"]).stdout.split())
    for name, field in ScheduleRequest.model_fields.items():
        assert name == "name" or f"--{name.replace('_', '-')}" in shown
        assert " ".join(str(field.description).split()) in shown


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pattern folder with one label for each model."""
    monkeypatch.setenv("PATTERNS_DIR", str(tmp_path))
    write_pattern_file(tmp_path, "雅婷\tpartially\nann\tstart\n")
    write_pattern_file(tmp_path, "my (wife|girlfriend)\n", label="male", model="rule_model")
    return tmp_path


def run_patterns(*options: str) -> Result:
    return CliRunner().invoke(app, ["patterns", *options])


def test_patterns_lists_the_pattern_files_with_their_counts(folder: Path) -> None:
    done = run_patterns()
    assert done.exit_code == 0 and done.stderr == ""
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["model", "label", "predict_type", "patterns", "faults"],
        ["keyword_model", "/female", "author_name", "2", ""],
        ["rule_model", "/male", "author_name", "1", ""],
    ]
    document = json.loads(run_patterns("--json").stdout)
    assert (document["error_code"], document["error_message"], document["faults"]) == (200, "OK", [])
    assert [entry["patterns"] for entry in document["content"]] == [2, 1]


def test_patterns_exits_with_1_and_names_each_fault_with_its_line(folder: Path) -> None:
    write_pattern_file(folder, "good\tend\nno tab\nx\tbegin\n", label="other")
    done = run_patterns()
    assert done.exit_code == 1
    errors = " ".join(done.stderr.split())
    assert "author_name.txt, line 2: no tab" in errors and "line 3: unknown match type 'begin'" in errors
    assert ["keyword_model", "/other", "author_name", "1", "2"] in [
        line.split("\t") for line in done.stdout.splitlines()
    ]
    done = run_patterns("--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["error_code"], len(document["faults"])) == (1, 501, 2)
    assert [fault["line"] for entry in document["content"] for fault in entry["faults"]] == [2, 3]


def test_one_model_is_enough_and_without_any_each_is_named(folder: Path) -> None:
    (folder / "rule_model").rename(folder / "gone")
    assert run_patterns().exit_code == 0
    (folder / "keyword_model").rename(folder / "gone, too")
    done = run_patterns()
    assert done.exit_code == 1
    assert "keyword_model: cannot be read" in " ".join(done.stderr.split())
    assert "rule_model: cannot be read" in " ".join(done.stderr.split())


def test_patterns_names_a_model_that_cannot_be_read_and_hostile_lines_are_inert(folder: Path) -> None:
    (folder / "rule_model").rename(folder / "gone")
    (folder / "rule_model").symlink_to(folder / "nowhere")
    write_pattern_file(folder, "x\t\x1b[2J\u202e\n")
    done = run_patterns()
    assert done.exit_code == 1
    assert "rule_model: cannot be read" in " ".join(done.stderr.split())
    assert_inert(done.output)
    assert_inert(run_patterns("--json").output)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [(["--help"], 0, "Usage: audience"), (["demo"], 1, "set HOME or XDG_STATE_HOME")],
)
def test_without_an_account_name_and_a_home_folder_there_is_help_and_a_message(
    arguments: list[str], status: int, message: str
) -> None:
    code = (
        "import getpass, os, pwd, sys\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "def getuser():\n"  # that of Python 3.13, whose error is not a KeyError
        "    if name := os.environ.get('LOGNAME'): return name\n"
        "    raise OSError('No username set in the environment')\n"
        "pwd.getpwuid, getpass.getuser = unknown, getuser\n"
        f"sys.argv = ['audience', *{arguments}]\n"
        "from console.cli.main import main\n"
        "main()\n"
    )
    unset = {"HOME", "LOGNAME", "USER", "LNAME", "USERNAME"}
    environment = {name: value for name, value in os.environ.items() if name not in unset and "XDG_" not in name}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == status and "Traceback" not in done.stderr
    assert message in done.stdout + done.stderr


@pytest.mark.parametrize("redirection", [">&-", "2>&-"])
def test_without_one_of_its_outputs_a_command_ends_as_it_would_with_it(redirection: str) -> None:
    for arguments, status in (("--help", 0), ("nonsense", 2)):
        command = f"'{sys.executable}' -m console {arguments} {redirection}"
        done = subprocess.run(command, shell=True, capture_output=True, text=True)
        assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
