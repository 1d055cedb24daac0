"""Pattern files, read whole and strictly: a fault is told with its file and line, never skipped.

Layout: `<directory>/<model_type>/<label>/<predict_type>.txt`, and beside the labels an optional
`labels.toml` with `order = ["male", "female"]`; labels it does not name follow alphabetically.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import re2

from patterns.pattern_set import Label, MatchType, ModelType, Pattern, PatternSet, PredictType

# 64 MB hold about three million keywords: more is a file put there by mistake.
MAX_FILE_BYTES = 64 * 2**20
MAX_LABEL_LENGTH = 100

_KEYWORD_MATCH_TYPES = tuple(name for name in get_args(MatchType) if name != "regex")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a file; `line` counts from 1 and is None for the file as a whole."""

    path: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class PatternFileError(Exception):
    """Pattern files that cannot be used; `faults` holds every one that was found."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{faults[0]}{more}")


def read_pattern_set(directory: Path, model_type: ModelType, predict_type: PredictType) -> PatternSet:
    """The pattern set of a model for a predict type, its labels in their deciding order.

    A label that has no file for the predict type takes no part. Raises PatternFileError.
    """
    faults: list[Fault] = []
    labels: list[Label] = []
    for name in label_names(directory, model_type):
        path = directory / model_type / name / f"{predict_type}.txt"
        if _is_there(path):
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
                f"no label has a file {predict_type}.txt; write one, one pattern a line",
            )
        )
    return PatternSet(model_type, predict_type, tuple(labels))


def read_pattern_file(path: Path, model_type: ModelType) -> tuple[list[Pattern], list[Fault]]:
    """The patterns of one file in order, and all its faults."""
    try:
        text = _read_text(path)
    except PatternFileError as error:
        return [], list(error.faults)
    read_line = _keyword if model_type == "keyword_model" else _rule
    patterns: list[Pattern] = []
    faults: list[Fault] = []
    for number, line in enumerate(_lines(text), start=1):
        try:
            patterns.append(read_line(line))
        except ValueError as error:
            faults.append(Fault(path, number, str(error)))
    return patterns, faults


def label_names(directory: Path, model_type: ModelType) -> list[str]:
    """The labels of a model, the most decisive first. Raises PatternFileError."""
    folder = directory / model_type
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] not in "._")
    except OSError as error:
        raise PatternFileError(Fault(folder, None, _reason(error))) from error
    if not names:
        raise PatternFileError(Fault(folder, None, "no labels here; a label is a folder with pattern files"))
    for name in names:
        if len(name) > MAX_LABEL_LENGTH or not name.isprintable():
            raise PatternFileError(
                Fault(
                    folder / name,
                    None,
                    f"a label has at most {MAX_LABEL_LENGTH} characters, all of them printable",
                )
            )
    order = _label_order(folder / "labels.toml", names)
    return order + [name for name in names if name not in order]


def _label_order(path: Path, names: list[str]) -> list[str]:
    if not _is_there(path):
        return []
    text = _read_text(path)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PatternFileError(Fault(path, None, str(error))) from error
    order = content.pop("order", None)
    if content or not isinstance(order, list) or not all(isinstance(name, str) for name in order):
        raise PatternFileError(Fault(path, None, 'expected one entry: order = ["first label", "second label"]'))
    for name in order:
        if name not in names or order.count(name) > 1:
            line = _line_of(text, name)
            reason = "is named twice" if name in names else f"is no label here; there are: {', '.join(names)}"
            raise PatternFileError(Fault(path, line, f"{name!r} {reason}"))
    return order


def _line_of(text: str, name: str) -> int | None:
    """The first line of a TOML text that has this name in quotes, before any comment."""
    for number, line in enumerate(text.split("\n"), start=1):
        before_comment = line.partition("#")[0]
        if f'"{name}"' in before_comment or f"'{name}'" in before_comment:
            return number
    return None


def _keyword(line: str) -> Pattern:
    keyword, tab, match_type = line.partition("\t")
    if not line:
        raise ValueError("the line is empty; remove it")
    if not tab:
        raise ValueError("no tab; expected keyword<TAB>match_type")
    if not keyword:
        raise ValueError("the keyword is empty")
    if match_type not in _KEYWORD_MATCH_TYPES:
        raise ValueError(f"unknown match type {match_type!r}; expected {', '.join(_KEYWORD_MATCH_TYPES)}")
    return Pattern(keyword, match_type)  # type: ignore[arg-type]


def _rule(line: str) -> Pattern:
    if not line:
        raise ValueError("the line is empty and would match every text; remove it")
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(line, options)
    except re2.error as error:
        detail = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"not a regular expression in RE2 syntax: {detail}") from error
    return Pattern(line, "regex")


def _is_there(path: Path) -> bool:
    """Whether there is such a file; where that cannot be told, reading it will say why."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise PatternFileError(Fault(path, None, f"{size:,} bytes; at most {MAX_FILE_BYTES:,} are read"))
        data = path.read_bytes()
    except OSError as error:
        raise PatternFileError(Fault(path, None, _reason(error))) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PatternFileError(Fault(path, line, f"not UTF-8 (byte 0x{data[error.start]:02x})")) from error


def _lines(text: str) -> list[str]:
    # Not str.splitlines: it also cuts at form feeds and U+2028, which a keyword may hold.
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _reason(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"
