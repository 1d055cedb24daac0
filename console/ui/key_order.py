"""Keys in order: each goes to what has the focus after the keys before it have done their work.

SSH delivers keys in bursts. Textual hands each key to the focused widget as it arrives, and acts on it later: a Tab and
the letters after it, in one burst, all go to the field before the Tab.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.timer import Timer

# A widget that was removed while it held a key never passes the signal on.
_PATIENCE_SECONDS = 3.0
# What a key does may post messages, which open a screen, which moves the focus.
_ROUNDS = 5

KeyEvent = events.Key | events.Paste


class KeyOrder:
    """Delivers keys one after the other.

    After each key, a signal follows it through the queues of the widgets that it bubbles through, up to the app, and
    then through the screen's. Its return shows that the key has done its work.
    """

    def __init__(self, app: App[Any], deliver: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._held: deque[KeyEvent] = deque()
        self._signal = 0
        """The number of the signal that is on its way, 0 for none."""
        self._count = 0
        self._watchdog: Timer | None = None

    async def take(self, event: KeyEvent) -> None:
        """Deliver a key now, or when the keys before it have done their work."""
        self._held.append(event)
        if not self._signal:
            await self._deliver_held()

    async def _deliver_held(self) -> None:
        while self._held and not self._signal:
            event = self._held.popleft()
            target: MessagePump = self._app.focused or self._app.screen
            if not _is_text(event, target):
                self._count += 1
                self._signal = self._count
            await self._deliver(event)
            if self._signal:
                self._watchdog = self._app.set_timer(_PATIENCE_SECONDS, lambda lost=self._signal: self._end(lost))
                self._climb(self._signal, target)

    def _climb(self, signal: int, node: MessagePump | None) -> None:
        """Follow the key from the widget to the app."""
        if isinstance(node, DOMNode) and node is not self._app:
            node.call_later(self._climb, signal, node._parent)
        else:
            self._app.call_later(self._round, signal, _ROUNDS)

    async def _round(self, signal: int, rounds: int) -> None:
        """Follow what the key has posted, through the screen, back to the app."""
        if rounds:
            screen = self._app.screen
            screen.call_later(self._app.call_later, self._round, signal, rounds - 1)
        else:
            await self._end(signal)

    async def _end(self, signal: int) -> None:
        if signal == self._signal:
            self._signal = 0
            if self._watchdog is not None:
                self._watchdog.stop()
            await self._deliver_held()


def _is_text(event: KeyEvent, target: MessagePump) -> bool:
    """Return whether the target takes the event for text, which moves no focus."""
    consumes = getattr(target, "check_consume_key", None)
    if isinstance(event, events.Paste) or consumes is None:
        return isinstance(event, events.Paste)
    return bool(consumes(event.key, event.character))
