"""How a task stands: a glyph, a tone, and words.

The state table's `stat` is not enough: it calls a task a success that still waits for its production.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache

from rich.cells import cell_len
from rich.text import Text

from console.figures import duration, short_number
from console.sanitize import sanitize
from console.ui.formatting import bar
from console.ui.rates import Rates
from jobs.model.task import Task, TaskStatus
from jobs.model.wording import counted
from jobs.services.overview import Fleet, TaskBoard

_MOST_RESULTS = 12
_AUTHORS = len("99,999 authors")
_PLACE = re.compile(r"^window \d+: (\(\d+\) )?")
"""How the error of a window begins, which tells less than what follows."""
_SECOND = timedelta(seconds=1)
_LAST_SECOND = time(23, 59, 59)


@dataclass(frozen=True)
class Standing:
    """How a task stands."""

    word: str
    glyph: str
    """Tells the state without colours; one cell wide in every terminal."""
    tone: str


WAITING = Standing("waiting", "◌", "waiting")
RUNNING = Standing("running", "▸", "bold running")
PRODUCING = Standing("producing", "◔", "running")
DONE = Standing("done", "✓", "done")
FAILED = Standing("failed", "✗", "bold failed")
ABORTED = Standing("aborted", "⊘", "aborted")
UNKNOWN = Standing("unknown", "?", "muted")
STANDINGS = (FAILED, RUNNING, PRODUCING, WAITING, ABORTED, DONE, UNKNOWN)
"""Every standing, the most urgent first."""

_BY_STATUS: dict[TaskStatus | None, Standing] = {
    TaskStatus.PENDING: WAITING,
    TaskStatus.STARTED: RUNNING,
    TaskStatus.FAILURE: FAILED,
    TaskStatus.ABORTED: ABORTED,
}


def standing(task: Task) -> Standing:
    """Return how a task stands. It is done when its production is finished."""
    if task.produced and not task.stopped:
        return DONE
    if task.awaits_production:
        return PRODUCING
    return _BY_STATUS.get(task.status, UNKNOWN)


def predict_words(task: Task) -> str:
    """Return the predict type, short."""
    return {"author_name": "author", "s_area_id": "area"}.get(task.predict_type, task.predict_type)


def model_words(task: Task) -> str:
    """Return the model, short: keyword, rule."""
    return task.model_type.removesuffix("_model")


def range_words(task: Task) -> str:
    """Return the range, short: 2020, 2020-05, 2020-05-07, 2020-01-24..12-04, or with times if it has some."""
    if task.start_time is None or task.end_time is None:
        return _legacy_range(task.date_range)
    return range_of(task.start_time, task.end_time)


@lru_cache(4096)
def _legacy_range(date_range: str) -> str:
    """Return the range of a task of v2.1, which has it as text only."""
    try:
        start, end = map(datetime.fromisoformat, date_range.split(" - "))
        return range_of(start, end)
    except ValueError:
        return date_range


@lru_cache(4096)
def range_of(start: datetime, end: datetime) -> str:
    """Return a range, as short as it can be without a loss."""
    to_its_end = end.time() >= _LAST_SECOND
    first, last = str(start.date()), str(end.date())
    if start.time() != time.min or not (to_its_end or end.time() == time.min):
        day = "" if first == last else f"{last[5:]} " if start.year == end.year else f"{last} "
        return f"{first} {start:%H:%M}..{day}{end:%H:%M}"
    if to_its_end and first == last:
        return first
    if to_its_end and start.year == end.year and (first[5:], last[5:]) == ("01-01", "12-31"):
        return first[:4]
    if to_its_end and first[:7] == last[:7] and start.day == 1 and end.day == monthrange(end.year, end.month)[1]:
        return first[:7]
    return f"{first}..{last[5:] if start.year == end.year else last}"


def task_name(task: Task) -> str:
    """Return what tells a task from others."""
    return f"{predict_words(task)} by {model_words(task)}, {range_words(task)}"


def share_done(task: Task) -> float:
    """Return the share of windows that are done, from 0 to 1."""
    return (task.windows_done or 0) / task.windows if task.windows else 0.0


def outcome(task: Task, board: TaskBoard, rates: Rates, fleet: Fleet | None, width: int) -> Text:
    """Return what comes of a task, in one line: a bar while it runs, then words."""
    now = standing(task)
    if task.waiting_for and not task.finished:
        return Text(f"waits: {sanitize(task.waiting_for)}", "waiting")
    if now is RUNNING:
        return _running(task, rates, width)
    if now is WAITING:
        return Text(waiting_words(task, fleet), "waiting" if unserved(task, fleet) else "muted")
    if now is PRODUCING:
        return Text(producing_words(task, board), "running")
    if now is FAILED:
        reason = sanitize(task.error or "failed, for a reason that is not recorded")
        return Text(reason if cell_len(reason) <= width else _PLACE.sub("", reason, count=1), "failed")
    if now is ABORTED:
        share = share_done(task)
        return Text("aborted before production" if share == 1 else f"aborted at {share:.0%}", "aborted")
    if now is DONE:
        return _done(task, width)
    return Text(sanitize(task.stat), "muted")


def _done(task: Task, width: int) -> Text:
    """Return how many authors a task has labelled, aligned with those of other tasks; then what fits of the rest."""
    if not task.results:
        return Text(unlabelled_words(task))
    authors, share, results = _produced(task)
    text = Text(f"{authors:>{min(_AUTHORS, width)}}")
    for words, tone in ((f"  {share:>5}", ""), (f"  {results}", "muted")):
        if words.strip() and text.cell_len + cell_len(words) <= width:
            text.append(words, tone)
    return text


def _running(task: Task, rates: Rates, width: int) -> Text:
    left = rates.seconds_left(task)
    rate = rates.rows_per_second(task)
    words = f" {share_done(task):4.0%}"
    if left is not None:
        words += f"  {duration(left)} left"
    elif rate:
        words += f"  {short_number(rate)}/s"
    return bar(share_done(task), max(min(width - len(words), 24), 4), "running").append(words, "running")


def unserved(task: Task, fleet: Fleet | None) -> bool:
    """Return whether no worker takes jobs from the task's queue."""
    return fleet is not None and task.queue is not None and not fleet.serves(task.queue)


