"""The command that shows what the patterns of a task decided."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.text import Text

from console.cli.output import print_envelope, print_lines, print_table
from console.cli.run import AsJson, TaskId, run
from console.cli.shortened import Shortened
from console.highlight import visible
from console.sanitize import sanitize
from jobs import services
from jobs.model.wording import counted
from jobs.services import PanelCount, PatternCount, TaskHits


@dataclass(frozen=True)
class _Row:
    """A line of the output into a pipe: a pattern, with a result or without any hit."""

    result: str | None
    count: PatternCount


_PANEL_COLUMNS: dict[str, Callable[[PanelCount], object]] = {
    "panel": lambda count: count.panel,
    "posts": lambda count: count.rows,
    "authors": lambda count: count.authors,
}
_UNUSED_COLUMNS: dict[str, Callable[[PatternCount], object]] = {
    "label": lambda count: f"/{count.label}",
    "line": lambda count: count.line,
    "pattern": lambda count: Shortened(visible(count.pattern.text)),
    "match type": lambda count: count.pattern.match_type,
}
_PATTERN_COLUMNS: dict[str, Callable[[PatternCount], object]] = {
    **_UNUSED_COLUMNS,
    "posts": lambda count: count.rows,
    "authors": lambda count: count.authors,
}
_PIPE_COLUMNS: dict[str, Callable[[_Row], object]] = {
    "result": lambda row: row.result,
    "label": lambda row: f"/{row.count.label}",
    "line": lambda row: row.count.line,
    "pattern": lambda row: row.count.pattern.text,
    "match_type": lambda row: row.count.pattern.match_type,
    "rows": lambda row: row.count.rows,
    "authors": lambda row: row.count.authors,
}


def hits(
    task_id: TaskId,
    limit: Annotated[int, typer.Option(min=1, help="The most patterns of a result to show on a terminal.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show how many posts and authors each pattern of a task decided.

    Names the patterns without a hit, too.
    """
    found = run(lambda deployment: services.task_hits(deployment, task_id), as_json)
    if as_json:
        print_envelope(200, "OK", **_to_json(found))
    elif sys.stdout.isatty():
        _print(found, limit)
    else:
        rows = [_Row(result, count) for result in found.results for count in found.pattern_counts(result)]
        print_table(_PIPE_COLUMNS, [*rows, *(_Row(None, count) for count in found.unused())])


def _print(found: TaskHits, limit: int) -> None:
    for result in found.results:
        counts = found.pattern_counts(result)
        print_lines(Text(sanitize(result), "bold"))
        print_table(_PANEL_COLUMNS, found.panel_counts(result), indent=2)
        print_lines("", Text(f"  {_first(limit, len(counts))} that decided about most posts", "dim"))
        print_table(_PATTERN_COLUMNS, counts[:limit], indent=2)
        print_lines("")
    unused = found.unused()
    if unused:
        print_lines(Text(f"{_first(limit, len(unused))} without a hit", "dim"))
        print_table(_UNUSED_COLUMNS, unused[:limit], indent=2)
    else:
        print_lines("every pattern has a hit")


def _first(limit: int, count: int) -> str:
    patterns = counted(count, "pattern")
    return patterns if count <= limit else f"{limit:,} of {patterns}"


def _to_json(found: TaskHits) -> dict[str, object]:
    return {
        "task_id": found.task.task_id,
        "results": [
            {
                "result": result,
                "panels": [
                    {"panel": count.panel, "rows": count.rows, "authors": count.authors}
                    for count in found.panel_counts(result)
                ],
                "patterns": [
                    {**pattern_json(count), "rows": count.rows, "authors": count.authors}
                    for count in found.pattern_counts(result)
                ],
            }
            for result in found.results
        ],
        "unused": [pattern_json(count) for count in found.unused()],
    }


def pattern_json(count: PatternCount) -> dict[str, object]:
    """Return a pattern as JSON, by its place."""
    return {
        "label": count.label,
        "line": count.line,
        "pattern": count.pattern.text,
        "match_type": count.pattern.match_type,
    }
