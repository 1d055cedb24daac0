"""Suggesting lines for the pattern files: from a gold file, or from a sample of texts without a label."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from jobs.deployment import Deployment
from jobs.errors import InvalidValue
from jobs.model.task_request import TaskRequest
from jobs.services.patterns import load_patterns
from jobs.services.preview import sample_input, text_of
from patterns.files import pattern_path
from patterns.frequent import FrequentSequence, frequent
from patterns.gold import BadLine, GoldFileError, open_gold_file
from patterns.pattern_set import ModelType, PatternSet, PredictType
from patterns.suggestions import Suggestions, suggest


@dataclass(frozen=True)
class GoldSuggestions:
    """Suggestions from a gold file, and the lines of the file that were left out."""

    found: Suggestions
    bad: tuple[BadLine, ...]
    """The first bad lines."""
    bad_count: int


def suggest_from_gold(
    directory: Path,
    gold_file: Path,
    model_type: ModelType,
    predict_type: PredictType,
    *,
    label: str | None = None,
    precision: float = 0.97,
    support: int = 20,
) -> GoldSuggestions:
    """Suggest lines with at least this precision and support, for all labels of a gold file or for one.

    A label may have no pattern file yet. Takes less than a minute for a million lines. Raises
    UnreadablePatterns, and InvalidValue for a value out of range or a gold file that cannot be used.
    """
    if not 0 < precision < 1:
        raise InvalidValue(f"precision: expected a number between 0 and 1, not {precision}; none can be proved to be 1")
    _check_support(support)
    patterns = _patterns(directory, model_type, predict_type)
    try:
        with open_gold_file(gold_file) as gold:
            lines = list(gold)
            bad, bad_count = tuple(gold.bad), gold.bad_count
    except GoldFileError as error:
        raise InvalidValue(f"gold file {error}") from error
    wanted = label and label.removeprefix("/")
    if wanted and wanted not in {gold_label for _, _, gold_label in lines}:
        raise InvalidValue(f"label: no line of {gold_file} has the label {wanted[:40]!r}")
    found = suggest(patterns, lines, label=wanted or None, precision=precision, support=support)
    return GoldSuggestions(found, bad, bad_count)


async def suggest_from_sample(
    deployment: Deployment,
    request: TaskRequest,
    rows: int = 20_000,
    support: int = 20,
    limit: int = 50,
    on_progress: Callable[[float], object] | None = None,
) -> list[FrequentSequence]:
    """Return the most frequent sequences of the texts that get no label, in a random sample of a range.

    A text counts once, however many rows have it. `on_progress` learns how much of the sample is drawn, up to 1.
    Raises InvalidValue, CannotStart, UnreadablePatterns.
    """
    _check_support(support)
    directory = deployment.settings.patterns_dir
    patterns = await asyncio.to_thread(_patterns, directory, request.model_type, request.predict_type)
    texts: dict[str, None] = {}
    async with aclosing(sample_input(deployment, request, rows)) as batches:
        async for table, batch in batches:
            texts |= dict.fromkeys(text_of(table, row) for cluster in batch.clusters for row in cluster.rows)
            if on_progress is not None:
                on_progress(batch.done)
    return await asyncio.to_thread(frequent, patterns, texts, support=support, limit=limit)


def _check_support(support: int) -> None:
    if support < 1:
        raise InvalidValue(f"support: expected at least 1, not {support}")


def _patterns(directory: Path, model_type: ModelType, predict_type: PredictType) -> PatternSet:
    """Return the pattern set of the files, an empty one if there are none. Raises UnreadablePatterns."""
    name = pattern_path(directory, model_type, "*", predict_type).relative_to(directory)
    if not any(directory.glob(str(name))):
        return PatternSet(model_type, predict_type, ())
    return load_patterns(directory, model_type, predict_type)
