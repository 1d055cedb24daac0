"""The columns of the task table: what they show, what they sort by, and which of them fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from console.figures import number
from console.sanitize import sanitize
from console.ui.formatting import age, cell, share_labelled
from console.ui.rates import Rates
from console.ui.task_words import (
    DONE,
    STANDINGS,
    model_words,
    outcome,
    predict_words,
    range_words,
    share_done,
    standing,
)
from jobs.model.task import Task
from jobs.services.overview import Fleet, TaskBoard


@dataclass(frozen=True)
class Situation:
    """What the cells of a task depend on besides the task."""

    board: TaskBoard
    rates: Rates
    fleet: Fleet | None
    stale: frozenset[str] = frozenset()
    """The ids of the tasks whose pattern files have changed since they were created."""


@dataclass(frozen=True)
class Column:
    """A column: what it shows, and what it sorts by."""

    label: str
    key: str
    """Sorts by it, with shift."""
    show: Callable[[Task, Situation, int], Text]
    """Returns the cell of a task, for a width."""
    order: Callable[[Task, Rates], Any]
    rank: int
    """A narrow table keeps the columns of the lowest ranks."""
    width: int
    """The greatest width."""
    words: Callable[[Task], str] | None = None
    """Returns the text that decides how wide the column need be. None: always its greatest width."""
    only_if_it_differs: bool = False
    """Whether it is left out while every task shows the same."""
    descends: bool = True
    """Whether it sorts the greatest first, unless the order is reversed."""


def _share_labelled(task: Task) -> float:
    return (task.length_output_table or 0) / task.length_receive_table if task.length_receive_table else -1.0


def _named(
    label: str, key: str, rank: int, width: int, words: Callable[[Task], str], tone: str = "", *, differs: bool = False
) -> Column:
    """Return a column of names, as wide as the widest."""
    return Column(
        *(
            label,
            key,
            lambda t, s, w: _name(t, words(t), tone),
            lambda t, r: words(t),
            rank,
            width,
            words,
            differs,
            False,
        )
    )


def _name(task: Task, words: str, tone: str) -> Text:
    """Return a cell that is dim if the task is done, so that the others stand out."""
    return cell(words, "muted" if standing(task) is DONE else tone)


def _outcome(task: Task, situation: Situation, width: int) -> Text:
    """Return what comes of a task, and at the end that it is done, but with patterns that have changed since."""
    mark = "  stale" if task.task_id in situation.stale and standing(task) is DONE else ""
    text = outcome(task, situation.board, situation.rates, situation.fleet, width - len(mark))
    if mark:
        text.truncate(width - len(mark), overflow="ellipsis")
        text.append(mark, "waiting")
    return text


STATE = Column(
    *("", "S", lambda t, s, w: cell(standing(t).glyph, standing(t).tone)),
    *(lambda t, r: STANDINGS.index(standing(t)), 0, 1),
    descends=False,
)
OUTCOME = Column(
    *("outcome", "O", lambda t, s, w: _outcome(t, s, w)),
    *(lambda t, r: share_done(t), 2, 20),
)
AGE = Column(
    *("age", "A", lambda t, s, w: cell(age(s.board.now, t.create_time), "muted", right=True)),
    *(lambda t, r: t.create_time, 3, 4),
)
READ = Column(
    *("posts read", "D", lambda t, s, w: cell(number(t.length_receive_table), right=True)),
    *(lambda t, r: t.length_receive_table or 0, 8, 11),
)
LABELLED = Column(
    *("posts labelled", "L", lambda t, s, w: cell(share_labelled(t), right=True)),
    *(lambda t, r: _share_labelled(t), 9, 14),
)
COLUMNS = (
    STATE,
    _named("predict", "P", 1, 8, predict_words),
    _named("model", "M", 5, 8, model_words),
    _named("table", "T", 7, 30, lambda t: sanitize(f"{t.target_table}.{t.source_table or '?'}"), differs=True),
    _named("range", "R", 4, 22, range_words),
    OUTCOME,
    READ,
    LABELLED,
    _named("queue", "Q", 10, 16, lambda t: sanitize(t.queue or ""), "muted", differs=True),
    AGE,
    _named("id", "I", 11, 8, lambda t: t.task_id[:8], "muted"),
)
_GAP = 2


def columns_for(width: int, sort: Column, tasks: Sequence[Task]) -> dict[Column, int]:
    """Return the columns that fit into this many cells, in order, with their widths. The sort column is preferred.

    A column is as wide as its widest text; the outcome gets what is left.
    """
    widths: dict[Column, int] = {}
    for column in sorted(COLUMNS, key=lambda column: OUTCOME.rank + 0.5 if column is sort else column.rank):
        texts = {column.words(task) for task in tasks} if column.words else set()
        if column.only_if_it_differs and column is not sort and len(texts) < 2:
            continue
        needed = column.width
        if column.words:
            needed = min(max((Text(text).cell_len for text in texts), default=0), needed)
        needed = max(needed, len(column.label))
        if needed + _GAP > width:
            break
        width -= needed + _GAP
        widths[column] = needed
    if OUTCOME in widths:
        widths[OUTCOME] += width
    return {column: widths[column] for column in COLUMNS if column in widths}
