"""The command line on real servers: exit statuses, JSON envelopes, pipes, terminals."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest
from typer.testing import CliRunner

from console.cli.main import app
from tests.helpers.assertions import assert_inert
from tests.helpers.deployment import YEAR_END, YEAR_START, TestDeployment
from tests.helpers.posts import PATTERNS, post
from tests.helpers.running import until
from tests.helpers.triggers import refuse_rows

CREATE = ("create", "--start-time", YEAR_START, "--end-time", YEAR_END)


@pytest.fixture
def ready(deployment: TestDeployment) -> TestDeployment:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(
        [post(1, "Annie", "2020-06-01 00:00:00"), post(2, "Ann\x1b[31m\u202e", "2020-06-01 00:00:00", "WH_F0116")]
    )
    return deployment


def document(deployment: TestDeployment, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Run a command with --json and return what it prints."""
    done = deployment.command(*arguments, "--json")
    assert done.returncode == status, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert (found["error_code"] == 200) == (status == 0)
    return dict(found)


def create_and_wait(deployment: TestDeployment) -> str:
    """Run a task to its end and return its id."""
    with deployment.workers():
        return deployment.command(*CREATE, "--wait").stdout.split()[0]


def test_commands_print_the_envelopes_of_v21(ready: TestDeployment) -> None:
    created = document(ready, *CREATE, "--countdown", "1")["error_message"]
    task_id = created["task_id"]
    assert created == {
        "model_type": "keyword_model",
        "predict_type": "author_name",
        "start_time": "2020-01-01T00:00:00",
        "end_time": "2020-12-31T23:59:59",
        "target_schema": ready.input_schema,
        "target_table": ready.table,
        "output_schema": ready.output_schema,
        "countdown": 1,
        "queue": ready.settings.queue,
        "date_range": f"{YEAR_START} - {YEAR_END}",
        "task_id": task_id,
    }
    status = document(ready, "status", task_id)
    assert (status["error_message"], status["status"], status["prod_status"], status["result"]) == (
        *("OK", "PENDING", None, ""),
    )
    with ready.workers():
        watched = document(ready, "status", task_id, "--watch")
    assert (watched["status"], watched["prod_status"], watched["result"]) == ("SUCCESS", "finish", "Dcard,fbfans")

    (listed,) = document(ready, "list")["content"]
    columns_of_v21 = [
        *("task_id", "stat", "prod_stat", "model_type", "predict_type", "date_range", "target_table", "create_time"),
        *("peak_memory", "length_receive_table", "length_output_table", "length_prod_table", "result"),
        *("uniq_source_author", "rate_of_label", "run_time", "check_point"),
    ]
    assert list(listed)[:17] == columns_of_v21
    assert listed["length_prod_table"] == "1,1" and listed["date_range"] == f"{YEAR_START} - {YEAR_END}"

    rows = document(ready, "sample", task_id, "--table", "wh_panel_mapping_fbfans")["error_message"]
    assert rows == [
        {
            "id": "1",
            "task_id": task_id,
            "source_author": "WH_F0045_Annie",
            "panel": "/female",
            "create_time": "2020-06-01T00:00:00",
            "field_content": "WH_F0045",
            "match_content": "Annie",
        }
    ]


def test_errors_exit_with_1_and_their_code_and_wrong_usage_exits_with_2(ready: TestDeployment) -> None:
    assert document(ready, "status", "abc", status=1)["error_code"] == 400
    assert document(ready, "list", status=1)["error_code"] == 500
    assert document(ready, *CREATE[:3], "--end-time", YEAR_START, status=1)["error_code"] == 400
    assert document(ready, *CREATE, "--model-type", "x", status=1)["error_code"] == 422
    assert document(ready, "sample", "0" * 32, status=1)["error_code"] == 404
    plain = ready.command("status", "abc")
    assert plain.returncode == 1 and plain.stdout == ""
    assert plain.stderr.strip() == (
        "audience: 400 malformed task id 'abc': expected 32 hex digits in lower case,"
        " or the first 6 or more of them, got 3"
    )
    for wrong in (("create",), ("nonsense",), ("list", "--limit", "many"), ("status",)):
        done = ready.command(*wrong)
        assert done.returncode == 2 and "Traceback" not in done.stderr


def test_wait_exits_with_0_when_the_task_finishes_and_with_1_when_it_fails(ready: TestDeployment) -> None:
    with ready.workers():
        done = ready.command(*CREATE, "--wait")
        assert done.returncode == 0, done.stderr
        assert "author produced" in done.stdout and done.stderr == ""
        assert "\x1b" not in done.stdout
        task_id = done.stdout.split()[0]
        ready.write_anything(refuse_rows("fbfans"))
        failed = document(ready, *CREATE, "--wait", status=1)
        assert failed["status"] == "FAILURE" and "window 1" in failed["error_message"]
    aborted = ready.command("abort", task_id)
    assert aborted.returncode == 1 and "409" in aborted.stderr


