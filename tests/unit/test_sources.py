"""The sources file: which result a source belongs to."""

import os
from pathlib import Path

import pytest

from jobs.errors import UnreadablePatterns
from jobs.model.sources import MAX_RESULTS, Sources, read_sources
from jobs.settings import Settings
from tests.helpers.pattern_files import short_id


def read(folder: Path, text: str) -> Sources:
    path = folder / "sources.toml"
    path.write_text(text)
    return read_sources(path)


def test_an_unlisted_source_belongs_to_the_default_result(tmp_path: Path) -> None:
    sources = read(tmp_path, 'default = "rest"\n[results]\nfbfans = ["WH_F0045"]\n')
    assert sources.results_of("WH_F0045") == ("fbfans",)
    assert sources.results_of("wh_f0045") == ("rest",)
    assert sources.names == ["fbfans", "rest"]
    assert read(tmp_path, "").results_of("x") == ("other",)


def test_a_source_belongs_to_every_result_that_names_it_and_to_each_once(tmp_path: Path) -> None:
    text = '[results]\nDcard = ["WH_F0116", "WH_F0116"]\nforum = ["WH_F0001", "WH_F0116"]\nother = ["WH_F0116"]\n'
    sources = read(tmp_path, text)
    assert sources.results_of("WH_F0116") == ("Dcard", "forum", "other")
    assert sources.results_of("WH_F0001") == ("forum",)
    assert sources.names == ["Dcard", "forum", "other"]
    assert Sources.from_json(sources.to_json()) == sources


def test_the_mapping_survives_its_json_form(tmp_path: Path) -> None:
    sources = read(tmp_path, '[results]\na = ["來源", "\\"quoted\\""]\n')
    assert Sources.from_json(sources.to_json()) == sources


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[results]\na = ["X"]\n"b c" = ["Y"]\n', 3, "'b c' is not an identifier"),
        ('[results]\n1st = ["Y"]\n', 2, "'1st' is not an identifier"),
        ("[results]\n" + "n" * 48 + ' = ["Y"]\n', 2, "is not an identifier"),
        ('[results]\nstate = ["Y"]\n', 2, "'state' is reserved for internal tables"),
        ('[results]\n\nwh_panel_mapping_x = ["Y"]\n', 3, "is reserved for internal tables"),
        ('[results]\nTask_window = ["Y"]\n', 2, "is reserved for internal tables"),
        ('[results]\nalert = ["Y"]\n', 2, "is reserved for internal tables"),
        ('default = "state"\n', 1, "is reserved for internal tables"),
        ('[results]\nptt = ["X"]\nPtt = ["Y"]\n', 3, "differs from 'ptt' only by case"),
        ('[results]\na = "X"\n', 2, "must be a list of source ids"),
        ("[results]\na = [1]\n", 2, "must be a list of source ids"),
        ('default = "x"\nresult = 3\n', 2, "unknown entry 'result'"),
        ("default = 3\n", 1, "must be a name in quotes"),
        ("results = 3\n", 1, "must be a table"),
        ("[results\n", 1, "line 1"),
    ],
)
def test_a_fault_is_reported_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(UnreadablePatterns) as caught:
        read(tmp_path, text)
    assert f"line {line}" in str(caught.value) and message in str(caught.value)
    assert caught.value.code == 501


def test_a_missing_file_and_one_that_is_not_utf_8_are_reported(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePatterns, match="SOURCES_FILE"):
        read_sources(tmp_path / "nothing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    with pytest.raises(UnreadablePatterns, match="line 1: not UTF-8"):
        read_sources(tmp_path / "binary.toml")


def test_the_sources_file_of_the_project_is_valid() -> None:
    assert read_sources(Settings.model_fields["sources_file"].default).results_of("WH_F0116") == ("Dcard",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[results]\na = " + "[" * 100_000, "nested too deeply"),
        ("[results]\na = " + "9" * 5_000, "integer"),
        ("[results]\na = []\na = []", "Cannot overwrite a value"),
        ("[results]\n[results]", "line 2"),
        ('[results]\n"a\\n\\u001b" = ["X"]', r"'a\n\x1b' is not an identifier"),
        ('[results]\n"' + "x" * 1_000_000 + '" = ["X"]', "is not an identifier"),
        ('"' + "x" * 1_000_000 + '" = 1', "unknown entry 'xxx"),
        ("[results]\n" + "".join(f"r{number} = []\n" for number in range(MAX_RESULTS + 1)), "line 1: 1,001 results"),
        ("\0", "sources.toml"),
    ],
    ids=short_id,
)
def test_a_hostile_sources_file_is_refused_with_a_short_message(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(content)
    with pytest.raises(UnreadablePatterns) as caught:
        read_sources(path)
    assert message in str(caught.value) and len(str(caught.value)) < 1_000


def test_a_sources_file_that_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("a\0b"), tmp_path):
        with pytest.raises(UnreadablePatterns, match="SOURCES_FILE"):
            read_sources(path)


def test_a_sources_file_may_list_hundreds_of_thousands_of_sources(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    path.write_text("[results]\na = [" + ",".join(f'"WH_{number}"' for number in range(200_000)) + "]\n")
    assert len(read_sources(path).results) == 200_000
