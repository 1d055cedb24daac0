"""Presets of new tasks: a TOML file each, which an operator can read, keep in git and send to a colleague."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from console.ui.preferences import preferences_path
from jobs.errors import InvalidValue

_NAME = re.compile(r"[^\s./\\][^/\\]{0,63}")


def presets_folder() -> Path:
    """Return the folder of the presets. Raises OSError without a home folder."""
    return preferences_path().parent / "presets"


def list_presets() -> list[str]:
    """Return the names of all presets, sorted."""
    try:
        return sorted(path.stem for path in presets_folder().glob("*.toml"))
    except OSError:
        return []


def read_preset(name: str) -> dict[str, str]:
    """Return the values of a form, by the name of the parameter. Raises InvalidValue, OSError."""
    path = _path(name)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not TOML, or not UTF-8
        raise InvalidValue(f"{path}: {error}") from None
    return {key: str(value) for key, value in values.items()}


def write_preset(name: str, values: Mapping[str, str]) -> Path:
    """Write a preset, perhaps in the place of one with this name, and return its path. Raises InvalidValue, OSError."""
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{key} = {_toml_string(value)}\n" for key, value in values.items())
    # Written to another file and renamed, so that a full disk leaves no half preset.
    aside = path.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
    return path


def rename_preset(name: str, new_name: str) -> None:
    """Rename a preset. Raises FileExistsError rather than replace another one, InvalidValue, OSError."""
    target = _path(new_name)
    target.hardlink_to(_path(name))  # refuses a name that is taken
    _path(name).unlink()


def delete_preset(name: str) -> None:
    """Delete a preset. Raises OSError."""
    _path(name).unlink()


def _toml_string(value: str) -> str:
    """Return a TOML string: a JSON string is one, but for DEL, which JSON leaves as it is and TOML refuses."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name) or not name.isprintable():
        raise InvalidValue(f"{name!r} cannot be the name of a preset: it is the name of a file, so no slash")
    return presets_folder() / f"{name}.toml"
