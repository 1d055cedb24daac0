"""Saved samples: no spreadsheet takes a cell for a formula, and the suffix decides the format."""

import csv
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import pytest

from jobs.errors import CannotWrite, InvalidValue
from jobs.services import SampleRow, save_sample
from jobs.services.row_files import formula_safe

ROWS = [
    SampleRow(str(number), "0" * 32, source_author, "/female", datetime(2020, 6, 1), "WH_F0045", match)
    for number, (source_author, match) in enumerate(
        [("s_林雅婷", "林雅婷"), ("=cmd()_x", "=cmd()"), ("s_a\r\nb", 'a,"b')]
    )
]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_cell_that_begins_like_a_formula_gets_an_apostrophe(value: str) -> None:
    assert formula_safe(value) == f"'{value}"
    assert formula_safe(f"x{value}") == f"x{value}"


@pytest.mark.parametrize(
    "value", [" =1", "\t=1", "\n=1", "\x00=1", "\u3000＝1", "＋1", "－1", "＠x", "\ufeff=1", "\nx"]
)
def test_a_formula_behind_blanks_or_in_full_width_signs_gets_an_apostrophe(value: str) -> None:
    assert formula_safe(value) == f"'{value}"


def test_a_csv_file_has_a_header_and_cells_that_are_no_formulas(tmp_path: Path) -> None:
    save_sample(tmp_path / "rows.csv", ROWS)
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == list(asdict(ROWS[0]))
    assert [row["source_author"] for row in found] == ["s_林雅婷", "'=cmd()_x", "s_a\r\nb"]
    assert [row["match_content"] for row in found] == ["林雅婷", "'=cmd()", 'a,"b']


def test_a_jsonl_file_has_one_row_a_line_with_its_values_unchanged(tmp_path: Path) -> None:
    save_sample(tmp_path / "rows.jsonl", ROWS)
    lines = (tmp_path / "rows.jsonl").read_bytes().split(b"\n")
    assert len(lines) == len(ROWS) + 1 and lines[-1] == b""
    found = [json.loads(line) for line in lines[:-1]]
    assert [row["source_author"] for row in found] == [row.source_author for row in ROWS]


@pytest.mark.parametrize("name", ["rows", "rows.txt", "rows.CSVX"])
def test_422_another_suffix_and_no_file_is_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidValue):
        save_sample(tmp_path / name, ROWS)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("mine")
    with pytest.raises(CannotWrite, match="choose another name"):
        save_sample(path, ROWS)
    assert path.read_text() == "mine"


def test_a_time_outside_pythons_calendar_is_written_as_it_is(tmp_path: Path) -> None:
    row = SampleRow("1", "0" * 32, "s_a", "/female", "2020-02-00 00:00:00", "s", "a")
    assert row.to_json()["create_time"] == "2020-02-00T00:00:00"
    save_sample(tmp_path / "sample.jsonl", [row])
    assert json.loads((tmp_path / "sample.jsonl").read_text())["create_time"] == "2020-02-00T00:00:00"
