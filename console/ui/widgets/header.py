"""The header: the servers that the console is connected to, and whether they answer."""

import time

from rich.text import Text

from console.sanitize import sanitize
from console.ui.formatting import duration
from console.ui.snapshot import ServerStatus, Snapshot
from console.ui.widgets.live_text import LiveText
from jobs.deployment import Deployment

# From this width on, the header shows addresses.
WIDE = 110
# Servers are polled every second, and an answer may take another.
_OLD_SECONDS = 3.0


class Header(LiveText):
    """One line: input, output, Redis, workers, and the age of the data."""

    def __init__(self, title: str, deployment: Deployment) -> None:
        super().__init__(id="header")
        self._title = title
        self._deployment = deployment
        self._addresses = {
            "input": f"{deployment.input.host}:{deployment.input.port}",
            "output": f"{deployment.output.host}:{deployment.output.port}",
            "redis": deployment.redis_address,
        }

    def show(self, snapshot: Snapshot) -> None:
        """Show how the servers stand in the snapshot."""
        now = time.monotonic()
        line = Text.assemble((" Audience ", "bold reverse"), " ", (self._title, "bold"), "  ", no_wrap=True)
        if self._deployment.read_only:
            line.append("read-only", "bold reverse waiting").append("  ")
        for name, status in (("input", snapshot.input), ("output", snapshot.output), ("redis", snapshot.redis)):
            address = f" {sanitize(self._addresses[name])}" if self.size.width >= WIDE else ""
            line.append_text(_mark(name + address, status, now)).append("  ")
        if snapshot.fleet is not None:
            alive = sum(not worker.stale for worker in snapshot.fleet.workers)
            style = "muted" if not snapshot.redis.ok else "" if alive else "bold waiting"
            line.append(f"{alive} worker{'' if alive == 1 else 's'}" if alive else "no worker", style)
        self.set_text(line)


def _mark(name: str, status: ServerStatus, now: float) -> Text:
    if status.ok and status.age(now) > _OLD_SECONDS:
        return Text.assemble(f"{name} ", (f"{duration(status.age(now))} old", "bold waiting"))
    if status.ok:
        return Text.assemble(f"{name} ", ("ok", "done"))
    if status.error is None:
        return Text.assemble(f"{name} ", ("...", "muted"))
    heard = f" {duration(now - status.at)} old" if status.at is not None else ""
    return Text.assemble((f"{name} AWAY{heard}", "bold reverse failed"))
