"""Changes of pattern files: noticing them, and adding a line."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.edits import append_pattern, fingerprint
from patterns.files import PatternFileError, read_pattern_file
from patterns.pattern_set import Pattern
from tests.helpers.pattern_files import write_pattern_file

LINES = st.lists(
    st.sampled_from(["ann\tstart", "雅婷\tpartially", "tan\tend", " x \texactly"]), unique=True, max_size=4
)


@given(
    lines=LINES,
    end=st.sampled_from(["\n", "\r\n"]),
    ended=st.booleans(),
    bom=st.sampled_from(["", "\ufeff"]),
)
def test_an_added_line_follows_all_lines_of_the_file_whatever_their_ends(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, ended: bool, bom: str
) -> None:
    folder = tmp_path_factory.mktemp("patterns")
    text = bom + end.join(lines) + (end if ended and lines else "")
    path = write_pattern_file(folder, text)
    before, _ = read_pattern_file(path, "keyword_model")
    added = Pattern("小美", "exactly")
    assert append_pattern(folder, "keyword_model", "female", "author_name", added) == len(lines) + 1
    assert read_pattern_file(path, "keyword_model") == ([*before, added], [])
    content = path.read_bytes()
    assert content.startswith(text.encode()) and content.count(b"\r") in (0, content.count(b"\n"))


def test_the_first_line_of_a_new_label_makes_its_file(tmp_path: Path) -> None:
    assert append_pattern(tmp_path, "rule_model", "團體", "content", Pattern("粉絲團$", "regex")) == 1
    assert (tmp_path / "rule_model/團體/content.txt").read_text(encoding="utf-8") == "粉絲團$\n"


@pytest.mark.parametrize("label", ["", "..", "../../evil", ".hidden", "_x", "a\nb", "x" * 101])
def test_a_line_is_not_added_outside_the_folder_or_to_what_is_no_label(tmp_path: Path, label: str) -> None:
    folder = tmp_path / "patterns"
    with pytest.raises(PatternFileError, match="cannot be the name of a label"):
        append_pattern(folder, "keyword_model", label, "author_name", Pattern("x", "start"))
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_not_added_through_a_link_that_leads_out(tmp_path: Path) -> None:
    folder, outside = tmp_path / "patterns", tmp_path / "outside"
    outside.mkdir()
    (folder / "keyword_model").mkdir(parents=True)
    (folder / "keyword_model/female").symlink_to(outside)
    with pytest.raises(PatternFileError, match="leads out"):
        append_pattern(folder, "keyword_model", "female", "author_name", Pattern("x", "start"))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("content", ["ann\tstart\n", "ann\tbegin\n"])
def test_a_line_is_not_added_twice_or_to_a_file_with_faults(tmp_path: Path, content: str) -> None:
    path = write_pattern_file(tmp_path, content)
    with pytest.raises(PatternFileError):
        append_pattern(tmp_path, "keyword_model", "female", "author_name", Pattern("ann", "start"))
    assert path.read_text() == content


@pytest.mark.parametrize("text", ["a\nb", "a\r"])
def test_a_rule_with_a_line_end_is_not_added(tmp_path: Path, text: str) -> None:
    with pytest.raises(PatternFileError, match="line end"):
        append_pattern(tmp_path, "rule_model", "female", "author_name", Pattern(text, "regex"))


def test_every_kind_of_change_changes_the_fingerprint(tmp_path: Path) -> None:
    seen = [fingerprint(tmp_path)]

    def assert_changed() -> None:
        now = fingerprint(tmp_path)
        assert now not in seen
        assert fingerprint(tmp_path) == now
        seen.append(now)

    path = write_pattern_file(tmp_path, "ann\tstart\n")
    assert_changed()
    path.write_text("ann\tstart\nx\tend\n")
    assert_changed()
    os.utime(path, ns=(1, 1))
    assert_changed()
    # An editor that writes another file and renames it: the size and the time may be the same.
    other = tmp_path / "new"
    other.write_text("tan\tstart\nx\tend\n")
    os.utime(other, ns=(1, 1))
    other.replace(path)
    assert_changed()
    (tmp_path / "keyword_model/labels.toml").write_text('order = ["female"]')
    assert_changed()
    (tmp_path / "keyword_model/male").mkdir()
    assert_changed()
    path.unlink()
    assert_changed()
