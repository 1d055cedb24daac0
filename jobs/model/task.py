"""A task as the state table shows it, and how it is addressed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise, zip_longest
from math import isfinite
from typing import Annotated, Any

from pydantic import StringConstraints

from jobs.errors import InvalidTaskId

_TASK_ID = re.compile(r"[0-9a-f]{32}")
LEAST_DIGITS = 6
"""The fewest digits that a person may give of a task id."""
SHORT_DIGITS = 8
"""The fewest that are shown of one."""
_PREFIX = re.compile(rf"[0-9a-f]{{{LEAST_DIGITS},32}}")

TaskId = Annotated[str, StringConstraints(pattern=f"^{_TASK_ID.pattern}$")]


class TaskStatus(StrEnum):
    """Where the label job of a task stands: the `stat` column."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    ABORTED = "ABORTED"


_STATUSES = dict(TaskStatus.__members__)
"""A dict, because each look at `__members__` makes a mapping."""


@dataclass(frozen=True, slots=True)
class TaskRef:
    """Addresses a task: the output schema it is kept in, and its id."""

    schema: str
    task_id: str


@dataclass(frozen=True, slots=True)
class ResultFigures:
    """What a task came to for one result. A figure that is not known yet is None."""

    result: str
    produced: int | None
    """Rows in the production table."""
    authors: int | None
    """Distinct (s_id, author) pairs among the rows read."""
    rate: float | None
    """100 * produced / authors."""


