"""The command `suggest` with a gold file."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from console.cli.main import app
from tests.helpers.assertions import assert_inert
from tests.helpers.pattern_files import write_pattern_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pattern file, and `gold.csv`, in which names that end with 婷 are female and other ones are not."""
    monkeypatch.setenv("PATTERNS_DIR", str(tmp_path))
    write_pattern_file(tmp_path, "雅婷\tpartially\n")
    lines = [f"{chr(0x4E00 + number)}婷,female\n{chr(0x4E00 + number)}明,\n" for number in range(500)]
    (tmp_path / "gold.csv").write_text("text,label\n" + "".join(lines) + "雅婷,female\nbad\n", encoding="utf-8")
    return tmp_path


def run_suggest(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["suggest", str(folder / "gold.csv"), *options])


def document(folder: Path, *options: str) -> dict[str, Any]:
    return dict(json.loads(run_suggest(folder, *options, "--json").stdout))


def test_a_pipe_receives_a_line_for_each_suggestion_and_bad_lines_are_named(folder: Path) -> None:
    done = run_suggest(folder)
    assert done.exit_code == 0 and "line 1003 is left out: expected 2 columns, not 1" in done.stderr
    header, line = (line.split("\t") for line in done.stdout.splitlines())
    assert header[:4] == ["label", "pattern", "match type", "support"]
    assert line[:3] == ["/female", "婷", "end"] and 200 < int(line[3]) < 300


def test_json_has_the_figures_of_each_suggestion_and_of_all_together(folder: Path) -> None:
    found = document(folder)
    (one,) = found["content"]
    assert (found["error_code"], one["label"], one["pattern"], one["match_type"], one["sure"]) == (
        *(200, "female", "婷", "end", True),
    )
    assert one["support"] == one["right"] == one["adds"] and one["precision"]["share"] == 1
    assert found["before"]["coverage"]["share"] < 0.01 and found["after"]["coverage"]["share"] > 0.4
    assert found["bad_lines"]["count"] == 1


def test_an_empty_pattern_folder_gets_its_first_suggestions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATTERNS_DIR", str(folder / "empty"))
    assert [one["pattern"] for one in document(folder)["content"]] == ["婷"]
    assert [one["pattern"] for one in document(folder, "--model-type", "rule_model")["content"]] == ["婷$"]


def test_nothing_is_suggested_for_what_is_known_or_not_precise_enough(folder: Path) -> None:
    write_pattern_file(folder, "婷\tend\n")
    assert document(folder)["content"] == []
    assert run_suggest(folder).exit_code == 0
    (folder / "gold.csv").write_text("text,label\n")
    assert document(folder)["content"] == []


def test_a_label_may_be_written_as_a_panel(folder: Path) -> None:
    assert len(document(folder, "--label", "/female")["content"]) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--model-type", "magic"), 422),
        (("--precision", "1"), 422),
        (("--precision", "nan"), 422),
        (("--support", "0"), 422),
        (("--label", "\x1b[2J"), 422),
    ],
)
def test_wrong_options_have_their_code(folder: Path, options: tuple[str, ...], code: int) -> None:
    assert run_suggest(folder, *options).exit_code == 1
    assert document(folder, *options)["error_code"] == code
    assert_inert(run_suggest(folder, *options).output.replace("\n", ""))


def test_a_faulty_pattern_file_is_reported(folder: Path) -> None:
    write_pattern_file(folder, "no tab\n")
    assert document(folder)["error_code"] == 501


def test_hostile_texts_are_inert(folder: Path) -> None:
    lines = "".join(f"\x1b\u202e[2J{number}婷,\u202efemale\n{number},\n" for number in range(200))
    (folder / "gold.csv").write_text("text,label\n" + lines + "\x1b,\x1b\n")
    for options in ((), ("--json",)):
        assert_inert(run_suggest(folder, *options).output.replace("\n", ""))
