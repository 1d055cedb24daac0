"""How much the console writes to its terminal, read from a pseudo-terminal: over SSH that is what an operator feels."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from tests.helpers.deployment import TestDeployment
from tests.helpers.running import run_in_process
from tests.helpers.screens import create_tasks
from tests.helpers.terminal import in_a_pty, read_for, read_until

_SECONDS = 5


@contextmanager
def every_second(change: Callable[[int], None]) -> Iterator[None]:
    """Call a function once a second, with a growing number, for the length of the block."""
    stop = threading.Event()

    def loop() -> None:
        number = 0
        while not stop.wait(1.0):
            number += 1
            change(number)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def bytes_a_second(deployment: TestDeployment, words: bytes, *keys: bytes) -> list[float]:
    """Open the console at 120x40, wait until it shows these words and has settled.

    Returns what it then writes, and what it writes after each of the keys.
    """
    written = []
    with in_a_pty(deployment, size=(120, 40)) as (_, main):
        read_until(main, words)
        for key in (b"", *keys):
            os.write(main, key)
            # The first answers of the three servers, and the layout that follows them.
            read_for(main, 3)
            # On a busy machine they may come later: the median leaves them out.
            written.append(median(len(read_for(main, 1)) for _ in range(_SECONDS)))
    return written


def test_an_idle_screen_with_a_finished_task_writes_at_most_300_bytes_a_second(ready: TestDeployment) -> None:
    task = asyncio.run(run_in_process(ready, ready.request()))
    (written,) = bytes_a_second(ready, task.task_id.encode())
    print(f"{written:,.0f} bytes a second")
    assert written <= 300


def test_a_running_task_writes_at_most_3_kilobytes_a_second_and_nothing_if_another_screen_covers_it(
    ready: TestDeployment,
) -> None:
    (task_id,) = asyncio.run(create_tasks(ready, 1))

    def progress(number: int) -> None:
        ready.write_anything(
            "UPDATE {output}.state SET stat = 'STARTED', windows = 985, windows_done = %s,"
            " length_receive_table = %s, length_output_table = %s, heartbeat = UTC_TIMESTAMP(6)",
            *(number * 11, number * 212_345, number * 31_234),
        )

    with every_second(progress):
        written, covered = bytes_a_second(ready, task_id.encode(), b"?")
    print(f"{written:,.0f} bytes a second, {covered:,.0f} below the help")
    assert 50 < written <= 3_000
    assert covered <= 300


def test_a_thousand_changing_tasks_write_at_most_40_kilobytes_a_second(ready: TestDeployment) -> None:
    (task_id,) = asyncio.run(create_tasks(ready, 1))
    columns = "stat, model_type, predict_type, date_range, target_table, queue, windows, generation"
    ready.write_anything(
        f"INSERT INTO {{output}}.state (task_id, create_time, {columns})"
        f" SELECT MD5(seq), NOW() - INTERVAL seq MINUTE, {columns} FROM {{output}}.seq_1_to_999, {{output}}.state"
    )

    def progress(number: int) -> None:
        ready.write_anything(
            "UPDATE {output}.state SET stat = 'STARTED', windows = 985, windows_done = %s,"
            " length_receive_table = %s * CRC32(task_id) / 1000",
            *(number, number),
        )

    with every_second(progress):
        (written,) = bytes_a_second(ready, task_id.encode())
    print(f"{written:,.0f} bytes a second")
    assert 1_000 < written <= 40_000
