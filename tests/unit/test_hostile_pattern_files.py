"""Pattern files with hostile content, names and links: each is refused with a short message, or read as it is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from patterns.files import MAX_LINE_CHARACTERS, PatternFileError, label_names, read_pattern_set
from patterns.matcher import build_matcher
from patterns.pattern_set import ModelType
from tests.helpers.pattern_files import short_id, write_pattern_file

LONG = 10_000_000


def refused(folder: Path, model: ModelType = "keyword_model") -> str:
    """Return why the pattern files are refused. The message is short whatever they hold."""
    with pytest.raises(PatternFileError) as caught:
        read_pattern_set(folder, model, "author_name")
    assert len(str(caught.value)) < 1_000
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x\tend\n" + b"x" * LONG + b"\tend\n", "line 2: 10,000,004 characters; a pattern has at most"),
        (b"x" * LONG, "line 1: 10,000,000 characters"),
        (b"x\t" + b"y" * 9_000, "line 1: unknown match type 'yyy"),
        ("雅\tend\n".encode("utf-16"), "line 1: not UTF-8 (byte 0xff)"),
        ("雅\tend\n".encode("utf-16-be"), "line 1: not UTF-8 (byte 0x96)"),
        (b"x\tend\n\xc3(\tend\n", "line 2: not UTF-8 (byte 0xc3)"),
        (b"\xed\xa0\x80\tend\n", "line 1: not UTF-8"),
        (b"\0" * 9_000, "line 1: no tab"),
        (b"\n" * LONG, "10,000,000 lines; a keyword_model has at most 4,000,000"),
        (b"\n" * 2_000_000, "line 1: the line is empty; remove it (and 1000 more)"),
        (b"\n" * (65 * 2**20), "larger than 67,108,864 bytes"),
    ],
    ids=short_id,
)
def test_a_hostile_keyword_file_is_refused_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    write_pattern_file(tmp_path, content)
    assert message in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"((a{1000}){1000})\n", "invalid repetition size: {1000}"),
        (b"((a{100}){100}){100}\n", "invalid repetition size: {100}"),
        (b"(" * 9_000 + b")" * 9_000, "characters; a pattern has at most"),
        (b"a" * 9_000 + b"(", "missing )"),
        (rb"(a)\1", "invalid escape sequence"),
        (b"(?<!x)y", "invalid perl operator"),
        (b"a\n" * 200_000, "200,000 lines; a rule_model has at most 100,000"),
    ],
    ids=short_id,
)
def test_a_rule_that_re2_rejects_is_refused_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    write_pattern_file(tmp_path, content, model="rule_model")
    assert message in refused(tmp_path, "rule_model")


def test_an_empty_file_is_a_label_without_patterns(tmp_path: Path) -> None:
    write_pattern_file(tmp_path, b"")
    found = read_pattern_set(tmp_path, "keyword_model", "author_name")
    assert [(label.name, label.patterns) for label in found.labels] == [("female", ())]
    assert build_matcher(found).match("x") is None


def test_a_keyword_of_the_greatest_length_matches(tmp_path: Path) -> None:
    keyword = "雅" * MAX_LINE_CHARACTERS
    write_pattern_file(tmp_path, f"{keyword[:-4]}\tend\n".encode())
    matcher = build_matcher(read_pattern_set(tmp_path, "keyword_model", "author_name"))
    assert matcher.match(keyword) is not None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path, outside: path.symlink_to(outside / "secret.txt"), "is a link that leads out of"),
        (lambda path, outside: path.symlink_to("/etc/passwd"), "is a link that leads out of"),
        (lambda path, outside: path.symlink_to("/dev/zero"), "is a link that leads out of"),
        (lambda path, outside: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
        (lambda path, outside: path.symlink_to(path.with_name("nothing")), "cannot be read: No such file"),
        (lambda path, outside: os.mkfifo(path), "is not a regular file, but a pipe"),
        (lambda path, outside: path.mkdir(), "cannot be read: Is a directory"),
    ],
)
def test_a_pattern_file_that_is_no_regular_file_of_the_folder_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path, Path], None], message: str
) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "patterns"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret\tend\n")
    write_pattern_file(inside, b"x\tend\n", "a")
    path = write_pattern_file(inside, b"", "b")
    path.unlink()
    make(path, outside)
    said = refused(inside)
    assert message in said and str(path) in said and "secret\\t" not in said


@pytest.mark.parametrize(
    ("target", "message"),
    [("../../outside", "leads out of"), ("nowhere", "leads nowhere"), ("b", "leads nowhere")],
)
def test_a_label_that_links_outside_or_nowhere_is_refused(tmp_path: Path, target: str, message: str) -> None:
    (tmp_path / "outside").mkdir()
    write_pattern_file(tmp_path / "patterns", b"x\tend\n", "a")
    (tmp_path / "patterns" / "keyword_model" / "b").symlink_to(target)
    assert message in refused(tmp_path / "patterns")


def test_links_within_the_folder_and_to_it_are_followed(tmp_path: Path) -> None:
    path = write_pattern_file(tmp_path / "patterns", b"x\tend\n", "a")
    (tmp_path / "patterns" / "keyword_model" / "b").symlink_to("a")
    path.with_name("title.txt").symlink_to("author_name.txt")
    (tmp_path / "link").symlink_to("patterns")
    found = read_pattern_set(tmp_path / "link", "keyword_model", "title")
    assert [label.name for label in found.labels] == ["a", "b"]


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\u202eb", "x" * 101, "\udcff", "a\u2028"])
def test_a_label_with_a_hostile_name_is_refused(tmp_path: Path, name: str) -> None:
    write_pattern_file(tmp_path, b"x\tend\n", name)
    assert "a label has at most 100 characters, all of them printable" in refused(tmp_path)


@pytest.mark.parametrize("name", ["∕etc∕passwd", "...", "雅婷 ", "`;--%s", "[red]", "=cmd()"])
def test_a_label_with_an_awkward_but_printable_name_is_accepted(tmp_path: Path, name: str) -> None:
    write_pattern_file(tmp_path, b"x\tend\n", name)
    if name[0] == ".":
        assert "no labels here" in refused(tmp_path)
    else:
        assert label_names(tmp_path, "keyword_model") == [name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("order = " + "[" * 100_000, "nested too deeply"),
        ("order = " + "9" * 5_000, "labels.toml: "),
        ('order = ["' + "x" * 1_000_000 + '"]', "is not a label; the labels are: a"),
        ("order = 2020-13-45", "labels.toml: "),
        ('order = ["../a"]', "'../a' is not a label;"),
        ('order = ["\\u0000"]', "'\\x00' is not a label;"),
        ('order = ["\\ud800"]', "labels.toml: "),
        ("[order]\n" * 2, "labels.toml: "),
    ],
    ids=short_id,
)
def test_a_hostile_labels_toml_is_refused(tmp_path: Path, content: str, message: str) -> None:
    write_pattern_file(tmp_path, b"x\tend\n", "a")
    (tmp_path / "keyword_model" / "labels.toml").write_text(content)
    assert message in refused(tmp_path)
