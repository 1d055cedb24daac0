"""The encoding of jobs: their names, ids, and JSON payloads.

Anyone who can write to Redis can put something into a queue, so every payload is validated, and one
that is not a valid job is never run.
"""

import json
import re
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from jobs.model.queues import LABEL, PRODUCE
from jobs.model.task import TaskId
from jobs.model.task_request import Identifier

REJECT = "reject"
"""The job that stands in for a rejected payload: it logs the reason."""

_MAX_BYTES = 10_000
_Number = Annotated[int, Field(strict=True, ge=1, le=10**9)]
# Built when the first job is read: a command only writes one.
_LATER = ConfigDict(defer_build=True)
_ARGUMENTS = TypeAdapter(tuple[Identifier, TaskId, _Number, _Number], config=_LATER)
"""The output schema and id of a task, its generation, and the number of a lane."""
_ENQUEUED_AT = TypeAdapter(Annotated[int, Field(strict=True, ge=0, le=10**14)], config=_LATER)

_JOB_ID = re.compile(rb"[0-9a-f]{32}:(label|produce):\d{1,9}:\d{1,9}")


def job_id(kind: str, task_id: str, generation: int, lane: int) -> str:
    """Return the id of a job for one lane of a task."""
    return f"{task_id}:{kind}:{generation}:{lane}"


def task_id_of(job_id: str) -> str:
    """Return the task id in a job id."""
    return job_id.partition(":")[0]


def is_job_id(member: bytes) -> bool:
    """Return whether a queue member is a valid job id."""
    return _JOB_ID.fullmatch(member) is not None


def serialize(job: object) -> bytes:
    """Serialize a job for arq as JSON: a pickle would let anyone who can write to Redis run code."""
    return json.dumps(job, default=repr).encode()


def deserialize(data: bytes) -> dict[str, Any]:
    """Invert `serialize`. An invalid job becomes a REJECT job with the reason."""
    try:
        if len(data) > _MAX_BYTES:
            raise ValueError(f"{len(data):,} bytes")
        job = json.loads(data)
        if job["f"] not in (LABEL, PRODUCE):
            raise ValueError("an unknown function")
        _ARGUMENTS.validate_python(job["a"])
        _ENQUEUED_AT.validate_python(job["et"])
        if job["k"] or job["t"] is not None:
            raise ValueError("options")
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        return _rejected(f"argument {fault['loc'] or ''}: {fault['msg']}")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return _rejected(f"{type(error).__name__}: {error}")
    return dict(job)


def _rejected(reason: str) -> dict[str, Any]:
    return {"f": REJECT, "a": [reason[:200]], "k": {}, "t": None, "et": 0}
