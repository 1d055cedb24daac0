"""The log of a worker: one line for each record, and no flood of records that say the same."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from console.sanitize import sanitize

REPEAT_SECONDS = 30.0

_MOST_MESSAGES = 1_000
_COMPARED_CHARACTERS = 500
# Two messages are alike if they differ only in numbers; those of two tasks are not.
_TASK_ID_OR_NUMBER = re.compile(r"([0-9a-f]{32})|\d+")


def configure_logging(verbose: bool) -> None:
    """Log to standard error; with `verbose`, every job."""
    handler = logging.StreamHandler()
    handler.setFormatter(_SanitizingFormatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RepeatFilter())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    logging.getLogger("arq").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class RepeatFilter(logging.Filter):
    """Passes a warning or an error once, and then every REPEAT_SECONDS with the number of those left out.

    A server that fails for an hour would otherwise fill the disk with what was said in the first second.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed: dict[tuple[str, int, str], float] = {}
        self._left_out: dict[tuple[str, int, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record. A repeated one gets the count, and loses its traceback."""
        if record.levelno < logging.WARNING:
            return True
        text = record.getMessage()
        alike = _TASK_ID_OR_NUMBER.sub(lambda match: match[1] or "#", text[:_COMPARED_CHARACTERS])
        key = (record.name, record.levelno, alike)
        now, before = self._clock(), self._passed.get(key)
        if before is not None and now - before < REPEAT_SECONDS:
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return False
        left_out = self._left_out.pop(key, 0)
        if left_out and before is not None:
            record.msg, record.args = f"{text} (and {left_out:,} times more in {now - before:.0f} seconds)", ()
            record.exc_info = record.exc_text = None
        self._passed.pop(key, None)  # the newest is last
        self._passed[key] = now
        if len(self._passed) > _MOST_MESSAGES:
            oldest = next(iter(self._passed))
            del self._passed[oldest]
            self._left_out.pop(oldest, None)
        return True


class _SanitizingFormatter(logging.Formatter):
    """Formats a record as one line, then its indented traceback: data in a message cannot forge a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return sanitize(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "\n".join(f"  {sanitize(line)}" for line in super().formatException(ei).split("\n"))
