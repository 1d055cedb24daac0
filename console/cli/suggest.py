"""The command that suggests lines for the pattern files."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from console.cli.evaluate import bad_lines_json, print_bad_lines
from console.cli.output import exit_with, print_envelope, print_lines, print_table
from console.cli.parameters import RANGE_PARAMETERS, Values, with_parameters
from console.cli.run import AsJson, run
from console.figures import percent, percentage, share_json
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError, InvalidValue
from jobs.model.task_request import TaskRequest
from jobs.model.wording import counted
from jobs.services import GoldSuggestions
from patterns.evaluation import Evaluation
from patterns.frequent import FrequentSequence
from patterns.suggestions import Suggestion

_SHOWN = 30

_ADDED_COVERAGE = "added coverage %"

_COLUMNS: dict[str, Callable[[Suggestion], object]] = {
    "label": lambda one: f"/{one.label}",
    "pattern": lambda one: one.pattern.text,
    "match type": lambda one: one.pattern.match_type,
    "support": lambda one: one.support,
    "precision %": lambda one: percent(one.precision),
    "sure": lambda one: "yes" if one.sure else "",
    "adds": lambda one: one.adds,
    _ADDED_COVERAGE: lambda one: percent(one.added_coverage),
}


_FREQUENT_COLUMNS: dict[str, Callable[[FrequentSequence], object]] = {
    "pattern": lambda one: one.pattern.text,
    "match type": lambda one: one.pattern.match_type,
    "texts": lambda one: one.texts,
    "share %": lambda one: percent(one.share),
    "examples": lambda one: ", ".join(one.examples),
}


@with_parameters(TaskRequest, *RANGE_PARAMETERS, required=False)
def suggest(
    values: Values,
    gold: Annotated[
        Path | None,
        typer.Argument(metavar="GOLD.csv", help="CSV with the columns text and label.  [default: sample a range]"),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Suggest lines for this label only.")] = None,
    precision: Annotated[float, typer.Option(help="The least precision of a line, below 1.")] = 0.97,
    support: Annotated[int, typer.Option(help="The least number of texts that a line decides about.")] = 20,
    rows: Annotated[int, typer.Option(help="About how many posts of the range to draw at random.")] = 20_000,
    as_json: AsJson = False,
) -> None:
    """Suggest lines for the pattern files.

    They are learnt from one half of a gold file, and judged by the other. Without a gold file: what
    texts of a range have in common that get no label.
    """
    if gold is None:
        if values["start_time"] is None or values["end_time"] is None:
            exit_with(InvalidValue("give a gold file, or a range with --start-time and --end-time"), as_json)
        _suggest_from_sample(values, rows, support, as_json)
        return
    try:
        types = services.check_types(values["model_type"], values["predict_type"])
        directory = services.load_deployment().settings.patterns_dir
        found = services.suggest_from_gold(directory, gold, *types, label=label, precision=precision, support=support)
    except AudienceError as error:
        exit_with(error, as_json)
    if as_json:
        print_envelope(200, "OK", **_to_json(found))
        return
    print_bad_lines(found.bad, found.bad_count)
    _print(found, precision)


def _suggest_from_sample(values: Values, rows: int, support: int, as_json: bool) -> None:
    async def service(deployment: Deployment) -> list[FrequentSequence]:
        request = TaskRequest.from_values(deployment.settings, values)
        return await services.suggest_from_sample(deployment, request, rows, support)

    found = run(service, as_json)
    if as_json:
        content = [
            {
                "pattern": one.pattern.text,
                "match_type": one.pattern.match_type,
                "texts": one.texts,
                "share": share_json(one.share),
                "examples": one.examples,
            }
            for one in found
        ]
        print_envelope(200, "OK", content=content)
    elif found or not sys.stdout.isatty():
        shown = found[:_SHOWN] if sys.stdout.isatty() else found
        print_table(_FREQUENT_COLUMNS, shown)
    else:
        print_lines(Text(f"no {support} texts without a label have anything in common", "yellow"))


def _print(found: GoldSuggestions, precision: float) -> None:
    suggestions, before, after = found.found.suggestions, found.found.before, found.found.after
    if not sys.stdout.isatty():
        print_table(_COLUMNS, suggestions)
        return
    if not suggestions:
        print_lines(
            Text(
                f"no line has this support and a precision of {precision:g}; label more texts, or ask for less",
                "yellow",
            )
        )
        return
    # The coverage that each line adds would not fit 80 columns.
    print_table({name: read for name, read in _COLUMNS.items() if name != _ADDED_COVERAGE}, suggestions[:_SHOWN])
    more = f"; the first {_SHOWN} are shown" if len(suggestions) > _SHOWN else ""
    print_lines(
        "",
        f"{counted(len(suggestions), 'line')}{more}; with all of them, judged by {counted(before.lines, 'text')}:",
        Text.assemble(("coverage   ", "dim"), f"{percentage(before.coverage)} becomes {percentage(after.coverage)}"),
        Text.assemble(("precision  ", "dim"), f"{percentage(before.precision)} becomes {percentage(after.precision)}"),
    )


def _to_json(found: GoldSuggestions) -> dict[str, object]:
    return {
        "content": [
            {
                "label": one.label,
                "pattern": one.pattern.text,
                "match_type": one.pattern.match_type,
                "support": one.support,
                "right": one.right,
                "precision": share_json(one.precision),
                "sure": one.sure,
                "adds": one.adds,
                "added_coverage": share_json(one.added_coverage),
            }
            for one in found.found.suggestions
        ],
        "before": _evaluation_json(found.found.before),
        "after": _evaluation_json(found.found.after),
        "bad_lines": bad_lines_json(found.bad, found.bad_count),
    }


def _evaluation_json(evaluation: Evaluation) -> dict[str, object]:
    return {
        "lines": evaluation.lines,
        "coverage": share_json(evaluation.coverage),
        "precision": share_json(evaluation.precision),
    }