@dataclass(frozen=True)
class Task:
    """A row of the state table: v2.1's seventeen columns, then ours (docs/contract.md, "State table").

    A legacy task has None in our columns, except `output_schema`. `started_at`, `heartbeat` and `production_due`
    are in UTC, the other times in the time zone of the output server.
    """

    task_id: str
    stat: str
    prod_stat: str | None
    model_type: str
    predict_type: str
    date_range: str
    target_table: str
    create_time: datetime
    peak_memory: float | None
    length_receive_table: int | None
    length_output_table: int | None
    length_prod_table: str | None
    result: str | None
    uniq_source_author: str | None
    rate_of_label: str | None
    run_time: float | None
    check_point: datetime | None
    queue: str | None
    countdown: int | None
    start_time: datetime | None
    end_time: datetime | None
    source_table: str | None
    output_schema: str
    pattern_hash: str | None
    windows: int | None
    windows_done: int | None
    error: str | None
    generation: int | None
    started_at: datetime | None
    production_due: datetime | None
    heartbeat: datetime | None
    deployment: str | None
    input_server: str | None
    input_server_id: str | None
    waiting_for: str | None
    """What keeps the task from going on, in words; None if nothing does."""
    units: int | None
    """The parts that production is cut into; None before it is due."""
    units_done: int | None
    cleaned_at: datetime | None
    """When its label rows, windows, units and hashes were deleted, in UTC; None if it still has them."""
    schedule: str | None
    """The name of the schedule that created it; None if a person did."""

    @property
    def ref(self) -> TaskRef:
        """The address of the task."""
        return TaskRef(self.output_schema, self.task_id)

    @property
    def status(self) -> TaskStatus | None:
        """`stat` as a TaskStatus. None for a value that no release writes."""
        return _STATUSES.get(self.stat)

    @property
    def legacy(self) -> bool:
        """Whether v2.1 created it. Such a task can be listed and sampled, not changed."""
        return self.generation is None

    @property
    def produced(self) -> bool:
        """Whether its production is finished."""
        return self.prod_stat == "finish"

    @property
    def stopped(self) -> bool:
        """Whether it failed or was aborted."""
        return self.status in (TaskStatus.FAILURE, TaskStatus.ABORTED)

    @property
    def awaits_production(self) -> bool:
        """Whether its label job has succeeded, but its production is not finished."""
        return self.status is TaskStatus.SUCCESS and not self.produced

    @property
    def awaits_labelling(self) -> bool:
        """Whether its label job is queued or running."""
        return self.status in (TaskStatus.PENDING, TaskStatus.STARTED)

    @property
    def finished(self) -> bool:
        """Whether it stays as it is unless an operator resumes it."""
        return self.stopped or self.produced

    @property
    def can_abort(self) -> bool:
        """Whether it can be aborted."""
        return not self.legacy and not self.finished

    @property
    def can_resume(self) -> bool:
        """Whether it can be resumed."""
        return not self.refuses_resume

    @property
    def refuses_resume(self) -> str:
        """Why it cannot be resumed, in words; "" if it can."""
        if self.legacy or not self.stopped:
            return "only a failed or aborted task can be resumed"
        if self.deployment is None:
            return "an earlier release created it, without its deployment; create a task with its range instead"
        if self.cleaned_at is not None:
            return f"what it needs was deleted {self.cleaned_at:%Y-%m-%d}; create a task with its range instead"
        return ""

    @property
    def can_sample(self) -> bool:
        """Whether it has production rows to sample."""
        return self.produced and bool(self.results)

    @property
    def can_compare(self) -> bool:
        """Whether it can be compared with another finished task."""
        return self.produced and not self.legacy

    @property
    def can_rerun(self) -> bool:
        """Whether its range is known, so that it can be the template of another task."""
        return self.start_time is not None

    @property
    def results(self) -> list[str]:
        """The names in `result`."""
        return self.result.split(",") if self.result else []

    @property
    def result_figures(self) -> list[ResultFigures]:
        """The figures of each result, in the order of `results`."""
        columns = (self.length_prod_table, self.uniq_source_author, self.rate_of_label)
        rows = zip_longest(self.results, *((column or "").split(",") for column in columns), fillvalue="")
        return [
            ResultFigures(result, _count(produced), _count(authors), _rate(rate))
            for (result, produced, authors, rate), _ in zip(rows, self.results, strict=False)
        ]

    @property
    def rate(self) -> float | None:
        """100 * produced / authors over all results; None if a figure is not known."""
        known = [(one.produced, one.authors) for one in self.result_figures if one.produced is not None and one.authors]
        if not known or len(known) < len(self.results):
            return None
        return 100 * sum(produced for produced, _ in known) / sum(authors for _, authors in known)

    def to_json(self) -> dict[str, Any]:
        """Return every column, times in ISO form."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.__dict__.items()
        }


def join_figures(figures: list[Any]) -> str:
    """Return the text of a column that holds one figure for each result."""
    return ",".join(map(str, figures))


def is_task_id(text: str) -> bool:
    """Return whether a text is a well-formed task id."""
    return _TASK_ID.fullmatch(text) is not None


def check_task_id(task_id: str) -> str:
    """Return what a person gave as a task id: all its digits, or the first of them. Raises InvalidTaskId."""
    expected = f"expected 32 hex digits in lower case, or the first {LEAST_DIGITS} or more of them"
    if not LEAST_DIGITS <= len(task_id) <= 32:
        raise InvalidTaskId(f"malformed task id {task_id[:64]!r}: {expected}, got {len(task_id)}")
    if not _PREFIX.fullmatch(task_id):
        raise InvalidTaskId(f"malformed task id {task_id!r}: {expected}")
    return task_id


def unique_prefixes(task_ids: Iterable[str], others: Iterable[str], digits: int = SHORT_DIGITS) -> dict[str, str]:
    """Return for each task id the first digits of it, this many or more, that no other one begins with."""
    wanted = sorted(set(task_ids))
    every = sorted({*wanted, *others})
    shared = [0, *(_shared(*pair) for pair in pairwise(every)), 0]
    longest = {task_id: max(shared[place : place + 2]) for place, task_id in enumerate(every)}
    return {task_id: task_id[: max(digits, longest[task_id] + 1)] for task_id in wanted}


def _shared(first: str, second: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))


def _count(text: str) -> int | None:
    digits = text.partition(".")[0]  # v2.1 wrote some counts with decimals
    return int(digits) if digits.isdecimal() and len(digits) <= 20 else None


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if isfinite(rate) else None
