"""The header: whether the servers answer, what the workers do, and how many tasks stand how."""

import time
from collections import Counter
from collections.abc import Iterable

from rich.text import Text

from console.figures import duration, short_number
from console.ui.formatting import blocks
from console.ui.rates import Rates
from console.ui.snapshot import ServerStatus, Snapshot
from console.ui.task_words import STANDINGS, Standing, standing
from console.ui.widgets.live_text import LiveText
from jobs.deployment import Deployment
from jobs.model.wording import counted

# From this width on, the header shows the workers' recent rates.
WIDE = 110
# From this width on, the header shows the name of the program.
NARROW = 60
# Servers are polled every second, and an answer may take another.
_OLD_SECONDS = 3.0
_GRAPH_CELLS = 8
# How a count of tasks is shown, the clearest first.
_WORDS, _GLYPHS, _CLOSE = "{count} {word}", "{glyph} {count}", "{glyph}{count}"


class Header(LiveText):
    """One line."""

    def __init__(self, deployment: Deployment, rates: Rates) -> None:
        super().__init__(id="header")
        self._deployment = deployment
        self._rates = rates
        self._snapshot = Snapshot()

    def on_resize(self) -> None:
        """Show what fits."""
        self.show(self._snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the snapshot's servers, workers and tasks."""
        self._snapshot = snapshot
        width, now = self.size.width, time.monotonic()
        left = Text(no_wrap=True, overflow="ellipsis")
        if width >= NARROW:
            left.append(" Audience ", "bold reverse accent").append("  ")
        left.append_text(_servers(snapshot, now))
        counts = Counter(map(standing, snapshot.board.tasks if snapshot.board else ()))
        parts, graph = [self._read_only(), _workers(snapshot), _rate(snapshot)], self._graph()
        # The counts need words more than the header needs a graph, and room more than it needs the rate.
        for form, wanted in (
            *((_WORDS, [*parts, graph]), (_WORDS, parts), (_GLYPHS, [*parts, graph]), (_CLOSE, parts)),
            *((_GLYPHS, parts[:2]), (_CLOSE, parts[:2]), (_CLOSE, parts[:1])),
        ):
            right, line = _counts(counts, form), _with(left, wanted, width)
            room = width - line.cell_len - right.cell_len - 1
            if room >= 2:
                line.append(" " * room).append_text(right)
                break
        else:
            line = _with(left, parts, width)
        self.set_text(line)

    def _read_only(self) -> Text:
        return Text(" read-only ", "bold reverse waiting") if self._deployment.read_only else Text()

    def _graph(self) -> Text:
        history = list(self._rates.fleet_history)[-_GRAPH_CELLS:]
        return Text(blocks(history), "running") if self.size.width >= WIDE and any(history) else Text()


def _with(left: Text, parts: Iterable[Text], width: int) -> Text:
    """Return a line with those of the parts that have room, the most important first."""
    line = left.copy()
    for part in parts:
        if part and line.cell_len + 2 + part.cell_len <= width:
            line.append("  ").append_text(part)
    return line


def _workers(snapshot: Snapshot) -> Text:
    if snapshot.fleet is None:
        return Text()
    count = sum(not worker.silent for worker in snapshot.fleet.workers)
    if not count:
        return Text("no worker", "bold waiting" if snapshot.redis.ok else "muted")
    return Text(counted(count, "worker"), "" if snapshot.redis.ok else "muted")


def _rate(snapshot: Snapshot) -> Text:
    workers = snapshot.fleet.workers if snapshot.fleet else ()
    rate = sum(worker.rows_per_second for worker in workers if not worker.silent)
    return Text(f"{short_number(rate)} posts/s", "running") if rate else Text()


def _servers(snapshot: Snapshot, now: float) -> Text:
    """Return that all servers answer, or else which of them does not, and for how long."""
    servers = {"input": snapshot.input, "output": snapshot.output, "redis": snapshot.redis}
    away = {name: status for name, status in servers.items() if status.error is not None}
    if away:
        return Text(f" ✗ {', '.join(away)} away{_since(away.values(), now)} ", "bold reverse failed")
    old = {name: status for name, status in servers.items() if status.ok and status.age(now) > _OLD_SECONDS}
    if old:
        return Text(f"◔ {', '.join(old)} silent{_since(old.values(), now)}", "bold waiting")
    asked = [name for name, status in servers.items() if not status.ok]
    if asked:
        return Text(f"◌ asking {', '.join(asked)}", "muted")
    return Text.assemble(("✓", "done"), " 3 servers")


def _since(statuses: Iterable[ServerStatus], now: float) -> str:
    ages = [status.age(now) for status in statuses if status.at is not None]
    return f" {duration(max(ages))}" if ages else ""


def _counts(counts: Counter[Standing], form: str) -> Text:
    """Return how many tasks stand how."""
    text = Text(no_wrap=True)
    for kind in STANDINGS:
        if counts[kind]:
            text.append("  " if text else "")
            text.append(form.format(count=counts[kind], word=kind.word, glyph=kind.glyph), kind.tone)
    return text
