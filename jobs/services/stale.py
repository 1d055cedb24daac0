"""Which tasks are stale: their patterns are not those of the pattern files as they are now."""

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path

from jobs.deployment import Deployment
from jobs.model.task import Task
from patterns.files import PatternFileError, label_names, pattern_path, read_pattern_set
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES, ModelType, PredictType

Kind = tuple[ModelType, PredictType]
PatternHashes = Mapping[tuple[str, str], str]
"""By model and predict type."""

_Version = tuple[tuple[str, int, int, int], ...]
"""Which files there are, each with its time of change in ns, its size and its inode."""

_known: dict[tuple[Path, Kind], tuple[_Version, str | None]] = {}
"""The version of the files that were read last, and their hash: None if they cannot be used."""


def current_hashes(directory: Path, kinds: Iterable[Kind] | None = None) -> PatternHashes:
    """Return the hash of the pattern files of each model and predict type, or of these, as they are now.

    It is what the `pattern_hash` of a task created now would be; pattern files that cannot be used have none. Files
    are read again only after they change, so that this can be called every second.
    """
    found: dict[tuple[str, str], str] = {}
    for kind in product(MODEL_TYPES, PREDICT_TYPES) if kinds is None else kinds:
        hash_ = _current_hash(directory, *kind)
        if hash_ is not None:
            found[kind] = hash_
    return found


def is_stale(deployment: Deployment, task: Task, hashes: PatternHashes) -> bool | None:
    """Return whether a task used other patterns than `hashes` says the files have now.

    None if that is unknown: the files cannot be used, the task belongs to another deployment, which may have its own
    files, or it is of v2.1.
    """
    current = hashes.get((task.model_type, task.predict_type))
    if current is None or task.pattern_hash is None or task.deployment != deployment.settings.deployment:
        return None
    return task.pattern_hash != current


def find_stale(deployment: Deployment, tasks: Iterable[Task]) -> dict[str, bool | None]:
    """Return for each task, by its id, whether it is stale. Reads only the pattern files of their kinds."""
    listed = list(tasks)
    used = {(task.model_type, task.predict_type) for task in listed}
    kinds = [kind for kind in product(MODEL_TYPES, PREDICT_TYPES) if kind in used]
    hashes = current_hashes(deployment.settings.patterns_dir, kinds)
    return {task.task_id: is_stale(deployment, task, hashes) for task in listed}


def _current_hash(directory: Path, model_type: ModelType, predict_type: PredictType) -> str | None:
    kind: Kind = (model_type, predict_type)
    try:
        # Before the files are read: if one changes meanwhile, the next call finds another version.
        version = tuple(_version(directory, *kind))
        known = _known.get((directory, kind))
        if known is None or known[0] != version:
            known = _known[directory, kind] = version, _read_hash(directory, *kind)
    except PatternFileError:
        return None
    return known[1]


def _read_hash(directory: Path, model_type: ModelType, predict_type: PredictType) -> str | None:
    try:
        return read_pattern_set(directory, model_type, predict_type).hash
    except PatternFileError:
        return None


def _version(directory: Path, model_type: ModelType, predict_type: PredictType) -> Iterator[tuple[str, int, int, int]]:
    """Yield the files that a pattern set is read from. Raises PatternFileError."""
    for label in label_names(directory, model_type):
        try:
            found = os.stat(pattern_path(directory, model_type, label, predict_type))
        except OSError:
            yield label, 0, 0, 0
        else:
            yield label, found.st_mtime_ns, found.st_size, found.st_ino
