"""A worker process: the only one, or one of several that a supervisor started."""

import pickle
from collections.abc import Callable
from typing import Any

from console.cli.worker_log import configure_logging
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError
from jobs.worker.main import run_worker


def run(
    *,
    queue: str | None,
    burst: bool,
    verbose: bool,
    lifeline: int | None = None,
    settings: bytes | None = None,
    hand_over: Callable[[bytes], None] | None = None,
) -> None:
    """Run a worker in this process. Exits with status 1 if the settings cannot be used.

    A supervisor gives a lifeline, and the settings or a function that takes them once they are read.
    """
    configure_logging(verbose)
    if settings is not None:
        deployment: Deployment = pickle.loads(settings)
    else:
        deployment = _load(queue)
    if hand_over is not None:
        hand_over(pickle.dumps(deployment))
    run_worker(deployment, burst=burst, lifeline=lifeline)


def _load(queue: str | None) -> Deployment:
    overrides: dict[str, Any] = {} if queue is None else {"queue": queue}
    try:
        deployment = services.load_deployment(**overrides)
        services.require_redis_url(deployment)
    except AudienceError as error:
        from console.cli.output import exit_with  # imports what a worker does not need

        exit_with(error, as_json=False)
    return deployment
