"""A worker process: the only one, or one of several that a supervisor started."""

import asyncio
import pickle
from collections.abc import Callable
from typing import Any, NoReturn

from console.cli.worker_log import configure_logging
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError
from jobs.worker.main import require_servers, run_worker


def run(
    *,
    queue: str | None,
    burst: bool,
    verbose: bool,
    lifeline: int | None = None,
    settings: bytes | None = None,
    hand_over: Callable[[bytes], None] | None = None,
) -> None:
    """Run a worker in this process. Exits with status 1 if the settings cannot be used, or a server refuses a burst.

    A supervisor gives a lifeline, and the settings or a function that takes them once they are known to be usable.
    """
    configure_logging(verbose)
    try:
        if settings is not None:
            deployment: Deployment = pickle.loads(settings)
        else:
            deployment = _load(queue)
            if burst:
                asyncio.run(require_servers(deployment))
        if hand_over is not None:
            hand_over(pickle.dumps(deployment))
        run_worker(deployment, burst=burst, lifeline=lifeline)
    except AudienceError as error:
        _exit_with(error)


def _load(queue: str | None) -> Deployment:
    overrides: dict[str, Any] = {} if queue is None else {"queue": queue}
    deployment = services.load_deployment(**overrides)
    services.require_redis_url(deployment)
    return deployment


def _exit_with(error: AudienceError) -> NoReturn:
    from console.cli.output import exit_with  # imports what a worker does not need

    exit_with(error, as_json=False)
