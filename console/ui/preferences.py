"""What the console remembers of its operator: the theme, and the presets of new tasks."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path


@dataclass(frozen=True)
class Preferences:
    """What the file holds."""

    theme: str = "textual-dark"
    presets: dict[str, dict[str, str]] = field(default_factory=dict)
    """By name, the values of a new task's form."""


def preferences_path() -> Path:
    """Where they are kept, one file a user. Holds no password."""
    return user_config_path("audience-console") / "console.json"


def read_preferences() -> Preferences:
    """The preferences; the defaults where there are none, or none that can be read."""
    try:
        content = json.loads(preferences_path().read_text(encoding="utf-8"))
        return Preferences(theme=str(content["theme"]), presets=dict(content["presets"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Preferences()


def write_preferences(**changes: Any) -> None:
    """Changes some of them. Raises OSError where the file cannot be written."""
    path = preferences_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and read_preferences() == Preferences():
        path.replace(path.with_suffix(".bak"))  # what could not be read may still be mended
    text = json.dumps(asdict(replace(read_preferences(), **changes)), ensure_ascii=False, indent=2)
    # Written aside and put in place, so that two consoles never leave half a file.
    aside = path.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
