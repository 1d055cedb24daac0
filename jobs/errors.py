"""The errors of the system, each with its code (docs/contract.md, "Codes").

The message of an AudienceError is for the operator: what happened, and what to do about it.
"""

from collections.abc import Mapping


class AudienceError(Exception):
    """Base of every error that an operator sees. `code` is the `error_code` of the JSON envelope."""

    code = 500


class InvalidRange(AudienceError):
    """The range of a task is empty."""

    code = 400


class InvalidValue(AudienceError):
    """A malformed value. `faults` maps the name of each malformed value to what is wrong with it."""

    code = 422

    def __init__(self, message: str, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.faults = dict(faults or {})


class CannotStart(AudienceError):
    """A task cannot be started: its input is missing, or Redis is unreachable."""

    code = 500


class UnreadablePatterns(AudienceError):
    """A pattern file or the sources file cannot be used."""

    code = 501


class OutputUnreachable(AudienceError):
    """The output schema cannot be reached or written to."""

    code = 503


class StateUnreadable(AudienceError):
    """The state table cannot be read."""

    code = 500


class ResultUnreadable(AudienceError):
    """The result tables cannot be read."""

    code = 500


class CannotWrite(AudienceError):
    """A file of rows cannot be written."""

    code = 500


class UnknownTask(AudienceError):
    """No task has this id."""

    code = 400


class InvalidTaskId(AudienceError):
    """A malformed task id, or the beginning of several."""

    code = 400


class EmptyResult(AudienceError):
    """There is nothing to sample."""

    code = 404


class UnknownSchedule(AudienceError):
    """No schedule has this name."""

    code = 400


class Conflict(AudienceError):
    """The task or the schedule is in a state that does not allow this."""

    code = 409


class LabelRowsMissing(AudienceError):
    """Label rows of a task were deleted before production."""

    code = 500


class NotDelivered(AudienceError):
    """The receiver of alerts did not accept one."""

    code = 502


class ReadOnly(AudienceError):
    """A write was requested in a read-only deployment."""

    code = 403


DUPLICATE_ENTRY = 1062
NO_SUCH_TABLE = 1146
LOCK_WAIT_TIMEOUT = 1205


class DatabaseError(Exception):
    """An error that a database server returned, or the failure to reach it. One type for both drivers.

    `code` is MariaDB's error number. 2003 means that the server cannot be reached, 2013 that the
    connection was lost or timed out, 2026 that the server lacks the required TLS, so a retry is useless.
    """

    def __init__(self, server: str, code: int, message: str) -> None:
        super().__init__(f"{server}: ({code}) {message}")
        self.code = code

    @property
    def unreachable(self) -> bool:
        """Whether there is no connection, so that the state of the data is unknown."""
        return self.code in _UNREACHABLE

    @property
    def denied(self) -> bool:
        """Whether the account lacks a privilege, or may not log in."""
        return self.code in _DENIED

    @property
    def transient(self) -> bool:
        """Whether the same work may succeed on a retry."""
        return self.unreachable or self.code in _TRANSIENT


def describe_error(error: Exception) -> str:
    """Return an error in words: ours and a server's as they are, any other with its type."""
    return str(error) if unexpected(error) is None else f"{type(error).__name__}: {error}"


def unexpected(error: Exception) -> Exception | None:
    """Return an error that a log shows with its traceback. None for ours and a server's, which explain themselves."""
    return None if isinstance(error, AudienceError | DatabaseError) else error


class LockTaken(Exception):
    """Another connection holds a named lock, so it is doing the same work."""


# Too many connections (in all, or of this account), no thread for another, node not ready, server shutting down,
# network read and write errors, connection killed, cannot connect, server gone, server lost, commands out of sync.
_UNREACHABLE = frozenset(
    {1040, 1047, 1053, 1135, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1927, 2002, 2003, 2006, 2013, 2014}
)
# Access denied to a database, to the server, to a table, to a column; the account is locked.
_DENIED = frozenset({1044, 1045, 1142, 1143, 4151})
# Record changed since last read, lock wait timeout, deadlock, server read-only for now, query killed.
_TRANSIENT = frozenset({1020, 1205, 1213, 1290, 1317})
