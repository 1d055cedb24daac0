"""The plan of a task as a checklist: what is in place, what is not, and whether it is ready."""

from collections.abc import Sequence

from rich.text import Text

from console.figures import duration, rounded
from console.ui.formatting import hanging
from console.ui.task_words import DONE, standing
from jobs.errors import AudienceError, UnreadablePatterns
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest
from jobs.model.wording import counted
from jobs.services import Plan
from jobs.services.readiness import Concern

_GLYPHS = {"ok": ("✓", "done"), "warning": ("!", "bold waiting"), "error": ("✗", "bold failed"), "": (" ", "")}
_Line = tuple[str, str, str]
"""A verdict, what it is about, and what there is to say."""
_RECENT_TASKS = 5
_MOST_NAMES = 4


def plan_text(
    plan: Plan | AudienceError, concerns: Sequence[Concern], request: TaskRequest, tasks: Sequence[Task], width: int
) -> tuple[Text, Text]:
    """Return the plan of a request for this width, and that it is ready, or what is missing.

    `tasks` has the newest first.
    """
    by_parameter = {concern.parameter: concern for concern in concerns}
    output, queue = by_parameter.get("output_schema"), by_parameter.get("queue")
    missing = [concern.parameter for concern in concerns if concern.verdict == "error"]
    lines: list[_Line] = []
    if isinstance(plan, AudienceError):
        subject = "patterns" if isinstance(plan, UnreadablePatterns) else "input"
        lines.append(("error", subject, f"{plan.code} {plan}"))
        missing.insert(0, subject)
    else:
        lines += _planned(plan, request, tasks)
    if output is not None:
        lines.append((output.verdict, "output", _of_concern(output)))
    elif isinstance(plan, Plan):
        lines.append(("ok", "output", f"{request.output_schema}: {_some(plan.results)}"))
    if queue is not None:
        lines.append((queue.verdict, "workers", _of_concern(queue)))
    else:
        lines.append(("ok", "workers", f"on {request.queue}"))
    lines.append(("", "production", f"{request.countdown} s after the label job"))
    return Text("\n").join(_line(*line, width) for line in lines), _verdict(missing, queue)


def _planned(plan: Plan, request: TaskRequest, tasks: Sequence[Task]) -> list[_Line]:
    definition, estimate = plan.definition, plan.estimate
    source = f"{request.target_schema}.{request.target_table}"
    labels = ", ".join(f"/{label.name} {len(label.patterns):,}" for label in definition.patterns.labels)
    lines: list[_Line] = [("ok", "patterns", f"{labels}; hash {definition.patterns.hash[:8]}")]
    lines += [("warning", "patterns", warning) for warning in plan.warnings]
    if definition.input.time_index is None:
        lines.append(("warning", "input", f"{source}, as a whole: it has no index on post_time"))
    else:
        lines.append(("ok", "input", source))
    lines.append(
        (
            "ok" if estimate.rows else "warning",
            "posts",
            f"about {rounded(estimate.rows):,}, in {counted(plan.windows, 'window')}",
        )
    )
    if estimate.first and estimate.last:
        lines.append(("", "from", f"{estimate.first} to {estimate.last}"))
    seconds = estimate_seconds(estimate.rows, request, tasks)
    if seconds is not None:
        lines.append(("", "time", f"about {duration(max(seconds, 1))}, at the pace of the latest tasks"))
    return lines


def _line(verdict: str, name: str, words: str, width: int) -> Text:
    glyph, tone = _GLYPHS[verdict]
    good = verdict in ("ok", "")
    first = Text.assemble((f"{glyph} ", tone), (f"{name:11}", "muted" if good else tone))
    return hanging(first, words, width, "" if good else tone.removeprefix("bold "))


def _of_concern(concern: Concern) -> str:
    return "; ".join(filter(None, (concern.problem, concern.advice)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (
        f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    )


def _verdict(missing: Sequence[str], queue: Concern | None) -> Text:
    if missing:
        return not_ready(", ".join(missing).replace("_", " "))
    if queue is not None:
        return Text("! ready, but it will wait for a worker; ^l launches it", "bold waiting")
    return Text("✓ ready; ^l launches it", "bold done")


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