def test_abort_stops_a_task_and_resume_lets_it_continue(ready: TestDeployment) -> None:
    task_id = document(ready, *CREATE)["error_message"]["task_id"]
    assert "audience resume" in ready.command("abort", task_id).stdout
    assert document(ready, "status", task_id)["status"] == "ABORTED"
    assert document(ready, "resume", task_id)["status"] == "PENDING"


def test_hostile_names_are_inert_in_pipes_and_unchanged_in_json(ready: TestDeployment) -> None:
    task_id = create_and_wait(ready)
    for arguments in (("sample", task_id), ("sample", task_id, "--json"), ("list",), ("status", task_id)):
        output = ready.command(*arguments).stdout
        assert "\x1b" not in output and "\u202e" not in output
    assert "Ann\\x1b[31m\\u202e" in ready.command("sample", task_id).stdout
    rows = json.loads(ready.command("sample", task_id, "--json").stdout)["error_message"]
    assert "Ann\x1b[31m\u202e" in [row["match_content"] for row in rows]


def test_sample_saves_its_rows_to_a_new_file(ready: TestDeployment) -> None:
    task_id = create_and_wait(ready)
    for name in ("rows.csv", "rows.jsonl"):
        done = ready.command("sample", task_id, "--output", name)
        assert done.returncode == 0, done.stderr
        assert_inert(done.stdout)
    lines = (ready.folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["match_content"] for line in lines} == {"Annie", "Ann\x1b[31m\u202e"}
    assert (ready.folder / "rows.csv").read_text(encoding="utf-8").startswith("id,task_id,source_author,panel")
    saved = (ready.folder / "rows.csv").read_bytes()
    for name, code in (("rows.csv", "exists"), ("rows.xls", "422"), ("nowhere/rows.csv", "No such file")):
        done = ready.command("sample", task_id, "--output", name)
        assert done.returncode == 1 and code in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert (ready.folder / "rows.csv").read_bytes() == saved
    assert document(ready, "sample", task_id, "--output", "rows.xls", status=1)["error_code"] == 422


def test_a_pipe_receives_tab_separated_lines_that_no_width_truncates(ready: TestDeployment) -> None:
    document(ready, *CREATE)
    header, line = ready.command("list").stdout.splitlines()
    assert header.split("\t")[:2] == ["task_id", "stat"]
    assert len(line.split("\t")[0]) == 32


@pytest.mark.parametrize("command", [CREATE, ("list",)], ids=["create", "list"])
def test_into_a_pipe_a_command_on_tasks_prints_without_importing_what_only_others_need(
    ready: TestDeployment, command: tuple[str, ...]
) -> None:
    document(ready, *CREATE)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "console", *command],
        env=ready.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "aiomysql" in imported
    assert not {"rich", "textual", "asyncmy", "re2", "jobs.services.row_files", "jobs.services.resume"} & imported


