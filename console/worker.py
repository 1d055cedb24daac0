"""The command that runs workers: one in this process, or several in processes of their own."""

import logging
import multiprocessing
import signal
import time
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Annotated

import typer

from console.output import fail
from jobs.errors import AudienceError
from jobs.settings import read_settings
from jobs.site import Site
from jobs.worker import STOP_SECONDS, run_worker

_logger = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0


def worker(
    queue: Annotated[str | None, typer.Option(help="Queue to serve.  [default: QUEUE]")] = None,
    processes: Annotated[int, typer.Option(min=1, max=256, help="How many; one fills a core.")] = 1,
    burst: Annotated[bool, typer.Option("--burst", help="End when the queue is empty.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every job.")] = False,
) -> None:
    """Run workers, until SIGTERM or Ctrl-C. Nothing is lost by stopping them."""
    try:
        site = Site(read_settings())
    except AudienceError as error:
        fail(error, as_json=False)
    if processes == 1:
        work(site, queue or site.settings.queue, burst, verbose)
    else:
        supervise(site, queue or site.settings.queue, processes, burst, verbose)


def work(site: Site, queue: str, burst: bool, verbose: bool) -> None:
    """Runs one worker in this process."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("arq").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    run_worker(site, queue, burst=burst)


def supervise(site: Site, queue: str, processes: int, burst: bool, verbose: bool) -> None:
    """Runs workers in processes of their own; starts one again that dies, stops all when told to.

    Settings, and so passwords, reach them through a pipe.
    """
    context = multiprocessing.get_context("spawn")

    def start() -> SpawnProcess:
        process = context.Process(target=work, args=(site, queue, burst, verbose))
        process.start()
        return process

    def stop(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    workers = [start() for _ in range(processes)]
    try:
        while workers:
            wait([process.sentinel for process in workers])
            for process in [process for process in workers if not process.is_alive()]:
                workers.remove(process)
                if process.exitcode != 0 or not burst:
                    _logger.error("worker %s ended with %s; starting another", process.pid, process.exitcode)
                    time.sleep(_RESTART_SECONDS)
                    workers.append(start())
    finally:
        for process in workers:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS + 1
        for process in workers:
            process.join(max(deadline - time.monotonic(), 0))
            process.kill()
