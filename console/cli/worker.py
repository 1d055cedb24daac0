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

from console.cli.output import fail
from console.sanitize import harmless
from jobs.deployment import Site
from jobs.errors import AudienceError
from jobs.queue.client import redis_client
from jobs.settings import read_settings
from jobs.worker.main import STOP_SECONDS, run_worker

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
        changes = {"queue": queue} if queue is not None else {}
        site = Site(read_settings(**changes))
        redis_client(site.settings)  # a wrong URL is the operator's to know, not each process's
    except AudienceError as error:
        fail(error, as_json=False)
    if processes == 1:
        work(site, burst, verbose)
    else:
        supervise(site, processes, burst, verbose)


def work(site: Site, burst: bool, verbose: bool) -> None:
    """Runs one worker in this process."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    logging.getLogger("arq").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    run_worker(site, site.settings.queue, burst=burst)


class _Lines(logging.Formatter):
    """A line a record, with its traceback indented: no data that a message quotes can forge another line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return harmless(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "\n".join(f"  {harmless(line)}" for line in super().formatException(ei).split("\n"))


def supervise(site: Site, processes: int, burst: bool, verbose: bool) -> None:
    """Runs workers in processes of their own; starts one again that dies, stops all when told to.

    Settings, and so passwords, reach them through a pipe.
    """
    context = multiprocessing.get_context("spawn")
    told, tell = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(tell, b"!"))
    workers: list[SpawnProcess] = []
    wanted = processes
    while wanted:
        while len(workers) < wanted:
            process = context.Process(target=work, args=(site, burst, verbose))
            process.start()
            workers.append(process)
        ended = wait([told, *(process.sentinel for process in workers)])
        if told in ended:
            break
        for process in [process for process in workers if process.sentinel in ended]:
            process.join()
            workers.remove(process)
            if burst and process.exitcode == 0:
                wanted -= 1
            else:
                _logger.error("worker %s ended with %s; starting another", process.pid, process.exitcode)
                wait([told], _RESTART_SECONDS)
    for process in workers:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS + 1
    for process in workers:
        process.join(max(deadline - time.monotonic(), 0))
        process.kill()
