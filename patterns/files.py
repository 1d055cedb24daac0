"""Pattern files, read strictly: a fault is reported with its file and line, never skipped.

Layout: `<directory>/<model_type>/<label>/<predict_type>.txt`, and beside the labels an optional
`labels.toml` with `order = ["male", "female"]`. Labels that it does not name follow alphabetically.
No link below the directory may lead out of it. Otherwise anyone who can write a label could have any file
of this account read, and quoted in a message.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from patterns.pattern_set import MODEL_TYPES, Label, MatchType, ModelType, Pattern, PatternSet, PredictType
from patterns.text_file import TextFileError, parse_toml, read_text, shortened

MAX_LABEL_LENGTH = 100

# Freeing an automaton with a keyword of a million characters crashes the process: the library frees it
# recursively.
MAX_LINE_CHARACTERS = 10_000
# A million keywords take 9 s and 0.7 GB to read and build. A million rules take half a minute to compile,
# and are too many for an RE2 set.
MAX_LINES: dict[ModelType, int] = {"keyword_model": 4_000_000, "rule_model": 100_000}
# In a file of another kind, every line is a fault.
_MAX_FAULTS = 1_000

_KEYWORD_MATCH_TYPES = tuple(name for name in get_args(MatchType) if name != "regex")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a file. `line` counts from 1, and is None for the file as a whole."""

    path: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class PatternFileError(Exception):
    """Pattern files that cannot be used. `faults` holds every fault that was found."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{faults[0]}{more}")


def read_pattern_set(directory: Path, model_type: ModelType, predict_type: PredictType) -> PatternSet:
    """Return the pattern set of a model for a predict type, with its labels in deciding order.

    A label without a file for the predict type is left out. Raises PatternFileError.
    """
    faults: list[Fault] = []
    labels: list[Label] = []
    for name in label_names(directory, model_type):
        path = pattern_path(directory, model_type, name, predict_type)
        if file_exists(path):
            patterns, found = read_pattern_file(path, model_type)
            labels.append(Label(name, tuple(patterns)))
            faults += found
    if faults:
        raise PatternFileError(*faults)
    if not labels:
        raise PatternFileError(
            Fault(
                directory / model_type,
                None,
                f"no label has a file {predict_type}.txt; write one, with one pattern a line",
            )
        )
    return PatternSet(model_type, predict_type, tuple(labels))


def pattern_path(directory: Path, model_type: ModelType, label: str, predict_type: PredictType) -> Path:
    """Return the path of a label's pattern file."""
    return directory / model_type / label / f"{predict_type}.txt"


def read_pattern_file(path: Path, model_type: ModelType) -> tuple[list[Pattern], list[Fault]]:
    """Return the patterns of one file in order, and all its faults."""
    try:
        text = _read(path, path.parents[2])
    except PatternFileError as error:
        return [], list(error.faults)
    lines = text.count("\n")
    if lines > MAX_LINES[model_type]:
        return [], [Fault(path, None, f"{lines:,} lines; a {model_type} has at most {MAX_LINES[model_type]:,}")]
    read_line = _keyword if model_type == "keyword_model" else _rule
    patterns: list[Pattern] = []
    faults: list[Fault] = []
    for number, line in enumerate(split_lines(text), start=1):
        try:
            patterns.append(read_line(_not_too_long(line)))
        except ValueError as error:
            faults.append(Fault(path, number, str(error)))
        if len(faults) == _MAX_FAULTS:
            faults.append(Fault(path, number + 1, f"not read from here on, after {_MAX_FAULTS:,} faults"))
            break
    return patterns, faults


def present_models(directory: Path) -> tuple[ModelType, ...]:
    """Return the models that the directory has a folder for. One of them is enough; without any, all are missing."""
    return tuple(model for model in MODEL_TYPES if file_exists(directory / model)) or MODEL_TYPES


def label_names(directory: Path, model_type: ModelType) -> list[str]:
    """Return the labels of a model in deciding order. Raises PatternFileError."""
    names, faults = usable_label_names(directory, model_type)
    if faults:
        raise PatternFileError(*faults)
    return names


def usable_label_names(directory: Path, model_type: ModelType) -> tuple[list[str], list[Fault]]:
    """Return the labels of a model that can be read, in deciding order, and the faults that keep it from being used.

    If it is the order that cannot be read, the labels are in alphabetical order.
    """
    names: list[str] = []
    order: list[str] = []
    faults: list[Fault] = []
    try:
        folders = _label_folders(directory, model_type)
    except PatternFileError as error:
        return names, list(error.faults)
    for name in folders:
        try:
            _check_label(directory / model_type / name, directory)
            names.append(name)
        except PatternFileError as error:
            faults += error.faults
    try:
        order = _label_order(directory, directory / model_type / "labels.toml", folders)
    except PatternFileError as error:
        faults += error.faults
    return [name for name in order if name in names] + [name for name in names if name not in order], faults


