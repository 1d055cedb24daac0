"""The pattern files: all of them with their faults, and the set that a task uses."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from jobs.errors import InvalidValue, UnreadablePatterns
from patterns.edits import append_pattern
from patterns.files import (
    Fault,
    PatternFileError,
    file_exists,
    pattern_path,
    present_models,
    read_pattern_file,
    read_pattern_set,
    usable_label_names,
)
from patterns.match import PatternsTooLarge
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES, ModelType, Pattern, PatternSet, PredictType


@dataclass(frozen=True)
class PatternFile:
    """A pattern file: its patterns, or its faults."""

    model_type: ModelType
    predict_type: PredictType
    label: str
    patterns: tuple[Pattern, ...]
    faults: tuple[Fault, ...]

    @property
    def key(self) -> str:
        """Identifies it among all pattern files."""
        return f"{self.model_type}/{self.label}/{self.predict_type}"


def read_pattern_files(
    directory: Path,
    model_types: Sequence[ModelType] = MODEL_TYPES,
    predict_types: Sequence[PredictType] = PREDICT_TYPES,
) -> tuple[list[PatternFile], list[Fault]]:
    """Read all pattern files, or some, and return them with the faults that keep whole models from being used."""
    files: list[PatternFile] = []
    faults: list[Fault] = []
    for model_type in present_models(directory):
        if model_type not in model_types:
            continue
        labels, found = usable_label_names(directory, model_type)
        faults += found
        for label in labels:
            for predict_type in predict_types:
                path = pattern_path(directory, model_type, label, predict_type)
                if file_exists(path):
                    patterns, wrong = read_pattern_file(path, model_type)
                    files.append(PatternFile(model_type, predict_type, label, tuple(patterns), tuple(wrong)))
    return files, faults


async def predict_types_with_files(directory: Path) -> dict[str, list[PredictType]]:
    """Return the predict types that have pattern files, by model type. Models without any are left out."""
    return await asyncio.to_thread(_predict_types_with_files, directory)


def _predict_types_with_files(directory: Path) -> dict[str, list[PredictType]]:
    found: dict[str, list[PredictType]] = {}
    for model_type in MODEL_TYPES:
        with suppress(OSError):
            names = {path.stem for path in (directory / model_type).glob("*/*.txt")}
            if types := [predict_type for predict_type in PREDICT_TYPES if predict_type in names]:
                found[model_type] = types
    return found


def load_patterns(directory: Path, model_type: ModelType, predict_type: PredictType) -> PatternSet:
    """Return the pattern set of a model for a predict type. Raises UnreadablePatterns."""
    with patterns_readable():
        pattern_set = read_pattern_set(directory, model_type, predict_type)
        if model_type == "rule_model":
            # A worker must be able to build it; that of keywords, it always is.
            from jobs.services.matchers import matcher_of

            matcher_of(pattern_set)
    return pattern_set


def add_pattern(directory: Path, model_type: ModelType, label: str, predict_type: PredictType, pattern: Pattern) -> int:
    """Append a line to a pattern file, which may not exist yet, and return its number. Raises UnreadablePatterns."""
    try:
        return append_pattern(directory, model_type, label, predict_type, pattern)
    except PatternFileError as error:
        raise UnreadablePatterns(f"line not added: {error}") from error


@contextmanager
def patterns_readable() -> Iterator[None]:
    """Raise UnreadablePatterns if pattern files that the block reads cannot be used."""
    try:
        yield
    except (PatternFileError, PatternsTooLarge) as error:
        raise UnreadablePatterns(f"cannot read pattern file: {error}") from error


def check_types(model_type: str, predict_type: str) -> tuple[ModelType, PredictType]:
    """Return a model type and a predict type. Raises InvalidValue for any other text."""
    return check_model_type(model_type), check_predict_type(predict_type)


def check_model_type(value: str) -> ModelType:
    """Return a model type. Raises InvalidValue for any other text."""
    return cast(ModelType, _one_of("model_type", value, MODEL_TYPES))


def check_predict_type(value: str) -> PredictType:
    """Return a predict type. Raises InvalidValue for any other text."""
    return cast(PredictType, _one_of("predict_type", value, PREDICT_TYPES))


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise InvalidValue(f"{name}: expected {', '.join(known)}, not {value[:40]!r}")
    return value
