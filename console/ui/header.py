"""The header: what the console is connected to, and whether it is."""

import time

from rich.text import Text
from textual.widgets import Static

from console.ui.format import duration
from console.ui.snapshot import Answer, Snapshot


class Header(Static):
    """One line, always there: input, output, Redis, workers, and how old the data is."""

    def __init__(self, title: str, *, read_only: bool) -> None:
        super().__init__("", id="header", markup=False)
        self._title = title
        self._read_only = read_only

    def show(self, snapshot: Snapshot) -> None:
        """Shows what the snapshot says of the servers."""
        now = time.monotonic()
        line = Text.assemble((" Audience ", "bold reverse"), " ", (self._title, "bold"), "  ", no_wrap=True)
        if self._read_only:
            line.append("read-only", "bold black on yellow").append("  ")
        for name, answer in (("input", snapshot.input), ("output", snapshot.output), ("redis", snapshot.redis)):
            line.append_text(_mark(name, answer, now)).append("  ")
        if snapshot.fleet is not None:
            alive = sum(not worker.stale for worker in snapshot.fleet.workers)
            style = "" if alive else "bold yellow"
            line.append(f"{alive} worker{'' if alive == 1 else 's'}" if alive else "no worker", style)
        self.update(line)


def _mark(name: str, answer: Answer, now: float) -> Text:
    if answer.ok:
        return Text.assemble(f"{name} ", ("ok", "green"))
    if answer.error is None:
        return Text.assemble(f"{name} ", ("...", "dim"))
    heard = f" {duration(now - answer.at)} old" if answer.at is not None else ""
    return Text.assemble((f"{name} AWAY{heard}", "bold white on red"))
