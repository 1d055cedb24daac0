"""Events: what has happened to a task, and when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventKind(StrEnum):
    """What happened."""

    CREATED = "created"
    STARTED = "started"
    JOINED = "joined"
    RETRIED = "retried"
    REQUEUED = "requeued"
    LABELLED = "labelled"
    PRODUCED = "produced"
    FAILED = "failed"
    ABORTED = "aborted"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """Something that has happened to a task."""

    at: datetime
    """UTC, by the output server's clock."""
    kind: str
    """An EventKind, or one of a later release."""
    words: str
    """Who did it, or why it happened."""

    def to_json(self) -> dict[str, str]:
        """Return every field, the time in ISO form."""
        return {"at": self.at.isoformat(), "kind": self.kind, "words": self.words}
