"""The command line as it is used: exit statuses, envelopes, pipes, terminals."""

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from tests.helpers.deployment import END, REFUSE, START, TestSite, post
from tests.helpers.posts import PATTERNS

CREATE = ("create", "--start-time", START, "--end-time", END)


@pytest.fixture
def ready(site: TestSite) -> TestSite:
    site.write_patterns(PATTERNS)
    site.write_posts(
        [post(1, "Annie", "2020-06-01 00:00:00"), post(2, "Ann\x1b[31m\u202e", "2020-06-01 00:00:00", "WH_F0116")]
    )
    return site


def document(site: TestSite, *arguments: str, status: int = 0) -> dict[str, Any]:
    done = site.command(*arguments, "--json")
    assert done.returncode == status, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert (found["error_code"] == 200) == (status == 0)
    return dict(found)


def test_the_services_print_the_seeds_envelopes(ready: TestSite) -> None:
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
        "date_range": f"{START} - {END}",
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
    seeds = [
        *("task_id", "stat", "prod_stat", "model_type", "predict_type", "date_range", "target_table", "create_time"),
        *("peak_memory", "length_receive_table", "length_output_table", "length_prod_table", "result"),
        *("uniq_source_author", "rate_of_label", "run_time", "check_point"),
    ]
    assert list(listed)[:17] == seeds
    assert listed["length_prod_table"] == "1,1" and listed["date_range"] == f"{START} - {END}"

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


def test_status_1_with_the_code_for_errors_2_for_wrong_usage(ready: TestSite) -> None:
    assert document(ready, "status", "abc", status=1)["error_code"] == 400
    assert document(ready, "list", status=1)["error_code"] == 500
    assert document(ready, *CREATE[:3], "--end-time", START, status=1)["error_code"] == 400
    assert document(ready, *CREATE, "--model-type", "x", status=1)["error_code"] == 422
    assert document(ready, "sample", "0" * 32, status=1)["error_code"] == 404
    plain = ready.command("status", "abc")
    assert plain.returncode == 1 and plain.stdout == ""
    assert plain.stderr.strip() == "audience: 400 'abc' is not in proper format, expect 32 digits get 3 digits"
    for wrong in (("create",), ("nonsense",), ("list", "--limit", "many"), ("status",)):
        done = ready.command(*wrong)
        assert done.returncode == 2 and "Traceback" not in done.stderr


def test_wait_ends_with_status_0_when_the_task_finishes_and_1_when_it_does_not(ready: TestSite) -> None:
    with ready.workers():
        done = ready.command(*CREATE, "--wait")
        assert done.returncode == 0, done.stderr
        assert "authors produced" in done.stdout and done.stderr == ""
        assert "\x1b" not in done.stdout
        task_id = done.stdout.split()[0]
        ready.write_anything(REFUSE.replace("TABLE", "fbfans"))
        failed = document(ready, *CREATE, "--wait", status=1)
        assert failed["status"] == "FAILURE" and "window 1" in failed["error_message"]
    aborted = ready.command("abort", task_id)
    assert aborted.returncode == 1 and "409" in aborted.stderr


def test_abort_and_resume(ready: TestSite) -> None:
    task_id = document(ready, *CREATE)["error_message"]["task_id"]
    assert "audience resume" in ready.command("abort", task_id).stdout
    assert document(ready, "status", task_id)["status"] == "ABORTED"
    assert document(ready, "resume", task_id)["status"] == "PENDING"


def test_hostile_names_come_out_inert_in_pipes_and_json(ready: TestSite) -> None:
    with ready.workers():
        task_id = ready.command(*CREATE, "--wait").stdout.split()[0]
    for arguments in (("sample", task_id), ("sample", task_id, "--json"), ("list",), ("status", task_id)):
        output = ready.command(*arguments).stdout
        assert "\x1b" not in output and "\u202e" not in output
    assert "Ann\\x1b[31m\\u202e" in ready.command("sample", task_id).stdout
    rows = json.loads(ready.command("sample", task_id, "--json").stdout)["error_message"]
    assert "Ann\x1b[31m\u202e" in [row["match_content"] for row in rows]


def test_a_pipe_gets_lines_with_tabs_that_no_width_cuts(ready: TestSite) -> None:
    document(ready, *CREATE)
    header, line = ready.command("list").stdout.splitlines()
    assert header.split("\t")[:2] == ["task_id", "stat"]
    assert len(line.split("\t")[0]) == 32


def test_a_terminal_gets_a_progress_bar(ready: TestSite) -> None:
    main, terminal = pty.openpty()
    with ready.workers():
        done = subprocess.Popen(
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
        except OSError:  # the terminal's other side is closed
            pass
        assert done.wait(30) == 0, output.decode()
    assert b"production" in output and "━".encode() in output


def test_check_says_what_is_missing_and_what_to_do(ready: TestSite) -> None:
    found = {line.split()[1]: line for line in ready.command("check").stdout.splitlines()}
    assert found["input"].startswith("ok") and found["redis"].startswith("ok")
    assert found["grants"].startswith("ok")
    assert found["workers"].startswith("warning") or found["workers"].startswith("ok")
    assert ready.command("check").returncode == 1  # the rule_model has no files here
    assert found["rule_model"].startswith("error") and "PATTERNS_DIR" in found["rule_model"]

    document(ready, *CREATE)
    ready.write_anything("CREATE OR REPLACE USER poor@'127.0.0.1' IDENTIFIED BY 'x'")
    schema = ready.output_schema.replace("_", "\\_")
    ready.write_anything(f"GRANT SELECT, INSERT ON `{schema}`.* TO poor@'127.0.0.1'")
    poor = ready.command("check", OUTPUT_USER="poor", OUTPUT_PASSWORD="x").stdout
    assert "no right to UPDATE, DELETE, CREATE, ALTER" in poor and "GRANT" in poor
    away = ready.command("check", OUTPUT_PORT="1", INPUT_PASSWORD="wrong", REDIS_URL="redis://127.0.0.1:1")
    assert away.returncode == 1
    assert "check OUTPUT_HOST" in away.stdout and "check INPUT_HOST" in away.stdout and "start Redis" in away.stdout
    assert json.loads(ready.command("check", "--json").stdout)["content"]


def test_the_environment_wins_over_the_env_file(ready: TestSite) -> None:
    (ready.folder / ".env").write_text("OUTPUT_PORT=1\nWINDOW_ROWS=7\n")
    assert document(ready, *CREATE)["error_code"] == 200
    (ready.folder / ".env").chmod(0o644)
    assert "chmod 600 .env" in ready.command("check").stdout


def test_headless_commands_import_no_textual() -> None:
    code = "import console.cli.main, sys; print([m for m in sys.modules if m.split('.')[0] == 'textual'])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize(
    "command", ["create", "list", "status", "sample", "abort", "resume", "check", "worker", "demo"]
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "console", command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert f"Example: audience {command}" in done.stdout
