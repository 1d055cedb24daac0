"""Waiting until the event loop has nothing to do, instead of until the process uses little CPU."""

import asyncio
from typing import Any

import pytest
import textual.app
import textual.pilot

_FRAME_SECONDS = 1 / 60
"""Textual paints at most once in this time, and then calls back what waits for the painting."""
_TIMERS = 3


def patch_textual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Pilot wait this way after each key.

    Textual's own function takes at least 40 ms a key, and returns too early where other processes use the CPU.
    """
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", _wait_for_idle)


async def _wait_for_idle(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """Return when no callback is ready, and no timer is due within a frame.

    Waits for few timers, because an animation always sets the next one.
    """
    loop: Any = asyncio.get_running_loop()
    end = loop.time() + max_sleep
    await asyncio.sleep(min_sleep)
    for _ in range(_TIMERS):
        while loop._ready and loop.time() < end:
            await asyncio.sleep(0)
        waits = [timer.when() - loop.time() for timer in loop._scheduled if not timer.cancelled()]
        soon = [wait for wait in waits if wait < _FRAME_SECONDS]
        if not soon:
            return
        await asyncio.sleep(max(*soon, 0))
