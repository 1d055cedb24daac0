"""The command that runs workers: one in this process, or several in processes of their own."""

from typing import Annotated

import typer

from console.cli.supervisor import replace_process


def worker(
    queue: Annotated[str | None, typer.Option(help="Queue to serve.  [default: QUEUE]")] = None,
    processes: Annotated[int, typer.Option(min=1, max=256, help="Number of processes; one fills a core.")] = 1,
    burst: Annotated[bool, typer.Option("--burst", help="Exit when the queue is empty.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every job.")] = False,
) -> None:
    """Run workers until Ctrl-C or SIGTERM; stopping loses nothing."""
    if processes > 1:
        replace_process(processes, queue=queue, burst=burst, verbose=verbose)
    from console.cli.worker_process import run

    run(queue=queue, burst=burst, verbose=verbose)
