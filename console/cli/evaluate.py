"""The command that judges the pattern files by a gold file."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from console.cli.output import exit_with, print_envelope, print_error, print_lines, print_table
from console.cli.parameters import Values, with_parameters
from console.cli.run import AsJson
from console.cli.shortened import Shortened
from console.figures import percent, percentage, share_json
from console.highlight import visible
from console.sanitize import sanitize
from jobs import services
from jobs.errors import AudienceError
from jobs.model.task_request import TaskRequest
from jobs.model.wording import counted
from jobs.services import GoldEvaluation
from patterns.evaluation import NONE, Evaluation, LabelFigures, PatternFigures
from patterns.gold import BadLine

_WORST = 10
_NAMED = 10
# The widest confusion matrix that fits 80 columns.
_MATRIX_LABELS = 5

_LABEL_COLUMNS: dict[str, Callable[[LabelFigures], object]] = {
    "label": lambda figures: f"/{figures.label}",
    "gold": lambda figures: figures.gold,
    "given": lambda figures: figures.given,
    "precision %": lambda figures: percent(figures.precision),
    "recall %": lambda figures: percent(figures.recall),
    "F1 %": lambda figures: percent(figures.f1),
}
_PATTERN_COLUMNS: dict[str, Callable[[PatternFigures], object]] = {
    "label": lambda figures: f"/{figures.label}",
    "line": lambda figures: figures.line,
    "pattern": lambda figures: Shortened(visible(figures.pattern.text)),
    "match type": lambda figures: figures.pattern.match_type,
    "decided": lambda figures: figures.decided,
    "wrong": lambda figures: figures.decided - figures.right,
    "precision %": lambda figures: percent(figures.precision),
}


@with_parameters(TaskRequest, "model_type", "predict_type")
def evaluate(
    gold: Annotated[Path, typer.Argument(metavar="GOLD.csv", help="CSV with the columns text and label.")],
    values: Values,
    errors: Annotated[
        Path | None,
        typer.Option(help="Save every text that gets a wrong label, or none, to a new .csv or .jsonl file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge the pattern files by texts whose right label is known.

    An empty label in the gold file says that no label is right.
    """
    try:
        types = services.check_types(**values)
        directory = services.load_deployment().settings.patterns_dir
        found = services.evaluate_gold(directory, gold, *types, errors)
    except AudienceError as error:
        exit_with(error, as_json)
    if as_json:
        print_envelope(200, "OK", **_to_json(found))
        return
    print_bad_lines(found.bad, found.bad_count)
    _print(found.evaluation)


def print_bad_lines(bad: Sequence[BadLine], count: int) -> None:
    """Name the first lines of a gold file that were left out."""
    for one in bad[:_NAMED]:
        print_error(f"line {one.line} is left out: {one.message}")
    if count > _NAMED:
        print_error(f"left out as well: {counted(count - _NAMED, 'more line')}; --json names them")


def bad_lines_json(bad: Sequence[BadLine], count: int) -> dict[str, object]:
    """Return the lines of a gold file that were left out as JSON."""
    return {"count": count, "first": [{"line": one.line, "message": one.message} for one in bad]}


def _print(found: Evaluation) -> None:
    labelled = sum(count for (_, given), count in found.confusion.items() if given != NONE)
    print_lines(
        Text.assemble(
            ("coverage   ", "dim"), f"{percentage(found.coverage)} of {counted(found.lines, 'text')} get a label"
        ),
        Text.assemble(
            ("precision  ", "dim"), f"{percentage(found.precision)} of {counted(labelled, 'label')} are right"
        ),
        "",
    )
    print_table(_LABEL_COLUMNS, found.label_figures)
    print_lines("")
    _print_confusion(found)
    worst = sorted(found.patterns, key=lambda figures: figures.right - figures.decided)
    worst = [figures for figures in worst if figures.right < figures.decided]
    if not sys.stdout.isatty():
        print_lines("")
        print_table(_PATTERN_COLUMNS, found.patterns)
    elif worst:
        print_lines("", Text(f"the patterns that are wrong most often, of {len(worst):,}", "dim"))
        print_table(_PATTERN_COLUMNS, worst[:_WORST])


def _print_confusion(found: Evaluation) -> None:
    """Print which label texts get by which they should; the most frequent confusions if there are many labels."""
    labels = [*found.labels, NONE]
    if len(labels) <= _MATRIX_LABELS:
        columns: dict[str, Callable[[str], object]] = {"right label": _name}
        for given in labels:
            columns[f"gets {_name(given)}"] = lambda gold, given=given: found.confusion.get((gold, given), 0)  # type: ignore[misc]
        print_table(columns, labels)
        return
    wrong = [(pair, count) for pair, count in found.confusion.items() if pair[0] != pair[1]]
    wrong.sort(key=lambda item: -item[1])
    print_table(
        {
            "right label": lambda item: _name(item[0][0]),
            "gets": lambda item: _name(item[0][1]),
            "texts": lambda item: item[1],
        },
        wrong[:_WORST] if sys.stdout.isatty() else wrong,
    )


def _name(label: str) -> str:
    return f"/{sanitize(label)}" if label else "none"


def _to_json(found: GoldEvaluation) -> dict[str, object]:
    evaluation = found.evaluation
    return {
        "lines": evaluation.lines,
        "bad_lines": bad_lines_json(found.bad, found.bad_count),
        "coverage": share_json(evaluation.coverage),
        "precision": share_json(evaluation.precision),
        "labels": [
            {
                "label": figures.label,
                "gold": figures.gold,
                "given": figures.given,
                "right": figures.right,
                "precision": share_json(figures.precision),
                "recall": share_json(figures.recall),
                "f1": share_json(figures.f1),
            }
            for figures in evaluation.label_figures
        ],
        "confusion": [
            {"label": gold, "given": given, "count": count} for (gold, given), count in evaluation.confusion.items()
        ],
        "patterns": [
            {
                "label": figures.label,
                "line": figures.line,
                "pattern": figures.pattern.text,
                "match_type": figures.pattern.match_type,
                "decided": figures.decided,
                "right": figures.right,
                "precision": share_json(figures.precision),
            }
            for figures in evaluation.patterns
        ],
    }
