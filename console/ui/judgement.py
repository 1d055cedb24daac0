"""What a gold file says about the patterns of a set, for the screen."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from console.ui.pattern_book import SetKey, read_state
from jobs.services import GoldEvaluation, evaluate_gold
from patterns.edits import Fingerprint
from patterns.evaluation import NONE, PatternFigures, Wrong
from patterns.pattern_set import Pattern

_MAX_WRONG = 20


@dataclass(frozen=True)
class Judgement:
    """An evaluation, with the first texts that each pattern is wrong about."""

    gold_file: Path
    found: GoldEvaluation
    wrong: Mapping[tuple[str, int], tuple[Wrong, ...]]
    """By label and line."""
    figures: Mapping[tuple[str, int], PatternFigures]
    files: Fingerprint
    """The files of the set when they were judged."""

    def of(self, label: str, line: int, pattern: Pattern) -> PatternFigures | None:
        """Return what a line decided: nothing if it did not, or if the file has another pattern there by now."""
        found = self.figures.get((label, line))
        return found if found is not None and found.pattern == pattern else None

    def wrong_texts(self, figures: PatternFigures) -> tuple[Wrong, ...]:
        """Return the first texts that a pattern is wrong about."""
        return self.wrong.get((figures.label, figures.line), ())


async def judge(directory: Path, gold_file: Path, key: SetKey) -> Judgement:
    """Evaluate the pattern files as they are. Raises what `evaluate_gold` raises.

    If it is cancelled, its thread ends with the text that it is at: the console waits for its threads when it ends.
    """
    stopped = Event()
    try:
        return await asyncio.to_thread(_judge, directory, gold_file, key, stopped)
    finally:
        stopped.set()


def _judge(directory: Path, gold_file: Path, key: SetKey, stopped: Event) -> Judgement:
    files = read_state(directory, key)
    wrong: dict[tuple[str, int], list[Wrong]] = defaultdict(list)

    def keep(one: Wrong) -> None:
        if one.decided_by is not None:
            kept = wrong[one.decided_by.label, one.decided_by.line]
            if len(kept) < _MAX_WRONG:
                kept.append(one)

    found = evaluate_gold(directory, gold_file, *key, on_wrong=keep, stopped=stopped)
    figures = {(one.label, one.line): one for one in found.evaluation.patterns}
    return Judgement(gold_file, found, {place: tuple(texts) for place, texts in wrong.items()}, figures, files)


def label_name(label: str) -> str:
    """Return how the screen names a label of the gold file."""
    return "no label" if label == NONE else f"/{label}"
