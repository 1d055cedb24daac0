"""Changes of pattern files: noticing those of others, and adding a line."""

import os
from collections.abc import Iterator
from pathlib import Path

from patterns.files import (
    MAX_LABEL_LENGTH,
    Fault,
    PatternFileError,
    check_inside,
    file_exists,
    pattern_path,
    read_pattern_file,
    split_lines,
)
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES, ModelType, Pattern, PredictType

Fingerprint = frozenset[tuple[str, int, int, int]]
"""The paths of files with their inodes, times of change and sizes."""

_BOM = b"\xef\xbb\xbf"


def fingerprint(directory: Path) -> Fingerprint:
    """Return what differs when a pattern file is added, changed, replaced or removed. Reads no file."""
    return frozenset(_state(path) for model in MODEL_TYPES for path in _paths(directory / model))


def _paths(folder: Path) -> Iterator[Path]:
    yield folder / "labels.toml"
    try:
        labels = [entry.path for entry in os.scandir(folder) if entry.is_dir()]
    except (OSError, ValueError):  # ValueError: not a possible path
        return
    for label in labels:
        # An empty folder is a label too.
        yield Path(label)
        yield from (Path(label, f"{predict_type}.txt") for predict_type in PREDICT_TYPES)


def _state(path: Path) -> tuple[str, int, int, int]:
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        return str(path), 0, 0, -(getattr(error, "errno", None) or 1)
    return str(path), state.st_ino, state.st_mtime_ns, state.st_size


def append_pattern(
    directory: Path, model_type: ModelType, label: str, predict_type: PredictType, pattern: Pattern
) -> int:
    """Append a line to the pattern file of a label, which may not exist yet, and return its number.

    Raises PatternFileError if the file has faults, has this line already, or cannot be written.
    """
    path = pattern_path(directory, model_type, label, predict_type)
    if label[:1] in ("", ".", "_") or os.sep in label or len(label) > MAX_LABEL_LENGTH or not label.isprintable():
        raise PatternFileError(Fault(directory / model_type, None, f"{label!r} cannot be the name of a label"))
    check_inside(path, directory)
    line = pattern.text if model_type == "rule_model" else f"{pattern.text}\t{pattern.match_type}"
    if split_lines(line) != [line]:
        raise PatternFileError(Fault(path, None, "a pattern with a line end cannot be a line"))
    patterns: list[Pattern] = []
    if file_exists(path):
        patterns, faults = read_pattern_file(path, model_type)
        if faults:
            raise PatternFileError(*faults)
        if pattern in patterns:
            raise PatternFileError(Fault(path, patterns.index(pattern) + 1, "has this pattern already"))
    try:
        _append(path, line.encode())
    except OSError as error:
        raise PatternFileError(Fault(path, None, f"cannot be written: {error.strerror or error}")) from error
    return len(patterns) + 1


def _append(path: Path, line: bytes) -> None:
    """Append a line as the file ends its lines. The last line of the file may lack its end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = path.read_bytes() if path.exists() else b""
    end = b"\r\n" if b"\r\n" in content else b"\n"
    before = b"" if content.removeprefix(_BOM) == b"" or content.endswith(b"\n") else end
    with path.open("ab") as file:
        file.write(before + line + end)
