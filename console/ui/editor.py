"""The operator's editor, and how it opens a file at a line."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

# Editors that take the line as `+LINE` before the file.
_PLUS = frozenset(
    (
        *("vi", "vim", "nvim", "nvi", "vis", "elvis", "gvim", "view", "nano", "rnano", "pico"),
        *("emacs", "emacsclient", "mg", "joe", "jed", "micro", "kak", "ne", "mcedit", "editor", "sensible-editor"),
    )
)
# Editors that take it after the file, as `-g FILE:LINE`.
_GOTO = frozenset(("code", "code-insiders", "codium", "code-oss", "cursor"))


def editor_command(path: Path, line: int | None, environment: Mapping[str, str]) -> list[str]:
    """Return the command that opens a file in $VISUAL or $EDITOR, at the line if the editor is a known one.

    Raises ValueError if there is no editor.
    """
    command = shlex.split(environment.get("VISUAL") or environment.get("EDITOR") or "")
    if not command:
        raise ValueError("no editor; set EDITOR, for example to nano, before starting the console")
    # Debian's vim.basic and vim.tiny are vim.
    name = os.path.basename(command[0]).partition(".")[0]
    file = str(path.absolute())
    if line is None:
        return [*command, file]
    if name in _PLUS:
        return [*command, f"+{line}", file]
    return [*command, "-g", f"{file}:{line}"] if name in _GOTO else [*command, file]
