"""What can go wrong, each with its code from spec.md section 2.

The message of an AudienceError is for the operator: what happened and what to do about it.
"""

from collections.abc import Mapping


class AudienceError(Exception):
    """Base of every error that an operator is shown. `code` is the `error_code` of the envelope."""

    code = 500


class InvalidRange(AudienceError):
    """The range is empty."""

    code = 400


class InvalidValue(AudienceError):
    """A value of the wrong form. `faults` says of each wrong value, by its name, what is wrong."""

    code = 422

    def __init__(self, message: str, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.faults = dict(faults or {})


class CannotStart(AudienceError):
    """A task cannot be started: its input is not there, or Redis is not."""

    code = 500


class UnreadablePatterns(AudienceError):
    """A pattern file or the sources file cannot be used."""

    code = 501


class OutputUnreachable(AudienceError):
    """The output schema cannot be reached or written."""

    code = 503


class StateUnreadable(AudienceError):
    """The state table cannot be read."""

    code = 500


class ResultUnreadable(AudienceError):
    """The result tables cannot be read."""

    code = 500


class UnknownTask(AudienceError):
    """No task has this id."""

    code = 400


class InvalidTaskId(AudienceError):
    """Not the form of a task id."""

    code = 400


class EmptyResult(AudienceError):
    """There is nothing to sample."""

    code = 404


class Conflict(AudienceError):
    """The task is not in a state that allows this."""

    code = 409


class ReadOnly(AudienceError):
    """Something that writes was asked for on a site that is only to be read."""

    code = 403


class DatabaseError(Exception):
    """What a database server answered, or that it did not: one type for both drivers.

    `code` is MariaDB's error number; 2003 stands for a server that cannot be reached, 2013 for one
    that was lost on the way or did not answer in time, and 2026 for one that has not the TLS that is
    required: trying again does not help.
    """

    def __init__(self, server: str, code: int, message: str) -> None:
        super().__init__(f"{server}: ({code}) {message}")
        self.code = code

    @property
    def unreachable(self) -> bool:
        """No connection, or one that is lost: nothing is known of the data."""
        return self.code in _UNREACHABLE

    @property
    def transient(self) -> bool:
        """Whether the same work may succeed when tried again."""
        return self.unreachable or self.code in _TRANSIENT


class LockTaken(Exception):
    """Another connection holds a named lock: it is at the same work."""


# Too many connections, server shutting down, network read and write errors, connection killed,
# cannot connect, server gone, server lost, out of step.
_UNREACHABLE = frozenset({1040, 1053, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1927, 2002, 2003, 2006, 2013, 2014})
# Record changed since last read, lock wait timeout, deadlock, query killed.
_TRANSIENT = frozenset({1020, 1205, 1213, 1317})
