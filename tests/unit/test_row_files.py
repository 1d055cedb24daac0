"""Files of rows: as the standard library writes them, whole, and never over another file."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import CannotWrite, InvalidValue
from jobs.services.row_files import RowFormat, format_of, formula_safe, row_file, row_writer
from jobs.storage.production import COLUMNS

CELLS = st.none() | st.text(
    st.sampled_from('ab",;=+＝@- \t\r\n\x00\ufeff\u2028🐱很') | st.characters(codec="utf-8"), max_size=6
)
ROWS = st.lists(st.tuples(*[CELLS] * len(COLUMNS)), min_size=1, max_size=5)
PLAIN = ("1", "0" * 32, "s_a", "/female", "2020-01-01 00:00:00", "s", "a")


def written(row_format: RowFormat, rows: list[tuple[str | None, ...]]) -> bytes:
    file = io.BytesIO()
    with row_writer(file, row_format) as write:
        write(rows)
    return file.getvalue()


@given(ROWS)
def test_csv_is_what_csv_writer_makes_of_safe_cells(rows: list[tuple[str | None, ...]]) -> None:
    expected = io.StringIO(newline="")
    writer = csv.writer(expected)
    writer.writerow(COLUMNS)
    writer.writerows([formula_safe(cell or "") for cell in row] for row in rows)
    assert written(RowFormat.CSV, rows) == expected.getvalue().encode()


@given(ROWS)
def test_jsonl_is_what_json_dumps_makes_of_each_row(rows: list[tuple[str | None, ...]]) -> None:
    lines = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    for line in lines:
        line["create_time"] = line["create_time"] and line["create_time"].replace(" ", "T")
    expected = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    assert written(RowFormat.JSONL, rows) == expected.encode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("a.CSV.GZ", "csv"),
        ("a.b.jsonl", "jsonl"),
        ("x.gz/a.parquet", "parquet"),
        ("a.jsonl.gz", "jsonl"),
    ],
)
def test_a_name_asks_for_a_format(name: str, expected: str) -> None:
    assert format_of(Path(name)) == expected


@pytest.mark.parametrize("name", ["a", "a.gz", "csv", ".csv", "a.csv.zip", "-"])
def test_a_name_without_a_format_gets_the_default_or_is_refused(name: str) -> None:
    assert format_of(Path(name), RowFormat.JSONL) is RowFormat.JSONL
    with pytest.raises(InvalidValue):
        format_of(Path(name))


def test_a_file_is_not_there_before_its_block_ends_nor_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with pytest.raises(KeyboardInterrupt), row_file(path, RowFormat.CSV) as file:
        file.write([PLAIN])
        assert not path.exists() and len(list(tmp_path.iterdir())) == 1
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with row_file(path, RowFormat.CSV) as file:
        file.write([PLAIN])
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with pytest.raises(CannotWrite, match="choose another name"), row_file(path, RowFormat.CSV) as file:
        file.write([PLAIN])
        path.write_text("theirs")
    assert path.read_text() == "theirs" and list(tmp_path.iterdir()) == [path]


def test_a_file_that_replaces_another_may_be_read_by_the_same_people(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.touch(mode=0o600)
    with row_file(path, RowFormat.CSV, overwrite=True) as file:
        file.write([PLAIN])
        assert {found.stat().st_mode & 0o777 for found in tmp_path.iterdir()} == {0o600}
    assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_size


def test_a_link_keeps_leading_to_the_file_that_is_replaced_and_a_device_stays_one(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target.csv", tmp_path / "link.csv", tmp_path / "pipe.csv"
    target.write_text("old")
    link.symlink_to(target)
    with row_file(link, RowFormat.CSV, overwrite=True) as file:
        file.write([PLAIN])
    assert link.is_symlink() and target.read_text().startswith("id,task_id,")
    os.mkfifo(pipe)
    with pytest.raises(CannotWrite, match="not a file"), row_file(pipe, RowFormat.CSV, overwrite=True):
        pass
    assert pipe.is_fifo()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_or_a_device_is_not_said_to_be_a_file_that_could_be_replaced(tmp_path: Path, overwrite: bool) -> None:
    for path in (tmp_path, Path("/dev/null")):
        with (
            pytest.raises(CannotWrite, match="is not a file"),
            row_file(path, RowFormat.CSV, overwrite=overwrite) as file,
        ):
            file.write([PLAIN])
