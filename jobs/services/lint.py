"""Checking the pattern files: faults, with which no task can be created, and warnings."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from jobs.services.matchers import matcher_of, slow_patterns
from jobs.services.patterns import (
    PatternFile,
    check_model_type,
    check_predict_type,
    read_pattern_files,
)
from patterns.files import Fault, file_exists, pattern_path
from patterns.lint import Kind, lint
from patterns.match import PatternsTooLarge
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES, Label, Pattern, PatternSet


@dataclass(frozen=True, slots=True)
class LintFinding:
    """A fault or a warning. What it is not about is None."""

    kind: Kind | Literal["fault"]
    file: Path
    line: int | None
    pattern: Pattern | None
    message: str

    @property
    def is_fault(self) -> bool:
        """Whether it keeps tasks from being created."""
        return self.kind == "fault"


def lint_patterns(directory: Path, model_type: str | None = None, predict_type: str | None = None) -> list[LintFinding]:
    """Return the faults and warnings of all pattern files, or of those of a model type or a predict type.

    Lines are compared across the labels of a model and a predict type. If one of these files has faults,
    there are no warnings about any of them. Raises InvalidValue.
    """
    if model_type is None:  # a model without a folder is not in use
        models = tuple(model for model in MODEL_TYPES if file_exists(directory / model)) or MODEL_TYPES
    else:
        models = (check_model_type(model_type),)
    predicts = PREDICT_TYPES if predict_type is None else (check_predict_type(predict_type),)
    files, faults = read_pattern_files(directory, models, predicts)
    findings = [_fault(fault) for fault in faults]
    if not files and not faults:
        names = ", ".join(f"{name}.txt" for name in predicts)
        findings.append(_fault(Fault(directory, None, f"no label has a file {names}")))
    files.sort(key=_set_key)  # stable: labels stay in deciding order
    for (model, _), group in groupby(files, key=_set_key):
        found = _lint_set(directory, list(group))
        # If a fault concerns the whole model, its labels may not be in deciding order, on which warnings depend.
        broken = any(fault.path.is_relative_to(directory / model) for fault in faults)
        findings += [finding for finding in found if finding.is_fault or not broken]
    return findings


def _set_key(file: PatternFile) -> tuple[str, str]:
    return file.model_type, file.predict_type


def _lint_set(directory: Path, files: list[PatternFile]) -> Iterator[LintFinding]:
    """Yield the findings about the files of one model and one predict type."""
    model_type, predict_type = files[0].model_type, files[0].predict_type
    faults = [fault for file in files for fault in file.faults]
    if faults:
        yield from map(_fault, faults)
        return
    pattern_set = PatternSet(model_type, predict_type, tuple(Label(file.label, file.patterns) for file in files))
    try:
        matcher_of(pattern_set)
    except PatternsTooLarge as error:
        yield _fault(Fault(directory / model_type, None, str(error)))
        return
    slow, together = slow_patterns(pattern_set)
    warnings = [
        *((one.label, one.line, one.pattern, one.kind, one.message) for one in lint(pattern_set)),
        *((one.label, one.line, one.pattern, "slow", message) for one, message in slow),
    ]
    place = {label.name: number for number, label in enumerate(pattern_set.labels)}
    for label, line, pattern, kind, message in sorted(warnings, key=lambda one: (place[one[0]], one[1])):
        yield LintFinding(kind, pattern_path(directory, model_type, label, predict_type), line, pattern, message)
    if together is not None:
        yield LintFinding("slow", directory / model_type, None, None, f"{predict_type}: {together}")


def _fault(fault: Fault) -> LintFinding:
    return LintFinding("fault", fault.path, fault.line, None, fault.message)
