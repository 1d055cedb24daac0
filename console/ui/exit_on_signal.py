"""Ends the console on SIGTERM, and on the SIGHUP of a lost terminal, which Textual does not handle."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable

_EXIT_SECONDS = 3.0


class ExitOnSignal:
    """Ends the app when a signal arrives, or the process if a lost terminal blocks the app."""

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end
        self._last_resort: threading.Timer | None = None

    def install(self) -> None:
        """Handle the signals in the running event loop, if it can."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(RuntimeError, ValueError):
                loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        self._last_resort = threading.Timer(_EXIT_SECONDS, os._exit, (0,))
        self._last_resort.daemon = True
        self._last_resort.start()
        self._end()

    def cancel(self) -> None:
        """Let the process live on, because the app has ended normally."""
        if self._last_resort is not None:
            self._last_resort.cancel()
