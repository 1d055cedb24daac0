"""A worker with a plan: `python -m tests.faults.planned_worker [limits] [sweep] [kill:<place>:<nth time>]`.

The plan only decides the moment: the kill is a real SIGKILL, and the limits are the project's own, shortened. `sweep`
cleans twice a second.
"""

import asyncio
import os
import signal
import sys
from typing import Any

import jobs.storage.connection
import jobs.storage.stream
import jobs.worker.lane
import jobs.worker.main
import jobs.worker.reconciler
from console.cli.main import main
from jobs.services import firing
from jobs.storage import alerts, claims, production, state
from jobs.storage.connection import Session
from jobs.worker import scheduler

LIMITS_SECONDS = 4


def shorten_limits() -> None:
    """Shorten the time limits of calls, claims and the reconciler."""
    jobs.storage.connection.CALL_SECONDS = jobs.storage.stream.READ_SECONDS = LIMITS_SECONDS
    for method in (Session.rows, Session.execute):
        assert method.__kwdefaults__ is not None
        method.__kwdefaults__["seconds"] = LIMITS_SECONDS
    jobs.storage.connection.CONNECT_SECONDS = LIMITS_SECONDS  # type: ignore[attr-defined]
    jobs.storage.stream.CONNECT_SECONDS = LIMITS_SECONDS  # type: ignore[attr-defined]
    jobs.worker.lane.CLAIM_TIMEOUT_SECONDS = LIMITS_SECONDS
    claims.KEEPALIVE_SECONDS = LIMITS_SECONDS / 6
    jobs.worker.reconciler.STALLED_SECONDS = LIMITS_SECONDS
    jobs.worker.main.RECONCILE_SECONDS = 1.0
    scheduler.LOOK_SECONDS = 1.0


def kill(place: str, nth: int) -> None:
    """Kill this process when it passes a place for the nth time."""
    passed = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def arrived() -> bool:
        nonlocal passed
        passed += 1
        return passed == nth

    def around(holder: Any, name: str, before: bool = False, after: bool = False, only: str | None = None) -> None:
        original = getattr(holder, name)

        async def wrapped(*arguments: Any, **options: Any) -> Any:
            counts = only is None or arguments[1] == only
            now = counts and arrived()
            if now and before:
                die()
            result = await original(*arguments, **options)
            if now and after:
                die()
            return result

        setattr(holder, name, wrapped)

    async def die_in_insert(*arguments: Any, **options: Any) -> Any:
        if arrived():
            asyncio.get_running_loop().call_later(0.002 * nth, die)
        return await insert(*arguments, **options)

    insert = production.insert
    match place:
        case "before-commit":
            around(Session, "execute", before=True, only="COMMIT")
        case "after-commit":
            around(Session, "execute", after=True, only="COMMIT")
        case "before-completion":
            around(state, "complete_label_job", before=True)
        case "after-completion":
            around(state, "complete_label_job", after=True)
        case "in-production":
            production.insert = die_in_insert
        case "before-finish":
            around(state, "complete_production", before=True)
        case "before-firing":
            around(firing, "insert_task", before=True)
        case "in-firing":
            around(firing, "insert_task", after=True)
        case "after-firing":
            around(scheduler, "enqueue_label", before=True)
        case "before-alert":
            around(alerts, "add", before=True)
        case "after-alert":
            around(alerts, "add", after=True)
        case "after-failure":
            around(state, "fail", after=True)
        case _:
            raise ValueError(place)


if __name__ == "__main__":
    for step in sys.argv[1:]:
        if step == "limits":
            shorten_limits()
        elif step == "sweep":
            jobs.worker.main.SWEEP_SECONDS = 0.5  # type: ignore[attr-defined]
        else:
            _, place, nth = step.split(":")
            kill(place, int(nth))
    sys.argv[1:] = ["worker"]
    main()
