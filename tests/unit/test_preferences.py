"""The preferences file of the console."""

from pathlib import Path

import pytest

from console.ui.preferences import preferences_path, read_preferences, write_preferences


def test_an_unreadable_preferences_file_is_kept_as_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    write_preferences(theme="gruvbox")
    assert read_preferences().theme == "gruvbox"
    preferences_path().write_text("{half a file")
    write_preferences(theme="nord")
    assert preferences_path().with_suffix(".bak").read_text() == "{half a file"
    assert read_preferences().theme == "nord"
