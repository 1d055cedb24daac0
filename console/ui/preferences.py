"""What the console remembers for its operator: the theme, and the gold files."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path


@dataclass(frozen=True)
class Preferences:
    """The content of the file."""

    theme: str = "audience-dark"
    gold_files: dict[str, str] = field(default_factory=dict)
    """The path of the gold file that was last used, by predict type."""


def preferences_path() -> Path:
    """Return the path of the user's file. It contains no password. Raises OSError without a home folder."""
    try:
        return user_config_path("audience-console") / "console.json"
    except RuntimeError as error:
        raise OSError("no home folder: set HOME or XDG_CONFIG_HOME") from error


def read_preferences() -> Preferences:
    """Return the preferences, or the defaults if the file is missing or malformed."""
    try:
        content = json.loads(preferences_path().read_text(encoding="utf-8"))
        gold_files = dict(content.get("gold_files", {}))  # earlier versions have none
        return Preferences(theme=str(content["theme"]), gold_files=gold_files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Preferences()


def write_preferences(**changes: Any) -> None:
    """Change some preferences. Raises OSError if the file cannot be written."""
    path = preferences_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and read_preferences() == Preferences():
        path.replace(path.with_suffix(".bak"))  # the operator may still repair a malformed file
    text = json.dumps(asdict(replace(read_preferences(), **changes)), ensure_ascii=False, indent=2)
    # Written to another file and renamed, so that two consoles never leave half a file.
    aside = path.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
