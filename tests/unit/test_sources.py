from pathlib import Path

import pytest

from jobs.errors import UnreadablePatterns
from jobs.model.sources import Sources, read_sources
from jobs.settings import Settings


def read(folder: Path, text: str) -> Sources:
    path = folder / "sources.toml"
    path.write_text(text)
    return read_sources(path)


def test_a_source_that_is_not_named_goes_to_the_default(tmp_path: Path) -> None:
    sources = read(tmp_path, 'default = "rest"\n[results]\nfbfans = ["WH_F0045"]\n')
    assert sources.result_of("WH_F0045") == "fbfans"
    assert sources.result_of("wh_f0045") == "rest"
    assert read(tmp_path, "").result_of("x") == "other"


def test_the_mapping_survives_being_frozen(tmp_path: Path) -> None:
    sources = read(tmp_path, '[results]\na = ["來源", "\\"quoted\\""]\n')
    assert Sources.from_json(sources.to_json()) == sources


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[results]\na = ["X"]\nb = ["Y", "X"]\n', 3, "source 'X' is in 'a' already"),
        ('[results]\na = ["X"]\n"b c" = ["Y"]\n', 3, "'b c' is no identifier"),
        ('[results]\n1st = ["Y"]\n', 2, "'1st' is no identifier"),
        ("[results]\n" + "n" * 48 + ' = ["Y"]\n', 2, "is no identifier"),
        ('[results]\nstate = ["Y"]\n', 2, "'state' is kept for our own tables"),
        ('[results]\n\nwh_panel_mapping_x = ["Y"]\n', 3, "is kept for our own tables"),
        ('[results]\nTask_window = ["Y"]\n', 2, "is kept for our own tables"),
        ('default = "state"\n', 1, "is kept for our own tables"),
        ('[results]\nptt = ["X"]\nPtt = ["Y"]\n', 3, "differs from 'ptt' only by case"),
        ('[results]\na = "X"\n', 2, "must be a list of source ids"),
        ("[results]\na = [1]\n", 2, "must be a list of source ids"),
        ('default = "x"\nresult = 3\n', 2, "unknown entry 'result'"),
        ("default = 3\n", 1, "must be a name in quotes"),
        ("results = 3\n", 1, "must be a table"),
        ("[results\n", 1, "line 1"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(UnreadablePatterns) as caught:
        read(tmp_path, text)
    assert f"line {line}" in str(caught.value) and message in str(caught.value)
    assert caught.value.code == 501


def test_a_file_that_is_missing_or_not_utf_8_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePatterns, match="SOURCES_FILE"):
        read_sources(tmp_path / "nothing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    with pytest.raises(UnreadablePatterns, match="line 1: not UTF-8"):
        read_sources(tmp_path / "binary.toml")


def test_the_file_that_comes_with_the_project_is_sound() -> None:
    assert read_sources(Settings.model_fields["sources_file"].default).result_of("WH_F0116") == "Dcard"
