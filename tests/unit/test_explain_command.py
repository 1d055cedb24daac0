"""The command `explain` without servers."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.cli.main import app
from console.highlight import highlight
from tests.helpers.assertions import HOSTILE_TEXT, assert_inert
from tests.helpers.pattern_files import write_pattern_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pattern files of two labels."""
    monkeypatch.setenv("PATTERNS_DIR", str(tmp_path))
    write_pattern_file(tmp_path, "雅婷\tpartially\nann\tstart\nAnn\tstart\n")
    write_pattern_file(tmp_path, "tan\tend\n", label="male")
    write_pattern_file(tmp_path, "t.n\n", label="male", model="rule_model")
    return tmp_path


def explain(*arguments: str, lines: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["explain", *arguments], input=lines)


def test_a_pipe_receives_a_line_for_each_hit_and_one_for_a_text_without_hits(folder: Path) -> None:
    done = explain("Ann Tan", "xyz")
    assert done.exit_code == 0 and done.stderr == ""
    female, male = (folder / "keyword_model" / label / "author_name.txt" for label in ("female", "male"))
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["text", "label", "pattern", "match_type", "file", "line", "spans", "outcome"],
        ["Ann Tan", "/female", "ann", "start", str(female), "2", "0-3", "decides"],
        ["Ann Tan", "/female", "Ann", "start", str(female), "3", "0-3", "line 2 comes first"],
        ["Ann Tan", "/male", "tan", "end", str(male), "1", "4-7", "/female comes first"],
        ["xyz", *[""] * 7],
    ]


def test_json_has_the_spans_of_the_text_as_given(folder: Path) -> None:
    document = json.loads(explain("--json", "--", "İ林雅婷").stdout)
    assert (document["error_code"], document["error_message"]) == (200, "OK")
    (text,) = document["content"]
    assert (text["text"], text["label"], len(text["hits"])) == ("İ林雅婷", "female", 1)
    assert (text["hits"][0]["spans"], text["hits"][0]["matched"]) == ([[2, 4]], ["雅婷"])


def test_standard_input_gives_a_text_a_line_whatever_its_bytes(folder: Path) -> None:
    done = explain("-", "--json", lines="Annie\r\n\n\ufeffTan\n".encode() + b"\xff\x00tan")
    texts = json.loads(done.stdout)["content"]
    assert [(text["text"], text["label"]) for text in texts] == [
        ("Annie", "female"),
        ("", None),
        ("\ufeffTan", "male"),
        ("\ufffd\x00tan", "male"),
    ]
    assert json.loads(explain("-", "--json").stdout)["content"] == []


def test_rules_are_explained_by_the_rule_model(folder: Path) -> None:
    (text,) = json.loads(explain("ten tan", "--model-type", "rule_model", "--json").stdout)["content"]
    assert text["hits"][0]["matched"] == ["ten", "tan"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("x", "--model-type", "magic"), 422),
        (("x", "--predict-type", "\x1b[2J"), 422),
        (("x", "--predict-type", "title"), 501),
        (("x", "--task", "0" * 32, "--predict-type", "title"), 422),
    ],
)
def test_wrong_options_have_their_code(folder: Path, arguments: tuple[str, ...], code: int) -> None:
    done = explain(*arguments, "--json")
    assert done.exit_code == 1 and json.loads(done.stdout)["error_code"] == code
    assert_inert(explain(*arguments).output)


def test_hostile_texts_and_patterns_are_inert(folder: Path) -> None:
    write_pattern_file(folder, "\x1b[2J\u202e\tpartially\n", label="other")
    for form in ((), ("--json",)):
        done = explain(*form, "--", f"{HOSTILE_TEXT}\x1b[2J\u202e")
        assert done.exit_code == 0
        assert_inert(done.stdout.replace("\n", ""))


def test_a_highlighted_text_is_sanitised_and_whole_whatever_the_spans() -> None:
    shown = highlight("a\x1bb雅婷", [(1, 3), (0, 2), (4, 5), (2, 3)])
    assert shown.plain == "a\\x1bb雅婷"
    assert "".join(shown.plain[span.start : span.end] for span in shown.spans) == "a\\x1bb婷"
