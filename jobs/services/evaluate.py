"""Judging the pattern files as they are by a gold file."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from threading import Event

from jobs.errors import InvalidValue, ResultUnreadable
from jobs.services.matchers import matcher_of
from jobs.services.patterns import load_patterns
from jobs.services.row_files import formula_safe
from patterns.evaluation import Evaluation, Wrong, evaluate
from patterns.files import pattern_path
from patterns.gold import BadLine, GoldFileError, open_gold_file
from patterns.pattern_set import ModelType, PredictType

_ERROR_COLUMNS = ("line", "text", "label", "given", "pattern", "match_type", "pattern_file", "pattern_line")


@dataclass(frozen=True)
class GoldEvaluation:
    """The judgement about the pattern files, and the lines of the gold file that were left out."""

    evaluation: Evaluation
    bad: tuple[BadLine, ...]
    """The first bad lines."""
    bad_count: int


def evaluate_gold(
    directory: Path,
    gold_file: Path,
    model_type: ModelType,
    predict_type: PredictType,
    errors: Path | None = None,
    on_wrong: Callable[[Wrong], object] | None = None,
    stopped: Event | None = None,
) -> GoldEvaluation:
    """Judge the pattern files by a gold file.

    The texts that they are wrong about go to `errors`, a new .csv or .jsonl file, or else to `on_wrong`. Takes a few
    seconds for a million lines; once `stopped` is set, the lines that follow are left out. Raises UnreadablePatterns,
    InvalidValue for a gold file that cannot be used, and ResultUnreadable if `errors` cannot be written.
    """
    patterns = load_patterns(directory, model_type, predict_type)

    def fields(wrong: Wrong) -> tuple[object, ...]:
        by = wrong.decided_by
        if by is None:
            return (wrong.line, wrong.text, wrong.label, wrong.given, None, None, None, None)
        path = pattern_path(directory, model_type, by.label, predict_type)
        pattern = by.pattern
        return (wrong.line, wrong.text, wrong.label, wrong.given, pattern.text, pattern.match_type, path, by.line)

    try:
        with open_gold_file(gold_file) as gold, _error_file(errors) as write:
            lines = gold if stopped is None else takewhile(lambda _: not stopped.is_set(), gold)
            evaluation = evaluate(
                patterns, lines, (lambda wrong: write(fields(wrong))) if write else on_wrong, matcher_of(patterns)
            )
            return GoldEvaluation(evaluation, tuple(gold.bad), gold.bad_count)
    except GoldFileError as error:
        raise InvalidValue(f"gold file {error}") from error


@contextmanager
def _error_file(path: Path | None) -> Iterator[Callable[[tuple[object, ...]], object] | None]:
    """Create a file for the wrong texts, and yield what writes one. A file that is not complete is removed."""
    if path is None:
        yield None
        return
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".jsonl"):
        raise InvalidValue(f"{path}: the name must end in .csv or .jsonl")
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise ResultUnreadable(f"not saved: {path} exists; choose another name") from None
    except (OSError, ValueError) as error:
        raise ResultUnreadable(f"not saved: {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        with file:
            if suffix == ".csv":
                writer = csv.writer(file)
                writer.writerow(_ERROR_COLUMNS)
                yield lambda row: writer.writerow("" if value is None else formula_safe(str(value)) for value in row)
            else:
                yield lambda row: file.write(json.dumps(_to_json(row), ensure_ascii=False) + "\n")
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ResultUnreadable(f"not saved: {path}: {error.strerror or error}") from error
        raise


def _to_json(row: tuple[object, ...]) -> dict[str, object]:
    return {
        name: str(value) if isinstance(value, Path) else value for name, value in zip(_ERROR_COLUMNS, row, strict=True)
    }