def _label_folders(directory: Path, model_type: ModelType) -> list[str]:
    folder = directory / model_type
    try:
        names = sorted(entry.name for entry in folder.iterdir() if _is_label(entry) and entry.name[0] not in "._")
    except (OSError, ValueError) as error:  # ValueError: not a possible path
        reason = error.strerror if isinstance(error, OSError) else None
        raise PatternFileError(Fault(folder, None, f"cannot be read: {reason or error}")) from error
    if not names:
        raise PatternFileError(Fault(folder, None, "no labels here; a label is a folder with pattern files"))
    return names


def _check_label(folder: Path, directory: Path) -> None:
    if len(folder.name) > MAX_LABEL_LENGTH or not folder.name.isprintable():
        reason = f"a label has at most {MAX_LABEL_LENGTH} characters, all of them printable"
        raise PatternFileError(Fault(folder, None, reason))
    if not folder.is_dir():
        raise PatternFileError(Fault(folder, None, "is a link that leads nowhere"))
    check_inside(folder, directory)


def _is_label(entry: Path) -> bool:
    """Whether it is a folder, or a link that may have led to one."""
    return entry.is_dir() or (entry.is_symlink() and not entry.exists())


def _label_order(directory: Path, path: Path, names: list[str]) -> list[str]:
    if not file_exists(path):
        return []
    text = _read(path, directory)
    try:
        content = parse_toml(text)
    except TextFileError as error:
        raise PatternFileError(Fault(path, None, str(error))) from error
    order = content.pop("order", None)
    if content or not isinstance(order, list) or not all(isinstance(name, str) for name in order):
        raise PatternFileError(Fault(path, None, 'expected one entry: order = ["first label", "second label"]'))
    seen: set[str] = set()
    for name in order:
        if name not in names or name in seen:
            line = _line_of(text, name)
            there = shortened(", ".join(names))
            reason = "is named twice" if name in seen else f"is not a label; the labels are: {there}"
            raise PatternFileError(Fault(path, line, f"{shortened(repr(name))} {reason}"))
        seen.add(name)
    return order


def _line_of(text: str, name: str) -> int | None:
    """Return the first line of a TOML text that has this name in quotes before any comment."""
    for number, line in enumerate(text.split("\n"), start=1):
        before_comment = line.partition("#")[0]
        if f'"{name}"' in before_comment or f"'{name}'" in before_comment:
            return number
    return None


def _not_too_long(line: str) -> str:
    if len(line) > MAX_LINE_CHARACTERS:
        raise ValueError(f"{len(line):,} characters; a pattern has at most {MAX_LINE_CHARACTERS:,}")
    return line


def _keyword(line: str) -> Pattern:
    keyword, tab, match_type = line.partition("\t")
    if not line:
        raise ValueError("the line is empty; remove it")
    if not tab:
        raise ValueError("no tab; expected keyword<TAB>match_type")
    if not keyword:
        raise ValueError("the keyword is empty")
    if match_type not in _KEYWORD_MATCH_TYPES:
        raise ValueError(
            f"unknown match type {shortened(repr(match_type))}; expected {', '.join(_KEYWORD_MATCH_TYPES)}"
        )
    return Pattern(keyword, match_type)  # type: ignore[arg-type]


def _rule(line: str) -> Pattern:
    if not line:
        raise ValueError("the line is empty and would match every text; remove it")
    import re2  # no keyword file needs it

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(line, options)
    except re2.error as error:
        detail = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"not a regular expression in RE2 syntax: {shortened(detail)}") from error
    return Pattern(line, "regex")


def file_exists(path: Path) -> bool:
    """Return whether there is a file or a link of this name. Reading it reports why it cannot be read."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):  # ValueError: not a possible path
        return True
    return True


def _read(path: Path, directory: Path) -> str:
    """Return the text of a file below the directory of all pattern files. Raises PatternFileError."""
    check_inside(path, directory)
    try:
        return read_text(path)
    except TextFileError as error:
        raise PatternFileError(Fault(path, error.line, str(error))) from error


def check_inside(path: Path, directory: Path) -> None:
    """Raise PatternFileError if a path below the directory of all pattern files leads out of it."""
    # The directory itself may be a link, or below one. Unlike Path.resolve, realpath accepts loops.
    top = os.path.realpath(directory)
    if not Path(os.path.realpath(path)).is_relative_to(top):
        raise PatternFileError(Fault(path, None, f"is a link that leads out of {directory}; put a copy in its place"))


def split_lines(text: str) -> list[str]:
    """Return the lines of a pattern file without their ends."""
    # Not str.splitlines, which also splits at form feeds and U+2028: a keyword may contain them.
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
