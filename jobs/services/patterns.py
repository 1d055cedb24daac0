"""The pattern files: all of them with their faults, and the set that a task uses."""

from dataclasses import dataclass
from pathlib import Path

from jobs.errors import UnreadablePatterns
from patterns.files import (
    Fault,
    PatternFileError,
    file_exists,
    label_names,
    present_models,
    read_pattern_file,
    read_pattern_set,
)
from patterns.matcher import Matcher, PatternsTooLarge, build_matcher
from patterns.pattern_set import PREDICT_TYPES, ModelType, Pattern, PatternSet, PredictType


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


def read_pattern_files(directory: Path) -> tuple[list[PatternFile], list[str]]:
    """Read all pattern files, and return them with the faults of models that cannot be read at all."""
    files, faults = [], []
    for model_type in present_models(directory):
        try:
            labels = label_names(directory, model_type)
        except PatternFileError as error:
            faults.append(str(error))
            continue
        for label in labels:
            for predict_type in PREDICT_TYPES:
                path = directory / model_type / label / f"{predict_type}.txt"
                if file_exists(path):
                    patterns, found = read_pattern_file(path, model_type)
                    files.append(PatternFile(model_type, predict_type, label, tuple(patterns), tuple(found)))
    return files, faults


def load_patterns(directory: Path, model_type: ModelType, predict_type: PredictType) -> PatternSet:
    """Return the pattern set of a model for a predict type. Raises UnreadablePatterns."""
    return _load(directory, model_type, predict_type)[0]


def load_matcher(directory: Path, model_type: ModelType, predict_type: PredictType) -> Matcher:
    """Return the matcher of a model for a predict type. Raises UnreadablePatterns."""
    return _load(directory, model_type, predict_type)[1]


def _load(directory: Path, model_type: ModelType, predict_type: PredictType) -> tuple[PatternSet, Matcher]:
    try:
        pattern_set = read_pattern_set(directory, model_type, predict_type)
        # A worker must be able to build the matcher.
        return pattern_set, build_matcher(pattern_set)
    except (PatternFileError, PatternsTooLarge) as error:
        raise UnreadablePatterns(f"cannot read pattern file: {error}") from error
