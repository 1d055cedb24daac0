"""The command that shows what the pattern files would do, from a random sample."""

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, nullcontext
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from console.cli.output import print_envelope, print_lines, print_table
from console.cli.parameters import RANGE_PARAMETERS, Values, with_parameters
from console.cli.preview_json import preview_json
from console.cli.run import AsJson, run
from console.cli.shortened import Shortened
from console.figures import percent, percentage
from console.highlight import visible
from console.sanitize import sanitize
from jobs import services
from jobs.deployment import Deployment
from jobs.model.task_request import TaskRequest
from jobs.model.wording import counted
from jobs.services import Preview, ResultShares
from patterns.hits import PatternHits

_SHOWN = 15

_PATTERN_COLUMNS: dict[str, Callable[[PatternHits], object]] = {
    "label": lambda one: f"/{one.label}",
    "line": lambda one: one.line,
    "pattern": lambda one: Shortened(visible(one.pattern.text)),
    "match type": lambda one: one.pattern.match_type,
    "hits": lambda one: one.hits,
    "decided": lambda one: one.decided,
    "alone": lambda one: one.alone,
    "conflicts": lambda one: one.conflicts,
    "example": lambda one: one.examples[0] if one.examples else None,
}


@with_parameters(TaskRequest, *RANGE_PARAMETERS)
def preview(
    values: Values,
    rows: Annotated[int, typer.Option(help="About how many posts to draw at random.")] = 20_000,
    as_json: AsJson = False,
) -> None:
    """Show what the pattern files would do to a range of posts.

    Estimates it from a random sample. Nothing is written.
    """

    async def service(deployment: Deployment) -> Preview:
        request = TaskRequest.from_values(deployment.settings, values)
        return await _last(services.preview_task(deployment, request, rows))

    found = run(service, as_json)
    if as_json:
        print_envelope(200, "OK", **preview_json(found))
    elif found.rows == 0:
        print_lines(Text("the range has no post that a task would read", "yellow"))
    else:
        _print(found)


async def _last(previews: AsyncGenerator[Preview, None]) -> Preview:
    """Return the last preview. A bar on a terminal shows the progress."""
    progress = Progress(
        TextColumn("sampling"),
        BarColumn(),
        TextColumn("{task.fields[posts]}"),
        console=Console(stderr=True),
        transient=True,
    )
    with progress if sys.stderr.isatty() else nullcontext():
        bar = progress.add_task("sampling", total=1.0, posts="")
        async with aclosing(previews):
            async for found in previews:
                progress.update(bar, completed=found.done, posts=counted(found.rows, "post"))
    return found


def _print(found: Preview) -> None:
    drawn = "all of the range" if found.everything else f"drawn in {counted(found.clusters, 'place')}"
    print_lines(Text(f"{counted(found.rows, 'post')}, {drawn}, in {found.seconds:.1f} s; shares in %", "dim"), "")
    print_table(_result_columns(found), [*found.results, None])
    authors = (
        f"{percentage(found.authors_labelled)} of the {counted(found.authors, 'author')} in the sample get a label"
    )
    print_lines("", authors, "")
    if found.conflicts:
        print_table(
            {
                "several labels": lambda item: f"/{item[0][0]} before /{item[0][1]}",
                "posts": lambda item: item[1],
            },
            sorted(found.conflicts.items(), key=lambda item: -item[1]),
        )
        print_lines("")
    _print_patterns(found)


def _print_patterns(found: Preview) -> None:
    hitting = sorted((one for one in found.patterns if one.hits), key=lambda one: -one.hits)
    if not sys.stdout.isatty():
        print_table(_PATTERN_COLUMNS, found.patterns)
        return
    columns = {name: read for name, read in _PATTERN_COLUMNS.items() if name != "conflicts" or found.conflicts}
    print_table(columns, hitting[:_SHOWN])
    silent = len(found.patterns) - len(hitting)
    more = f"{counted(len(hitting) - _SHOWN, 'more pattern')} with hits, and " if len(hitting) > _SHOWN else ""
    print_lines(
        Text(f"{more}{silent:,} of {counted(len(found.patterns), 'pattern')} without a hit in the sample", "dim")
    )


def _result_columns(found: Preview) -> dict[str, Callable[[ResultShares | None], object]]:
    """Return the columns of the table of results, whose last line is about all of them."""
    columns: dict[str, Callable[[ResultShares | None], object]] = {
        "result": lambda one: Text("all", "bold") if one is None else one.result,
        "posts": lambda one: found.rows if one is None else one.rows,
        "labelled": lambda one: percent(found.labelled if one is None else one.labelled),
    }
    for number, (panel, share) in enumerate(found.panels.items()):
        columns[sanitize(panel)] = lambda one, number=number, share=share: percent(  # type: ignore[misc]
            share if one is None else one.panels[number]
        )
    return columns
