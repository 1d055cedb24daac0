"""How a schedule stands, and how its runs ended: glyphs, tones, words. Times in its zone, and the operator's."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.text import Text

from console.figures import duration
from console.sanitize import sanitize
from console.ui.task_words import ABORTED, DONE, FAILED, RUNNING, UNKNOWN, WAITING, Standing, range_of
from jobs.model.cron import coming_times, local_time
from jobs.model.schedules import SINCE_LAST, Firing, Outcome, Schedule
from jobs.services import ScheduleStatus

PAUSED = Standing("paused", "‖", "muted")
LATE = Standing("late", "!", "bold failed")
ERROR = Standing("not fired", "!", "bold failed")
SKIPPED = Standing("skipped", "·", "muted")

_COMING = 5
_FEW = 4
_SECOND = timedelta(seconds=1)
_OUTCOMES = {
    Outcome.SUCCESS: DONE,
    Outcome.FAILURE: FAILED,
    Outcome.ABORTED: ABORTED,
    Outcome.RUNNING: RUNNING,
    Outcome.ERROR: ERROR,
    Outcome.SKIPPED: SKIPPED,
    Outcome.PURGED: UNKNOWN,
}
_SHORT = {Outcome.SUCCESS: "done", Outcome.FAILURE: "failed"}


def ended(firing: Firing) -> Standing:
    """Return how a run ended, or that it is running."""
    return _OUTCOMES[firing.outcome]


def ended_words(firing: Firing) -> str:
    """Return how a run ended, in words."""
    return _SHORT.get(firing.outcome, firing.outcome.value)


def schedule_standing(status: ScheduleStatus) -> Standing:
    """Return how a schedule stands: what keeps it from firing, or else how its last run ended."""
    if status.schedule.paused:
        return PAUSED
    if status.schedule.waiting_for is not None:
        return WAITING
    if status.late:
        return LATE
    last = next((firing for firing in status.firings if firing.outcome is not Outcome.SKIPPED), None)
    return ended(last) if last else DONE


def strip(firings: Sequence[Firing], width: int) -> Text:
    """Return a glyph for each of the last runs that fit, the newest at the right."""
    text = Text(end="")
    for firing in reversed(firings[: max(width, 0)]):
        text.append(ended(firing).glyph, ended(firing).tone)
    return text


def next_words(status: ScheduleStatus) -> Text:
    """Return when a schedule is due next, by the clocks of its zone."""
    schedule = status.schedule
    if schedule.paused:
        return Text("paused", "muted", end="")
    if schedule.waiting_for is not None:
        return Text("waits", "waiting", end="")
    if status.late:
        return Text(f"late {duration((status.now - schedule.next_due) / _SECOND)}", "bold failed", end="")
    return Text(zoned(schedule.timezone, schedule.next_due), end="")


def due_in(status: ScheduleStatus) -> str:
    """Return how long it is until a schedule is due, in at most four characters."""
    if status.schedule.paused or status.schedule.next_due < status.now:
        return ""
    return duration((status.schedule.next_due - status.now) / _SECOND)


def zoned(timezone: str, moment: datetime) -> str:
    """Return a moment by the clocks of a zone, with their difference from UTC: 07-01 03:15 +08."""
    return f"{local_time(timezone, moment):%m-%d %H:%M} {_offset(local_time(timezone, moment))}"


def here(moment: datetime) -> str:
    """Return a moment by the clocks of the operator's machine."""
    return f"{moment.replace(tzinfo=UTC).astimezone():%m-%d %H:%M}"


def about(status: ScheduleStatus, firing: Firing | None = None, *, brief: bool = False) -> Text:
    """Return what a schedule does, when it is due, and what there is to know of it, or of this run of it.

    `brief` leaves out where it reads and writes.
    """
    schedule = status.schedule
    text = Text()
    tone, remark = _run_remark(firing) if firing else _remark(status)
    if remark:
        text.append(f"{sanitize(remark)}\n", tone)
    if not schedule.paused:
        text.append("next ").append_text(_coming(schedule, max(schedule.next_due, status.now))).append("\n")
    model = f"{schedule.model_type.removesuffix('_model')} on {schedule.predict_type}"
    lookback = f" and {schedule.lookback} h before" if schedule.lookback else ""
    text.append(sanitize(f"{schedule.cron} {schedule.timezone}, {schedule.range}{lookback}, {model} "))
    if brief:
        return text
    places = f"of {schedule.target_schema}.{schedule.target_table} into {schedule.output_schema}"
    return text.append(sanitize(f"{places}, catch-up {schedule.catch_up}, {schedule.queue}"), "muted")


def _coming(schedule: Schedule, after: datetime) -> Text:
    times = [schedule.next_due, *coming_times(schedule.cron, schedule.timezone, after, _FEW - 1)]
    text = Text("  ".join(f"{local_time(schedule.timezone, time):%m-%d %H:%M}" for time in times) + "  ")
    return text.append(f"({here(times[0])} here)", "muted")


def coming_lines(cron: str, timezone: str, now: datetime) -> Text:
    """Return the next times that an expression is due, one a line, in its zone and the operator's."""
    text = Text()
    for due in coming_times(cron, timezone, now, _COMING):
        local = local_time(timezone, due)
        text.append("\n" if text else "")
        text.append(f"{local:%a %Y-%m-%d %H:%M} {_offset(local)}   ")
        text.append(f"{here(due)} here, in {duration((due - now) / _SECOND)}", "muted")
    return text


def range_label(firing: Firing) -> str:
    """Return the range of a run, short."""
    if firing.start_time is None or firing.end_time is None:
        return ""
    # Ranges end a microsecond before the next one begins.
    return range_of(firing.start_time, firing.end_time.replace(microsecond=0))


def range_explained(range_: str) -> str:
    """Return what a range is, in words."""
    if range_ == SINCE_LAST:
        return "from the end of the last successful run until it is due"
    days = range_.removeprefix("last-").removesuffix("-days")
    return "the whole day before" if days in ("yesterday", "1") else f"the {days} whole days before"


def _remark(status: ScheduleStatus) -> tuple[str, str]:
    """Return the tone, and what keeps a schedule from firing, or what its last run has to say."""
    schedule = status.schedule
    if schedule.paused:
        return "muted", "paused: it does not fire, and does not catch up"
    if schedule.waiting_for is not None:
        return "waiting", f"waits: {schedule.waiting_for}"
    if status.late:
        return (
            "failed",
            "late: no worker fires it; start one on a host that has the pattern files: see audience check",
        )
    return _run_remark(status.last) if status.last else ("muted", "")


def _run_remark(firing: Firing) -> tuple[str, str]:
    error = firing.error or firing.task_error
    return ("failed", error) if error else ("muted", firing.note or "")


def _offset(local: datetime) -> str:
    offset = local.strftime("%z")
    return offset.removesuffix("00") if len(offset) == len("+0800") else offset
