"""The columns of the task table: what they show, what they sort by, and which of them fit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from console.ui.formatting import STATUS_STYLES, age, cell, label_rate, number, production, progress, short_number
from console.ui.rates import Rates
from jobs.model.task import Task
from jobs.services.overview import TaskBoard


@dataclass(frozen=True)
class Column:
    """A column: what it shows, and what it sorts by."""

    label: str
    width: int
    show: Callable[[Task, TaskBoard, Rates], Text]
    order: Callable[[Task, Rates], Any]
    rank: int
    """A narrow table keeps the columns of the lowest ranks."""


def _rows(value: int | None) -> Text:
    return cell(number(value), right=True)


COLUMNS = (
    Column("id", 8, lambda t, b, r: cell(t.task_id[:8]), lambda t, r: t.task_id, 1),
    Column("stat", 7, lambda t, b, r: cell(t.stat, STATUS_STYLES.get(t.stat, "")), lambda t, r: t.stat, 2),
    Column("prod", 6, lambda t, b, r: cell(production(t)), lambda t, r: production(t), 6),
    Column("model", 13, lambda t, b, r: cell(t.model_type), lambda t, r: t.model_type, 13),
    Column("predict", 11, lambda t, b, r: cell(t.predict_type), lambda t, r: t.predict_type, 9),
    Column("target", 24, lambda t, b, r: cell(_target(t)), lambda t, r: _target(t), 11),
    Column("range", 21, lambda t, b, r: cell(_days(t)), lambda t, r: _days(t), 12),
    Column("windows", 8, lambda t, b, r: cell(progress(t), right=True), lambda t, r: _share_done(t), 3),
    Column("received", 11, lambda t, b, r: _rows(t.length_receive_table), lambda t, r: t.length_receive_table or 0, 4),
    Column("labelled", 11, lambda t, b, r: _rows(t.length_output_table), lambda t, r: t.length_output_table or 0, 10),
    Column("rate", 6, lambda t, b, r: cell(label_rate(t), right=True), lambda t, r: float(label_rate(t)[:-1] or -1), 7),
    Column("rows/s", 7, lambda t, b, r: _pace(r.rows_a_second(t)), lambda t, r: r.rows_a_second(t) or 0, 8),
    Column("age", 5, lambda t, b, r: cell(age(b.now, t.create_time), right=True), lambda t, r: t.create_time, 5),
)


def columns_for(width: int, sort: Column) -> list[Column]:
    """Return the columns that fit into this many cells, in order. The sort column is always among them."""
    fitting = []
    for column in sorted(COLUMNS, key=lambda column: 0 if column is sort else column.rank):
        width -= column.width + 2
        if width < 0:
            break
        fitting.append(column)
    return [column for column in COLUMNS if column in fitting]


def _pace(rows_a_second: float | None) -> Text:
    return cell(short_number(rows_a_second), right=True)


def _target(task: Task) -> str:
    return f"{task.target_table}.{task.source_table or ''}"


def _days(task: Task) -> str:
    if task.start_time is None or task.end_time is None:
        return task.date_range
    return f"{task.start_time:%Y-%m-%d} {task.end_time:%Y-%m-%d}"


def _share_done(task: Task) -> float:
    return (task.windows_done or 0) / task.windows if task.windows else 0.0