def test_a_terminal_shows_a_progress_bar(ready: TestDeployment) -> None:
    main, terminal = pty.openpty()
    with ready.workers():
        process = subprocess.Popen(
            [sys.executable, "-m", "console", *CREATE, "--countdown", "1", "--wait"],
            env=ready.environment() | {"TERM": "xterm-256color", "COLUMNS": "80"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        output = b""
        try:
            while chunk := os.read(main, 4096):
                output += chunk
        except OSError:  # the process has closed the terminal
            pass
        assert process.wait(30) == 0, output.decode()
    assert b"production" in output and "━".encode() in output


def test_check_reports_what_is_missing_and_what_to_do(ready: TestDeployment) -> None:
    found = {line.split()[1]: line for line in ready.command("check").stdout.splitlines()}
    assert found["input"].startswith("ok") and found["redis"].startswith("ok")
    assert found["grants"].startswith("ok")
    assert found["workers"].startswith("warning") or found["workers"].startswith("ok")
    assert ready.command("check").returncode == 0  # although rule_model has no folder here
    assert found["rule_model"].startswith("ok") and "not used" in found["rule_model"]
    ready.settings.patterns_dir.rename(ready.folder / "elsewhere")
    without = ready.command("check")
    assert without.returncode == 1 and without.stdout.count("PATTERNS_DIR") == 2
    (ready.folder / "elsewhere").rename(ready.settings.patterns_dir)

    document(ready, *CREATE)
    ready.write_anything("CREATE OR REPLACE USER poor@'127.0.0.1' IDENTIFIED BY 'x'")
    schema = ready.output_schema.replace("_", "\\_")
    ready.write_anything(f"GRANT SELECT, INSERT ON `{schema}`.* TO poor@'127.0.0.1'")
    poor = ready.command("check", OUTPUT_USER="poor", OUTPUT_PASSWORD="x").stdout
    assert "no privilege to UPDATE, DELETE, CREATE, ALTER" in poor and "GRANT" in poor
    away = ready.command("check", OUTPUT_PORT="1", INPUT_PASSWORD="wrong", REDIS_URL="redis://127.0.0.1:1")
    assert away.returncode == 1
    assert "check OUTPUT_HOST" in away.stdout and "check INPUT_HOST" in away.stdout and "start Redis" in away.stdout
    assert json.loads(ready.command("check", "--json").stdout)["content"]


def test_the_environment_overrides_the_env_file(ready: TestDeployment) -> None:
    (ready.folder / ".env").write_text("OUTPUT_PORT=1\nWINDOW_ROWS=7\n")
    assert document(ready, *CREATE)["error_code"] == 200
    (ready.folder / ".env").chmod(0o644)
    assert "chmod 600 .env" in ready.command("check").stdout


def test_hostile_arguments_are_refused_with_inert_messages(
    ready: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in ready.environment().items():
        monkeypatch.setenv(name, text)
    create = ("create", "--start-time", "2020-01-01 00:00", "--end-time", "2021-01-01 00:00")
    for value in ["\x1b[2J", "\udcff", "' OR 1=1 --", "０" * 32, "\u202e", "9" * 5_000, "nan", "[/red]", "\x00"]:
        for arguments in (
            *(("status", value), ("sample", "0" * 32, "--table", value), ("list", "--output-schema", value)),
            *((*create, f"--{name}", f"{value}\n") for name in ("queue", "countdown", "target-table", "model-type")),
        ):
            for form in ((), ("--json",)):
                done = CliRunner().invoke(app, [*arguments, *form])
                assert isinstance(done.exception, SystemExit) and done.exit_code == 1, (arguments, done.exception)
                assert_inert(done.output, arguments)
    assert not ready.output_exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_encoding_lacks_is_escaped_and_json_stays_json(ready: TestDeployment, encoding: str) -> None:
    name = "林雅婷 é🐱"
    ready.write_posts([post(1, name, "2020-06-01 00:00:00")])
    task_id = create_and_wait(ready)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = ready.environment() | {"PYTHONIOENCODING": encoding}
        command = [sys.executable, "-m", "console", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, encoding=encoding)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done

    assert "\\u6797\\u96c5\\u5a77" in run("sample", task_id).stdout
    (row,) = json.loads(run("sample", task_id, "--json").stdout)["error_message"]
    assert row["match_content"] == name


def test_create_warns_of_slow_rules_and_creates_the_task(ready: TestDeployment) -> None:
    slow = "[a-q].{0,200}[b-r].{0,200}[c-s].{0,200}x"
    ready.write_patterns({"female": ["雅婷", slow]}, "content")
    create = (*CREATE, "--predict-type", "content", "--model-type", "rule_model")
    done = ready.command(*create)
    assert done.returncode == 0
    for words in ("audience: ", f"rule {slow} of label female is slow", "times as long as a word"):
        assert words in done.stderr
    done = ready.command(*create, "--json")
    (warning,) = json.loads(done.stdout)["warnings"]
    assert slow in warning and warning in done.stderr
    assert document(ready, *CREATE)["warnings"] == []
    assert ready.count("stat = 'PENDING'") == 3


async def test_ctrl_c_while_a_task_is_planned_says_that_none_was_created(one_post: TestDeployment) -> None:
    arguments = ("create", "--start-time", YEAR_START, "--end-time", YEAR_END, "--wait")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = one_post.start("console", *arguments, INPUT_PORT=str(silent.getsockname()[1]))
        silent.settimeout(20)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
    assert one_post.log() == "audience: stopped; no task was created\n"


async def test_ctrl_c_while_a_task_is_awaited_says_that_it_goes_on(one_post: TestDeployment) -> None:
    arguments = ("create", "--start-time", YEAR_START, "--end-time", YEAR_END, "--wait")
    process = one_post.start("console", *arguments)
    task_id = await until(lambda: one_post.log().strip())  # nobody works on it
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert one_post.log().splitlines()[1] == (
        f"audience: stopped waiting; the task goes on: audience status {task_id} --watch"
    )
    assert one_post.count("stat = 'PENDING'") == 1
