"""The supervisor of `audience worker --processes N`: starts worker processes, and restarts one that dies.

In a burst it restarts only those that were killed: one that fails by itself would fail again.

The command replaces itself by this module, which imports nothing that a worker needs and forks before a
worker imports it: it takes 13 MB, a worker 55.
"""

import json
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from console.cli.worker_log import configure_logging

_logger = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_RESTART_SECONDS = 1.0
# A worker ends within 3 seconds of a signal.
_KILL_SECONDS = 4


def replace_process(processes: int, **options: Any) -> None:
    """Replace this process by a supervisor. The options are those of `worker_process.run`."""
    # -P: this process does not look for modules in the current folder, and neither must the supervisor.
    safe = [] if _imports_from_folder() else ["-P"]
    arguments = json.dumps({"processes": processes, **options})
    os.execv(sys.executable, [sys.executable, *safe, "-m", __name__, arguments])


def _imports_from_folder() -> bool:
    with suppress(OSError):  # the current folder has been removed
        return os.getcwd() in sys.path
    return False


def main() -> None:
    """Supervise worker processes, or be one."""
    options = json.loads(sys.argv[1])
    configure_logging(options["verbose"])
    supervised = _Supervisor(options.pop("processes"), options["burst"]).run()

    from console.cli.worker_process import run

    run(**options, **supervised)


class _Supervisor:
    def __init__(self, processes: int, burst: bool) -> None:
        self._wanted = processes
        self._burst = burst
        self._workers: set[int] = set()
        self._stopping = False
        self._status = 0
        # Held open by this process alone, so that its end reaches the other one whatever ends it.
        self._lifeline, self._alive = os.pipe()

    def run(self) -> dict[str, Any]:
        """Run the worker processes, and exit when all have ended.

        Returns only in each worker process, with its further options. The first one reads the settings and
        hands them over, for the others and for those that are restarted.
        """
        for number in _STOP_SIGNALS:
            signal.signal(number, self._stop)
        received, pipe = os.pipe()
        if self._fork():
            os.close(received)
            return {"lifeline": self._lifeline, "hand_over": lambda settings: _write(pipe, settings)}
        os.close(pipe)
        with os.fdopen(received, "rb") as file:
            settings = file.read()
        if not settings:  # the first process has ended, and said why
            sys.exit(0 if self._stopping else 1)
        while self._wanted:
            while len(self._workers) < self._wanted and not self._stopping:
                if self._fork():
                    return {"lifeline": self._lifeline, "settings": settings}
            if not self._workers:
                break
            self._wait()
        sys.exit(self._status)

    def _fork(self) -> bool:
        """Start a process, unless it is too late. Returns True in the new one."""
        # A signal in between would miss the new process, or stop the others from within it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            pid = None if self._stopping else os.fork()
            if pid == 0:
                os.close(self._alive)
                for number in _STOP_SIGNALS:
                    signal.signal(number, signal.SIG_DFL)
            elif pid is not None:
                self._workers.add(pid)
            return pid == 0
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def _wait(self) -> None:
        """Wait until a worker has ended."""
        pid, status = os.wait()
        self._workers.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        if self._stopping:
            return
        if self._burst and code >= 0:  # it has done its work, or has said why it cannot
            self._wanted -= 1
            self._status = max(self._status, code)
        else:
            _logger.error("worker %s exited with %s; starting another", pid, code)
            time.sleep(_RESTART_SECONDS)

    def _stop(self, *_: object) -> None:
        self._stopping = True
        signal.signal(signal.SIGALRM, self._kill)
        signal.alarm(_KILL_SECONDS)
        self._signal(signal.SIGTERM)

    def _kill(self, *_: object) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _write(pipe: int, data: bytes) -> None:
    with os.fdopen(pipe, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
