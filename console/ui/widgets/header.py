"""The header: what the console is connected to, and whether it is."""

import time

from rich.text import Text

from console.sanitize import harmless
from console.ui.formatting import duration
from console.ui.snapshot import Answer, Snapshot
from console.ui.widgets.live_text import Words
from jobs.deployment import Site

# From this width on, addresses are shown too.
WIDE = 110
# The data is asked for each second, and each answer may take one.
_OLD_SECONDS = 3.0


class Header(Words):
    """One line, always there: input, output, Redis, workers, and how old the data is."""

    def __init__(self, title: str, site: Site) -> None:
        super().__init__(id="header")
        self._title = title
        self._site = site
        self._addresses = {
            "input": f"{site.input.host}:{site.input.port}",
            "output": f"{site.output.host}:{site.output.port}",
            "redis": site.redis_address,
        }

    def show(self, snapshot: Snapshot) -> None:
        """Shows what the snapshot says of the servers."""
        now = time.monotonic()
        line = Text.assemble((" Audience ", "bold reverse"), " ", (self._title, "bold"), "  ", no_wrap=True)
        if self._site.read_only:
            line.append("read-only", "bold black on yellow").append("  ")
        for name, answer in (("input", snapshot.input), ("output", snapshot.output), ("redis", snapshot.redis)):
            address = f" {harmless(self._addresses[name])}" if self.size.width >= WIDE else ""
            line.append_text(_mark(name + address, answer, now)).append("  ")
        if snapshot.fleet is not None:
            alive = sum(not worker.stale for worker in snapshot.fleet.workers)
            style = "dim" if not snapshot.redis.ok else "" if alive else "bold yellow"
            line.append(f"{alive} worker{'' if alive == 1 else 's'}" if alive else "no worker", style)
        self.say(line)


def _mark(name: str, answer: Answer, now: float) -> Text:
    if answer.ok and answer.age(now) > _OLD_SECONDS:
        return Text.assemble(f"{name} ", (f"{duration(answer.age(now))} old", "bold yellow"))
    if answer.ok:
        return Text.assemble(f"{name} ", ("ok", "green"))
    if answer.error is None:
        return Text.assemble(f"{name} ", ("...", "dim"))
    heard = f" {duration(now - answer.at)} old" if answer.at is not None else ""
    return Text.assemble((f"{name} AWAY{heard}", "bold white on red"))
