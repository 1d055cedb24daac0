"""The command that compares two tasks, or the patterns of a task with the pattern files."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from operator import itemgetter
from typing import Annotated

import typer
from rich.text import Text

from console.cli.completion import complete_task_id
from console.cli.output import Item, print_envelope, print_lines, print_table
from console.cli.run import AsJson, run
from console.cli.shortened import Shortened
from console.figures import percent, share_json
from console.highlight import visible
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import InvalidValue
from jobs.model.difference import KINDS, Change, Kind, PatternChange, ResultDifference
from jobs.model.wording import counted
from jobs.services import SampledDiff, TaskDiff

_MOST = 20
_SIDES = {"before": "first", "after": "second"}

_Result = tuple[str, ResultDifference]
_Move = tuple[str, tuple[str, ...], tuple[str, ...], int]

_RESULT_COLUMNS: dict[str, Callable[[_Result], object]] = {
    "result": lambda item: item[0],
    "gained": lambda item: item[1].gained,
    "lost": lambda item: item[1].lost,
    "changed": lambda item: item[1].changed,
    "same": lambda item: item[1].same,
}
_MOVE_COLUMNS: dict[str, Callable[[_Move], object]] = {
    "result": lambda move: move[0],
    "before": lambda move: " ".join(move[1]),
    "after": lambda move: " ".join(move[2]),
    "authors": lambda move: move[3],
}
_PATTERN_COLUMNS: dict[str, Callable[[PatternChange], object]] = {
    "task": lambda change: _SIDES[change.side],
    "label": lambda change: f"/{change.label}",
    "line": lambda change: change.line,
    "pattern": lambda change: Shortened(visible(change.pattern.text)),
    "match type": lambda change: change.pattern.match_type,
    "gained": lambda change: change.gained,
    "lost": lambda change: change.lost,
    "changed": lambda change: change.changed,
    "in the other task": lambda change: "yes" if change.in_both else "no",
}
_CHANGE_COLUMNS: dict[str, Callable[[Change], object]] = {
    "result": lambda change: change.result,
    "source_author": lambda change: change.source_author,
    "before": lambda change: " ".join(change.before),
    "after": lambda change: " ".join(change.after),
    "pattern before": lambda change: change.pattern_before,
    "pattern after": lambda change: change.pattern_after,
    "text": lambda change: change.text,
}


def diff(
    task_a: Annotated[
        str, typer.Argument(metavar="TASK_A", help="A task id, or its beginning.", autocompletion=complete_task_id)
    ],
    task_b: Annotated[
        str | None,
        typer.Argument(metavar="TASK_B", help="The task to compare with.", autocompletion=complete_task_id),
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Compare the patterns of TASK_A with the pattern files, over a sample.")
    ] = False,
    rows: Annotated[int, typer.Option(help="With --now: about how many posts to draw at random.")] = 20_000,
    list_: Annotated[str | None, typer.Option("--list", help="List authors: gained, lost or changed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=services.MAX_ROWS, help="The most authors to list.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Compare two tasks, or a task with the pattern files now.

    Shows who gained, lost or changed a label, and which patterns made the difference.
    """

    async def service(deployment: Deployment) -> TaskDiff | SampledDiff:
        if now and task_b is None:
            return await services.diff_now(deployment, task_a, rows, _kinds(list_), limit)
        if now or task_b is None:
            raise InvalidValue("give a second task to compare with, or --now for the pattern files, not both")
        return await services.diff_tasks(deployment, task_a, task_b, _kinds(list_), limit)

    found = run(service, as_json)
    if as_json:
        document = _to_json(found) if isinstance(found, TaskDiff) else _sampled_json(found)
        listed = {} if list_ is None else {"content": [asdict(change) for change in found.changes]}
        print_envelope(200, "OK", **document, **listed)
    elif list_ is not None:
        print_table(_CHANGE_COLUMNS, found.changes)
    elif isinstance(found, TaskDiff):
        _print(found)
    else:
        _print_sampled(found)


def _kinds(value: str | None) -> tuple[Kind, ...]:
    if value is None:
        return ()
    for kind in KINDS:
        if value == kind:
            return (kind,)
    raise InvalidValue(f"list: expected {', '.join(KINDS)}, not {value[:40]!r}")


def _print(found: TaskDiff) -> None:
    print_table(_RESULT_COLUMNS, found.results.items())
    moves = [(result, *move) for result, difference in found.results.items() for move in difference.moves]
    if moves:
        print_lines("")
        print_table(_MOVE_COLUMNS, _first(moves))
    print_lines("")
    if found.patterns is None:
        print_lines("which patterns made the difference is not known: those of one task are not kept")
    else:
        _print_patterns(found.patterns)


def _print_sampled(found: SampledDiff) -> None:
    drawn = "all" if found.everything else "a random sample of"
    posts = counted(found.rows, "post")
    print_lines(f"{drawn} {posts} of the range, by the patterns of the task and by the pattern files now")
    print_table({"posts": itemgetter(0), "%": lambda item: percent(item[1])}, found.shares.items())
    print_lines("")
    _print_patterns(found.patterns)


def _print_patterns(patterns: Sequence[PatternChange]) -> None:
    if patterns:
        print_lines(Text(f"the patterns that made the difference, of {len(patterns):,}", "dim"))
        print_table(_PATTERN_COLUMNS, _first(patterns))
    else:
        print_lines("no pattern made a difference")


def _first(items: Sequence[Item]) -> Sequence[Item]:
    """Return what a terminal shows of a list; a pipe gets all of it."""
    return items[:_MOST] if sys.stdout.isatty() else items


def _to_json(found: TaskDiff) -> dict[str, object]:
    return {
        "before": found.before.task_id,
        "after": found.after.task_id,
        "results": [
            {
                "result": result,
                "gained": difference.gained,
                "lost": difference.lost,
                "changed": difference.changed,
                "same": difference.same,
                "moves": [
                    {"before": before, "after": after, "authors": authors}
                    for before, after, authors in difference.moves
                ],
            }
            for result, difference in found.results.items()
        ],
        "patterns": None if found.patterns is None else [_pattern_json(change) for change in found.patterns],
    }


def _sampled_json(found: SampledDiff) -> dict[str, object]:
    return {
        "before": found.task.task_id,
        "after": None,
        "rows": found.rows,
        "everything": found.everything,
        **{kind: share_json(share) for kind, share in found.shares.items()},
        "patterns": [_pattern_json(change) for change in found.patterns],
    }


def _pattern_json(change: PatternChange) -> dict[str, object]:
    return {
        "task": change.side,
        "label": change.label,
        "line": change.line,
        "pattern": change.pattern.text,
        "match_type": change.pattern.match_type,
        "gained": change.gained,
        "lost": change.lost,
        "changed": change.changed,
        "in_both": change.in_both,
    }
