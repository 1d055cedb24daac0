"""The plan of a task as a checklist: what is in place, what is not, and whether it is ready."""

from collections.abc import Sequence

from rich.text import Text

from console.sanitize import sanitize
from console.ui.formatting import duration
from console.ui.task_words import DONE, standing
from jobs.errors import AudienceError, UnreadablePatterns
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest
from jobs.services import Plan
from jobs.services.readiness import Concern

_GLYPHS = {"ok": ("✓", "done"), "warning": ("!", "bold waiting"), "error": ("✗", "bold failed"), "": (" ", "")}
_RECENT_TASKS = 5
_MOST_NAMES = 4


def plan_text(
    plan: Plan | AudienceError, concerns: Sequence[Concern], request: TaskRequest, tasks: Sequence[Task]
) -> tuple[Text, Text]:
    """Return the plan of a request, and that it is ready, or what is missing. `tasks` has the newest first."""
    by_parameter = {concern.parameter: concern for concern in concerns}
    output, queue = by_parameter.get("output_schema"), by_parameter.get("queue")
    missing = [concern.parameter for concern in concerns if concern.verdict == "error"]
    text = Text()
    if isinstance(plan, AudienceError):
        subject = "patterns" if isinstance(plan, UnreadablePatterns) else "input"
        text.append_text(_line("error", subject, f"{plan.code} {plan}"))
        missing.insert(0, subject)
    else:
        text.append_text(_planned(plan, request, tasks))
    if output is not None:
        text.append_text(_line(output.verdict, "output", f"{output.problem}; {output.advice}"))
    elif isinstance(plan, Plan):
        text.append_text(_line("ok", "output", f"{request.output_schema}: {_some(plan.results)}"))
    if queue is not None:
        text.append_text(_line(queue.verdict, "workers", f"{queue.problem}; {queue.advice}"))
    else:
        text.append_text(_line("ok", "workers", f"serve {request.queue}"))
    text.append_text(_line("", "production", f"{request.countdown} s after the label job"))
    text.rstrip()
    return text, _verdict(missing, queue)


def _planned(plan: Plan, request: TaskRequest, tasks: Sequence[Task]) -> Text:
    definition, estimate = plan.definition, plan.estimate
    source = f"{request.target_schema}.{request.target_table}"
    labels = ", ".join(f"/{label.name} {len(label.patterns):,}" for label in definition.patterns.labels)
    text = _line("ok", "patterns", f"{labels}; hash {definition.patterns.hash[:8]}")
    for warning in plan.warnings:
        text.append_text(_line("warning", "patterns", warning))
    if definition.input.time_index is None:
        text.append_text(_line("warning", "input", f"{source}, as a whole: it has no index on post_time"))
    else:
        text.append_text(_line("ok", "input", source))
    windows = f"{plan.windows:,} window{'' if plan.windows == 1 else 's'}"
    text.append_text(_line("ok" if estimate.rows else "warning", "posts", f"about {estimate.rows:,}, in {windows}"))
    if estimate.first and estimate.last:
        text.append_text(_line("", "from", f"{estimate.first} to {estimate.last}"))
    seconds = estimate_seconds(estimate.rows, request, tasks)
    if seconds is not None:
        text.append_text(_line("", "time", f"about {duration(max(seconds, 1))}, at the pace of the latest tasks"))
    return text


def _line(verdict: str, name: str, words: str) -> Text:
    glyph, tone = _GLYPHS[verdict]
    good = verdict in ("ok", "")
    text = Text.assemble((f"{glyph} ", tone), (f"{name:11}", "muted" if good else tone))
    return text.append(f"{sanitize(words)}\n", "" if good else tone.removeprefix("bold "))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (
        f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    )


def _verdict(missing: Sequence[str], queue: Concern | None) -> Text:
    if missing:
        return not_ready(", ".join(missing).replace("_", " "))
    if queue is not None:
        return Text("! ready, but it will wait for a worker; ctrl+l launches it", "bold waiting")
    return Text("✓ ready; ctrl+l launches it", "bold done")


def not_ready(missing: str) -> Text:
    """Return that something is missing."""
    return Text(f"✗ not ready: {missing}", "bold failed")


def estimate_seconds(rows: int, request: TaskRequest, tasks: Sequence[Task]) -> float | None:
    """Return how long a label job takes at the pace of the latest like it, or of the latest at all; None without one.

    `tasks` has the newest first.
    """
    timed = [task for task in tasks if standing(task) is DONE and task.run_time and task.length_receive_table]
    alike = [
        task for task in timed if (task.model_type, task.predict_type) == (request.model_type, request.predict_type)
    ]
    latest = (alike or timed)[:_RECENT_TASKS]
    minutes = sum(task.run_time or 0.0 for task in latest)
    received = sum(task.length_receive_table or 0 for task in latest)
    return rows * minutes * 60 / received if received else None
