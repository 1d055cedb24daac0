"""The command `evaluate`: figures, bad lines, the file of wrong texts."""

import csv
import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from console.cli.main import app
from jobs.services import evaluate_gold
from patterns.evaluation import Wrong
from tests.helpers.assertions import assert_inert
from tests.helpers.pattern_files import write_pattern_file

GOLD = "text,label\n林雅婷,female\nAnnie,male\nxyz,\n=cmd(),male\nAnn Lee,/female\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pattern files, and `gold.csv`."""
    monkeypatch.setenv("PATTERNS_DIR", str(tmp_path))
    write_pattern_file(tmp_path, "雅婷\tpartially\nann\tstart\n")
    write_pattern_file(tmp_path, "志明\tpartially\n", label="male")
    (tmp_path / "gold.csv").write_text(GOLD, encoding="utf-8")
    return tmp_path


def run_evaluate(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", str(folder / "gold.csv"), *options])


def document(folder: Path, *options: str) -> dict[str, Any]:
    return dict(json.loads(run_evaluate(folder, *options, "--json").stdout))


def test_figures_are_printed_with_their_intervals(folder: Path) -> None:
    done = run_evaluate(folder)
    assert done.exit_code == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "coverage   60.0% (23.1-88.2) of 5 texts get a label",
        "precision  66.7% (20.8-93.9) of 3 labels are right",
    ]
    assert "/female\t2\t3\t66.7 (20.8-93.9)\t100.0 (34.2-100.0)\t80.0 (34.4-96.8)" in lines
    assert "/male\t2\t0\t-\t0.0 (0.0-65.8)\t0.0 (0.0-79.3)" in lines
    assert "/male\t1\t0\t1" in lines  # the confusion matrix
    assert "/female\t2\tann\tstart\t2\t1\t50.0 (9.5-90.5)" in lines


def test_json_has_every_figure(folder: Path) -> None:
    found = document(folder)
    assert (found["error_code"], found["lines"], found["bad_lines"]) == (200, 5, {"count": 0, "first": []})
    assert found["coverage"]["share"] == 0.6 and found["coverage"]["low"] < 0.6 < found["coverage"]["high"]
    assert {(one["label"], one["given"]): one["count"] for one in found["confusion"]} == {
        ("female", "female"): 2,
        ("male", "female"): 1,
        ("male", ""): 1,
        ("", ""): 1,
    }
    assert [(one["label"], one["gold"], one["given"], one["right"]) for one in found["labels"]] == [
        ("female", 2, 3, 2),
        ("male", 2, 0, 0),
    ]
    assert [(one["pattern"], one["line"], one["decided"], one["right"]) for one in found["patterns"]] == [
        ("雅婷", 1, 1, 1),
        ("ann", 2, 2, 1),
    ]


def test_wrong_texts_are_saved_with_their_patterns(folder: Path) -> None:
    assert run_evaluate(folder, "--errors", str(folder / "wrong.csv")).exit_code == 0
    with (folder / "wrong.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["text"], row["label"], row["given"], row["pattern"]) for row in rows] == [
        ("3", "Annie", "male", "female", "ann"),
        ("5", "'=cmd()", "male", "", ""),
    ]
    assert rows[0]["pattern_file"].endswith("keyword_model/female/author_name.txt") and rows[0]["pattern_line"] == "2"
    assert run_evaluate(folder, "--errors", str(folder / "wrong.jsonl")).exit_code == 0
    texts = [json.loads(line)["text"] for line in (folder / "wrong.jsonl").read_text(encoding="utf-8").splitlines()]
    assert texts == ["Annie", "=cmd()"]


def test_a_file_of_wrong_texts_is_new_or_nothing_changes(folder: Path) -> None:
    (folder / "mine.csv").write_text("mine")
    for name, code in (("mine.csv", 500), ("wrong.xls", 422), ("nowhere/wrong.csv", 500)):
        found = document(folder, "--errors", str(folder / name))
        assert found["error_code"] == code
    assert (folder / "mine.csv").read_text() == "mine"
    (folder / "gold.csv").write_text("text,label\nxyz,male\n" + "x" * 1_000_001)
    assert document(folder, "--errors", str(folder / "wrong.csv"))["error_code"] == 422
    assert not (folder / "wrong.csv").exists()


def test_bad_lines_are_named_and_left_out(folder: Path) -> None:
    (folder / "gold.csv").write_text("text,label\nAnnie,female\na,b,c\n" + "x\n" * 20)
    done = run_evaluate(folder)
    assert done.exit_code == 0
    assert "line 3 is left out: expected 2 columns, not 3" in done.stderr
    assert "left out as well: 11 more lines" in done.stderr
    found = document(folder)
    assert (found["lines"], found["bad_lines"]["count"]) == (1, 21)
    assert [bad["line"] for bad in found["bad_lines"]["first"]] == list(range(3, 24))


def test_a_gold_file_of_lines_that_are_all_left_out_gives_no_figures(folder: Path) -> None:
    (folder / "gold.csv").write_text("text,label\n")
    done = run_evaluate(folder)
    assert done.exit_code == 0 and "coverage   - of 0 texts" in done.stdout


@pytest.mark.parametrize(
    ("options", "code"),
    [(("--model-type", "magic"), 422), (("--predict-type", "title"), 501)],
    ids=["wrong", "missing"],
)
def test_wrong_options_and_missing_files_have_their_code(folder: Path, options: tuple[str, ...], code: int) -> None:
    assert run_evaluate(folder, *options).exit_code == 1
    assert document(folder, *options)["error_code"] == code
    assert json.loads(CliRunner().invoke(app, ["evaluate", "missing.csv", "--json"]).stdout)["error_code"] == 422


def test_more_labels_than_a_matrix_holds_are_listed_by_their_confusions(folder: Path) -> None:
    (folder / "gold.csv").write_text("text,label\n" + "".join(f"Annie,l{n % 8}\n" for n in range(20)))
    lines = run_evaluate(folder).stdout.splitlines()
    assert "right label\tgets\ttexts" in lines and "/l0\t/female\t3" in lines


def test_hostile_lines_and_names_are_inert(folder: Path) -> None:
    (folder / "gold.csv").write_text("text,label\n\x1b[2J\u202e,male\n\x1b,\x1b\u202e\n")
    for options in ((), ("--json",)):
        assert_inert(run_evaluate(folder, *options).output.replace("\n", ""))
    assert_inert(CliRunner().invoke(app, ["evaluate", "\x1b[2J\u202e"]).output.replace("\n", ""))


def test_an_evaluation_that_is_stopped_leaves_out_the_lines_that_follow(folder: Path) -> None:
    stopped, wrong = Event(), list[Wrong]()

    def stop(one: Wrong) -> None:
        wrong.append(one)
        stopped.set()

    found = evaluate_gold(
        folder, folder / "gold.csv", "keyword_model", "author_name", on_wrong=stop, stopped=stopped
    ).evaluation
    assert [one.text for one in wrong] == ["Annie"] and found.lines == 2
