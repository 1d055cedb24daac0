"""Gold files: what is read, and which lines are left out, with their numbers."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.gold import MAX_LABELS, MAX_LINE_CHARACTERS, GoldFileError, open_gold_file
from tests.helpers.fuzzing import contents, fuzz


def read(path: Path, content: str | bytes) -> tuple[list[tuple[int, str, str]], list[int]]:
    """Return the lines of a gold file with this content, and the numbers of its bad lines."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_gold_file(path) as gold:
        lines = list(gold)
        assert gold.bad_count == len(gold.bad)
        return lines, [bad.line for bad in gold.bad]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gold.csv"


def test_columns_may_stand_in_any_order_among_others_with_a_bom_and_crlf(path: Path) -> None:
    content = '\ufeffid,Label,text\r\n1,/female,林雅婷\r\n2,,"a, ""b"""\r\n3, male ,\r\n'
    assert read(path, content) == ([(2, "林雅婷", "female"), (3, 'a, "b"', ""), (4, "", "male")], [])


def test_a_text_may_have_several_lines_and_empty_lines_do_not_count_as_bad(path: Path) -> None:
    assert read(path, 'text,label\n"a\nb",x\n\nc,y\n\n') == ([(2, "a\nb", "x"), (5, "c", "y")], [])


def test_bad_lines_are_left_out_and_named_with_their_numbers(path: Path) -> None:
    lines = [
        b"text,label",
        b"good,x",
        b"one column",
        b"a,b,c",
        b'"x"y,x',
        b"\xff,x",
        b"y,\xfe",
        b"y," + b"l" * 101,
        b"y,a\x1bb",
        b"good again,x",
        b'"not closed,x',
        b"swallowed,x",
    ]
    found, bad = read(path, b"\n".join(lines))
    assert found == [(2, "good", "x"), (10, "good again", "x")]
    assert bad == [3, 4, 5, 6, 7, 8, 9, 11]


@pytest.mark.parametrize("content", ["", "text\na\n", "a,b\n", "text,text,label\n", "text;label\na;b\n", "\x00"])
def test_a_file_without_the_two_columns_is_refused(path: Path, content: str) -> None:
    with pytest.raises(GoldFileError, match="the first line must name the columns text and label"):
        read(path, content)


def test_a_file_with_more_labels_than_labels_can_be_is_refused(path: Path) -> None:
    with pytest.raises(GoldFileError, match="is label the right column"):
        read(path, "text,label\n" + "".join(f"x,{number}\n" for number in range(MAX_LABELS + 1)))


def test_an_endless_line_is_refused(path: Path) -> None:
    with pytest.raises(GoldFileError, match="line 2: longer than"):
        read(path, "text,label\n" + "x" * (MAX_LINE_CHARACTERS + 1))


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("/dev/zero"), Path("a\x00b")):
        with pytest.raises(GoldFileError), open_gold_file(path):
            pass


def test_an_error_of_the_reader_is_not_taken_for_one_of_the_file(path: Path) -> None:
    path.write_text("text,label\n")
    with pytest.raises(OSError, match="disk full"), open_gold_file(path):
        raise OSError("disk full")


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00")), st.sampled_from("ab"))))
def test_what_a_csv_writer_writes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    written = io.StringIO()
    csv.writer(written).writerows([("text", "label"), *rows])
    found, bad = read(tmp_path_factory.getbasetemp() / "gold.csv", written.getvalue())
    assert [(text, label) for _, text, label in found] == rows and bad == []


@fuzz
@given(contents.map(lambda content: b"text,label\n" + content) | contents)
def test_any_file_gives_lines_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try:
        found, bad = read(tmp_path_factory.getbasetemp() / "fuzz.csv", content)
    except GoldFileError:
        return
    assert not {number for number, _, _ in found} & set(bad)
    for _, text, label in found:
        text.encode()
        label.encode()
