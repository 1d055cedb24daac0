"""Pattern files: what is read, and how faults are reported."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.services.lint import lint_patterns
from jobs.services.patterns import read_pattern_files
from patterns.files import PatternFileError, label_names, read_pattern_file, read_pattern_set
from patterns.matcher import build_matcher
from patterns.pattern_set import ModelType
from tests.helpers.pattern_files import decision, write_pattern_file


def faults(folder: Path, text: str | bytes, model: ModelType = "keyword_model") -> list[tuple[int | None, str]]:
    path = write_pattern_file(folder, text, model=model)
    return [(fault.line, fault.message) for fault in read_pattern_file(path, model)[1]]


def test_a_bom_and_crlf_are_tolerated(tmp_path: Path) -> None:
    write_pattern_file(tmp_path, b"\xef\xbb\xbf\xe9\x9b\x85\xe5\xa9\xb7\tpartially\r\nann\tstart\r\n")
    found = read_pattern_set(tmp_path, "keyword_model", "author_name")
    assert [str(pattern) for _, pattern in found] == ["雅婷 partially", "ann start"]


def test_blanks_and_odd_characters_of_a_keyword_are_kept(tmp_path: Path) -> None:
    write_pattern_file(tmp_path, " a \tstart\n\x0b\u2028x\tend\n\x00\tpartially")
    found = read_pattern_set(tmp_path, "keyword_model", "author_name")
    assert [pattern.text for _, pattern in found] == [" a ", "\x0b\u2028x", "\x00"]


def test_every_fault_is_reported_with_its_line(tmp_path: Path) -> None:
    text = "good\tend\nno tab\n\tstart\nx\tpartialy\n\nx\tstart\tend\n"
    assert faults(tmp_path, text) == [
        (2, "no tab; expected keyword<TAB>match_type"),
        (3, "the keyword is empty"),
        (4, "unknown match type 'partialy'; expected partially, exactly, start, end"),
        (5, "the line is empty; remove it"),
        (6, "unknown match type 'start\\tend'; expected partially, exactly, start, end"),
    ]
    with pytest.raises(PatternFileError, match=r"author_name.txt, line 2: no tab.*\(and 4 more\)"):
        read_pattern_set(tmp_path, "keyword_model", "author_name")


def test_regular_expressions_that_do_not_compile_are_reported_with_their_line(tmp_path: Path) -> None:
    found = faults(tmp_path, "ok+\na(\n(?<=x)y\n\na{1000}{1000}\n", model="rule_model")
    assert [line for line, _ in found] == [2, 3, 4, 5]
    assert found[0][1] == "not a regular expression in RE2 syntax: missing ): a("


def test_a_file_that_is_not_utf_8_is_reported_with_its_line(tmp_path: Path) -> None:
    assert faults(tmp_path, b"a\tend\n\xffx\tend\n") == [(2, "not UTF-8 (byte 0xff)")]


def test_labels_are_in_alphabetical_order_unless_labels_toml_says_otherwise(tmp_path: Path) -> None:
    for label in ("b", "c", "a"):
        write_pattern_file(tmp_path, "x\tend\n", label)
    assert label_names(tmp_path, "keyword_model") == ["a", "b", "c"]
    (tmp_path / "keyword_model" / "labels.toml").write_text('order = ["c"]\n')
    assert label_names(tmp_path, "keyword_model") == ["c", "a", "b"]
    found = read_pattern_set(tmp_path, "keyword_model", "author_name")
    assert decision(build_matcher(found), "x") == ("c", "x end")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('order = ["a", "nobody"]', "line 1: 'nobody' is not a label;"),
        ('order = [\n"a",\n"a"]', "line 2: 'a' is named twice"),
        ("order = 3", "expected one entry"),
        ("order = [", "labels.toml"),
    ],
)
def test_faults_of_labels_toml_are_reported(tmp_path: Path, text: str, message: str) -> None:
    write_pattern_file(tmp_path, "x\tend\n", "a")
    (tmp_path / "keyword_model" / "labels.toml").write_text(text)
    with pytest.raises(PatternFileError, match=message):
        label_names(tmp_path, "keyword_model")


@pytest.mark.parametrize("model", ["keyword_model", "rule_model"])
def test_missing_files_are_reported(tmp_path: Path, model: ModelType) -> None:
    with pytest.raises(PatternFileError, match=f"{model}: cannot be read: No such file"):
        read_pattern_set(tmp_path, model, "author_name")
    write_pattern_file(tmp_path, "x\tend\n", model=model)
    with pytest.raises(PatternFileError, match=r"no label has a file title.txt"):
        read_pattern_set(tmp_path, model, "title")


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give up root's right to read everything for the length of the block."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_label_that_may_not_be_read_is_a_fault() -> None:
    with tempfile.TemporaryDirectory() as name:  # unlike tmp_path, below folders that every user may enter
        folder = Path(name)
        folder.chmod(0o755)
        write_pattern_file(folder, "a\tstart\n")
        for path in (folder / "keyword_model").iterdir():
            path.chmod(0o000)
        with unprivileged():
            files, _ = read_pattern_files(folder)
        messages = {fault.message for file in files for fault in file.faults}
        for path in (folder / "keyword_model").iterdir():
            path.chmod(0o700)
    assert messages == {"cannot be read: Permission denied"}


def test_a_model_whose_order_or_one_label_cannot_be_read_shows_its_other_labels(tmp_path: Path) -> None:
    for label in ("female", "male"):
        path = tmp_path / "keyword_model" / label / "author_name.txt"
        path.parent.mkdir(parents=True)
        path.write_text("ann\tstart\n")
    (tmp_path / "keyword_model" / "labels.toml").write_text("order = [nobody]")
    (tmp_path / "keyword_model" / "gone").symlink_to(tmp_path / "nowhere")
    files, faults = read_pattern_files(tmp_path)
    assert [file.label for file in files] == ["female", "male"]
    assert [fault.path.name for fault in faults] == ["gone", "labels.toml"]
    # Warnings depend on the deciding order, which is not known.
    assert all(finding.is_fault for finding in lint_patterns(tmp_path))
    with pytest.raises(PatternFileError):
        read_pattern_set(tmp_path, "keyword_model", "author_name")
    (tmp_path / "keyword_model" / "labels.toml").unlink()
    (tmp_path / "keyword_model" / "gone").unlink()
    assert any(not finding.is_fault for finding in lint_patterns(tmp_path)), "the same line in two labels"
