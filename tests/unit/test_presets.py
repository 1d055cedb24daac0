"""Presets are TOML files that can be read, kept in git and sent to a colleague."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.ui.presets import (
    delete_preset,
    list_presets,
    presets_folder,
    read_preset,
    rename_preset,
    write_preset,
)
from jobs.errors import InvalidValue

VALUES = {"model_type": "rule_model", "queue": "late", "target_schema": "posts"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_a_preset_is_a_file_of_its_own_that_any_reader_of_toml_reads() -> None:
    path = write_preset("每月", VALUES)
    assert path == presets_folder() / "每月.toml"
    assert tomllib.loads(path.read_text(encoding="utf-8")) == VALUES == read_preset("每月")
    assert list_presets() == ["每月"]
    assert [file.name for file in presets_folder().iterdir()] == ["每月.toml"], "nothing else is left in the folder"


@given(
    st.dictionaries(
        st.sampled_from(["queue", "target_table", "countdown"]), st.text(alphabet=st.characters(codec="utf-8"))
    )
)
def test_every_value_is_read_as_it_was_written(values: dict[str, str]) -> None:
    write_preset("any", values)
    assert read_preset("any") == values


def test_a_preset_is_renamed_and_deleted_but_never_replaces_another_by_a_new_name() -> None:
    write_preset("one", {"queue": "1"})
    write_preset("two", {"queue": "2"})
    with pytest.raises(FileExistsError):
        rename_preset("one", "two")
    assert (read_preset("one"), read_preset("two")) == ({"queue": "1"}, {"queue": "2"})
    rename_preset("one", "three")
    assert list_presets() == ["three", "two"] and read_preset("three") == {"queue": "1"}
    delete_preset("two")
    assert list_presets() == ["three"]


@pytest.mark.parametrize("name", ["../other", "a/b", "", ".hidden", "a\\b", "x" * 65, "line\nend"])
def test_a_name_that_would_leave_the_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="cannot be the name of a preset"):
        write_preset(name, VALUES)
    assert not list_presets()


@pytest.mark.parametrize("content", [b"queue = ", b"\xff\xfe", b"[queue\n"])
def test_a_file_that_is_no_toml_is_named(content: bytes) -> None:
    write_preset("broken", VALUES).write_bytes(content)
    with pytest.raises(InvalidValue, match=r"broken\.toml: "):
        read_preset("broken")