def waiting_words(task: Task, fleet: Fleet | None) -> str:
    """Return what a task that has not started waits for."""
    queue = sanitize(task.queue or "?")
    return f'no worker on "{queue}"' if unserved(task, fleet) else f'in queue "{queue}"'


def producing_words(task: Task, board: TaskBoard) -> str:
    """Return when production of a labelled task begins."""
    if task.production_due is None:
        return "waits for production"
    left = (task.production_due - board.utc_now) / _SECOND
    if left > 0:
        return f"produces in {duration(left)}"
    return f"producing, {task.units_done or 0} of {counted(task.units, 'unit')}" if task.units else "producing"


def unlabelled_words(task: Task) -> str:
    """Return why a finished task has no results."""
    return "no posts in the range" if task.length_receive_table == 0 else "no post got a label"


def done_words(task: Task) -> str:
    """Return how many authors a finished task has labelled, of how many, and in which results."""
    if not task.results:
        return unlabelled_words(task)
    authors, share, results = _produced(task)
    return f"{authors} ({share}) in {results}" if share else f"{authors} in {results}"


def _produced(task: Task) -> tuple[str, str, str]:
    """Return how many authors a task has labelled, the share of all, "" if it is not known, and the results."""
    total = sum(figures.produced or 0 for figures in task.result_figures)
    named, more = task.results[:_MOST_RESULTS], len(task.results) - _MOST_RESULTS
    results = ", ".join(map(sanitize, named)) + (f" and {more} more" if more > 0 else "")
    return counted(total, "author"), "" if task.rate is None else f"{task.rate:.1f}%", results
