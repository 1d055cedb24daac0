"""How many tasks were created each day, as a small graph."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rich.text import Text

from console.figures import number
from console.ui.formatting import graph
from console.ui.task_words import ABORTED, FAILED, standing
from jobs.model.task import Task
from jobs.services import overview
from jobs.services.overview import TaskBoard

MOST_DAYS = 30
_DAY_CELLS = 3
_LINES = 2


@dataclass(frozen=True)
class Day:
    """The tasks that were created on a day of the output server's clock."""

    day: date
    tasks: int
    failed: int
    """Those that failed or were aborted."""


def days_of(board: TaskBoard, most: int = MOST_DAYS) -> list[Day]:
    """Return the last days, today last, from the first one with a task. A day that the board cuts is left out."""
    by_day: dict[date, list[Task]] = {}
    for task in board.tasks:
        by_day.setdefault(task.create_time.date(), []).append(task)
    today = board.now.date()
    first = max(min(by_day, default=today), today - timedelta(most - 1))
    if len(board.tasks) >= overview.MOST_TASKS and by_day:
        first = max(first, min(min(by_day) + timedelta(1), today))
    days = [first + timedelta(place) for place in range((today - first).days + 1)]
    stopped = Counter(task.create_time.date() for task in board.tasks if standing(task) in (FAILED, ABORTED))
    return [Day(day, len(by_day.get(day, ())), stopped[day]) for day in days]


def history_title(days: Sequence[Day]) -> str:
    """Return what the graph shows, in words."""
    today = days[-1]
    failed = sum(day.failed for day in days)
    words = f"Tasks a day ─ {number(today.tasks)} today, at most {number(max(day.tasks for day in days))}"
    return words + (f" ─ {number(failed)} failed or aborted" if failed else "")


def history_text(days: Sequence[Day], width: int) -> Text:
    """Return a bar for each day that fits, with the day of the month below it, lit if tasks of that day stopped."""
    days = days[-max(width // _DAY_CELLS, 1) :]
    text = Text(no_wrap=True)
    for line in graph([day.tasks for day in days], len(days), _LINES, max(day.tasks for day in days)):
        for block in line:
            text.append(f" {2 * block}", "done")
        text.append("\n")
    for day in days:
        text.append(f" {day.day.day:>2}", "bold failed" if day.failed else "muted")
    return text
