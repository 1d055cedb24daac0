"""The command that runs workers: one in this process, or several in processes of their own."""

import logging
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Annotated, Any

import typer

from console.cli.output import exit_with
from console.cli.worker_log import configure_logging
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError
from jobs.worker.main import STOP_SECONDS, run_worker

_logger = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0


def worker(
    queue: Annotated[str | None, typer.Option(help="Queue to serve.  [default: QUEUE]")] = None,
    processes: Annotated[int, typer.Option(min=1, max=256, help="Number of processes; one fills a core.")] = 1,
    burst: Annotated[bool, typer.Option("--burst", help="Exit when the queue is empty.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every job.")] = False,
) -> None:
    """Run workers, until SIGTERM or Ctrl-C. Stopping them loses nothing."""
    try:
        overrides: dict[str, Any] = {"queue": queue} if queue is not None else {}
        deployment = services.load_deployment(**overrides)
    except AudienceError as error:
        exit_with(error, as_json=False)
    if processes == 1:
        work(deployment, burst, verbose)
    else:
        supervise(deployment, processes, burst, verbose)


def work(deployment: Deployment, burst: bool, verbose: bool) -> None:
    """Run one worker in this process."""
    configure_logging(verbose)
    run_worker(deployment, burst=burst)


def supervise(deployment: Deployment, processes: int, burst: bool, verbose: bool) -> None:
    """Run workers in processes of their own. Restarts one that dies, and stops all on SIGTERM or SIGINT.

    Settings, and so passwords, reach the processes through a pipe.
    """
    context = multiprocessing.get_context("spawn")
    stop_requested, request_stop = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(request_stop, b"!"))
    workers: list[SpawnProcess] = []
    wanted = processes
    while wanted:
        while len(workers) < wanted:
            process = context.Process(target=work, args=(deployment, burst, verbose))
            process.start()
            workers.append(process)
        ready = wait([stop_requested, *(process.sentinel for process in workers)])
        if stop_requested in ready:
            break
        for process in [process for process in workers if process.sentinel in ready]:
            process.join()
            workers.remove(process)
            if burst and process.exitcode == 0:
                wanted -= 1
            else:
                _logger.error("worker %s exited with %s; starting another", process.pid, process.exitcode)
                wait([stop_requested], _RESTART_SECONDS)
    for process in workers:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS + 1
    for process in workers:
        process.join(max(deadline - time.monotonic(), 0))
        process.kill()
