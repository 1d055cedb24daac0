"""The command `lint`: exit statuses, places, what is compared with what."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner, Result

from console.cli.main import app
from patterns import probe
from tests.helpers.assertions import assert_inert
from tests.helpers.pattern_files import SLOW_TOGETHER, write_pattern_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pattern files without faults or warnings."""
    monkeypatch.setenv("PATTERNS_DIR", str(tmp_path))
    write_pattern_file(tmp_path, "雅婷\tpartially\nann\tstart\n")
    write_pattern_file(tmp_path, "my (wife|girlfriend)\n", label="male", model="rule_model")
    return tmp_path


def run_lint(*options: str) -> Result:
    return CliRunner().invoke(app, ["lint", *options])


def document(*options: str) -> dict[str, Any]:
    return dict(json.loads(run_lint(*options, "--json").stdout))


def test_files_without_faults_or_warnings_give_an_empty_list(folder: Path) -> None:
    assert (run_lint("--strict").exit_code, document()) == (
        0,
        {"error_code": 200, "error_message": "OK", "content": []},
    )


def test_warnings_have_their_places_and_fail_only_if_strict(folder: Path) -> None:
    path = write_pattern_file(folder, "志明\tpartially\nAnnie\texactly\n", label="male")
    done = run_lint()
    assert done.exit_code == 0
    message = "never decides: line 2 of /female (ann start) does first; remove it, or move it up"
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["kind", "file", "line", "pattern", "match_type", "message"],
        ["shadowed", str(path), "2", "Annie", "exactly", message],
    ]
    assert document()["error_code"] == 200
    assert run_lint("--strict").exit_code == 1
    assert document("--strict")["error_message"] == "0 faults, 1 warning; see content"


def test_slow_rules_have_their_lines_and_a_set_that_is_slow_together_is_named(folder: Path) -> None:
    slow = "[a-q].{0,200}[b-r].{0,200}[c-s].{0,200}x"
    path = write_pattern_file(folder, f"雅婷\n{slow}\n", model="rule_model")
    (found,) = document("--model-type", "rule_model")["content"]
    assert (found["kind"], found["file"], found["line"], found["pattern"]) == ("slow", str(path), 2, slow)
    assert "times as long as a word" in found["message"]
    path.write_text("\n".join(SLOW_TOGETHER), encoding="utf-8")
    with patch.object(probe, "SLOW_TIMES", 1_000.0):  # on a busy machine, one of them may be slow alone
        (found,) = document("--model-type", "rule_model")["content"]
    assert (found["kind"], found["file"], found["line"]) == ("slow", str(folder / "rule_model"), None)
    assert found["message"].startswith("author_name: the 46 rules with gaps")


def test_the_order_of_labels_decides_which_line_is_beaten(folder: Path) -> None:
    write_pattern_file(folder, "annie\texactly\n", label="male")
    (folder / "keyword_model" / "labels.toml").write_text('order = ["male", "female"]')
    assert document()["content"] == []


def test_faults_fail_and_leave_out_the_warnings_that_depend_on_them(folder: Path) -> None:
    path = write_pattern_file(folder, "annie\texactly\nno tab\n", label="male")
    write_pattern_file(folder, "x*\n", label="male", model="rule_model")
    found = document()
    assert found["error_code"] == 501 and run_lint().exit_code == 1
    assert [(entry["kind"], entry["file"], entry["line"]) for entry in found["content"]] == [
        ("fault", str(path), 2),
        ("empty match", str(folder / "rule_model" / "male" / "author_name.txt"), 1),
    ]
    assert [entry["kind"] for entry in document("--model-type", "rule_model")["content"]] == ["empty match"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--model-type", "magic"), 422),
        (("--predict-type", "\x1b[2J"), 422),
        (("--predict-type", "title"), 501),
    ],
)
def test_wrong_options_and_missing_files_have_their_code(folder: Path, options: tuple[str, ...], code: int) -> None:
    assert run_lint(*options).exit_code == 1
    assert document(*options)["error_code"] == code
    assert_inert(run_lint(*options).output)


def test_a_model_without_a_folder_is_a_fault_only_if_it_is_asked_for_or_none_has_one(folder: Path) -> None:
    (folder / "rule_model").rename(folder / "gone")
    assert document()["error_code"] == 200
    assert document("--model-type", "rule_model")["error_code"] == 501
    (folder / "keyword_model").rename(folder / "gone too")
    assert [entry["kind"] for entry in document()["content"]] == ["fault", "fault"]


def test_hostile_lines_are_inert(folder: Path) -> None:
    write_pattern_file(folder, "\x1b[2J\u202e\tend\nx\t\x1b\n\u200b\tpartially\n")
    write_pattern_file(folder, "\x1b\u202e*\n", label="male", model="rule_model")
    for options in ((), ("--json",)):
        assert_inert(run_lint(*options).stdout.replace("\n", ""))


def test_the_patterns_of_the_project_have_no_warnings() -> None:
    assert document("--strict")["content"] == []
