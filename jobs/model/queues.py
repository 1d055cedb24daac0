"""Queues: where the jobs of a deployment's tasks wait for its workers."""

from dataclasses import dataclass

LABEL = "label"
PRODUCE = "produce"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of a deployment. It has a key for each kind of job, so that production never waits behind labelling."""

    deployment: str
    name: str

    def key(self, kind: str) -> str:
        """Return the Redis key of its jobs of a kind, LABEL or PRODUCE."""
        return f"{queue_prefix(self.deployment)}{self.name}" + (f":{PRODUCE}" if kind == PRODUCE else "")

    @property
    def bell(self) -> str:
        """Return the Redis channel of its bell."""
        return self.key(LABEL)


def queue_prefix(deployment: str) -> str:
    """Return what the keys of a deployment's queues begin with."""
    return f"audience:{deployment}:queue:"


def queue_name(deployment: str, key: str) -> str:
    """Return the name of the queue that a key belongs to."""
    return key.removeprefix(queue_prefix(deployment)).removesuffix(f":{PRODUCE}")
