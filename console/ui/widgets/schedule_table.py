"""The table of schedules, and the cells of its rows and of their runs."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message

from console.ui.formatting import age, cell
from console.ui.schedule_words import (
    due_in,
    ended,
    ended_words,
    here,
    next_words,
    range_label,
    schedule_standing,
    strip,
    zoned,
)
from console.ui.widgets.live_table import LiveTable
from jobs import services
from jobs.model.schedules import Firing, Schedule
from jobs.services import ScheduleStatus

_MOST_RUNS = services.SHOWN_RUNS
_WIDE = 100
"""From this width on, there is room for the operator's time and the expression beside the runs."""
_WIDER = 130
"""From this width on, there is room for the range too."""


class ScheduleTable(LiveTable):
    """A row for each schedule. Marks stay with their schedules."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "mark", "Mark")]

    class Marked(Message):
        """The operator has marked a row, or removed a mark."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer marks if there is something to mark."""
        return self.row_count > 0 if action == "mark" else True

    def action_mark(self) -> None:
        """Mark the schedule under the cursor, or remove its mark, and go to the next one."""
        if self.cursor_key:
            self.marked ^= {self.cursor_key}
            self.repaint_changes()
            self.action_move(1)
            self.post_message(self.Marked())


def schedule_columns(width: int, schedules: Sequence[Schedule]) -> dict[str, int]:
    """Return the columns that fit, with their widths. The runs get what is left, and at most what there is."""
    name = max((len(schedule.name) for schedule in schedules), default=4)
    columns = {"": 1, "name": min(max(name, 4), 24), "next": 15, "in": 4}
    if width >= _WIDE:
        columns |= {"here": 11, "cron": 14}
    if width >= _WIDER:
        columns |= {"range": 12}
    columns |= {"last": 4}
    rest = width - sum(column + 2 for column in columns.values()) - 2
    return columns | {"runs": max(min(rest, _MOST_RUNS), 8)}


def schedule_cells(status: ScheduleStatus, columns: dict[str, int]) -> tuple[Text, ...]:
    schedule, standing = status.schedule, schedule_standing(status)
    last = next((firing for firing in status.firings if firing.task_id), None)
    soon = not schedule.paused and schedule.next_due > status.now
    cells = {
        "": cell(standing.glyph, standing.tone),
        "name": cell(schedule.name, "muted" if schedule.paused else ""),
        "next": next_words(status),
        "in": cell(due_in(status), "muted", right=True),
        "here": cell(here(schedule.next_due) if soon else "", "muted"),
        "cron": cell(schedule.cron, "muted"),
        "range": cell(schedule.range, "muted"),
        "last": cell(age(status.now, last.fired_at) if last else "", "muted", right=True),
        "runs": strip(status.firings, columns["runs"]),
    }
    return tuple(cells[name] for name in columns)


def run_cells(firing: Firing, timezone: str, *, by: bool) -> tuple[Text, ...]:
    standing = ended(firing)
    return (
        cell(standing.glyph, standing.tone),
        cell(zoned(timezone, firing.due)),
        *([cell("hand" if firing.by_hand else "cron", "muted")] if by else []),
        cell(ended_words(firing), standing.tone),
        cell((firing.task_id or "")[:8], "muted"),
        cell(range_label(firing)),
        cell(firing.error or firing.task_error or firing.note, "failed" if firing.error else "muted"),
    )
