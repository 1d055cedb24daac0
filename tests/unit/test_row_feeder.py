"""The row feeder: every row is added once and in order, and the event loop is never held for long."""

import hashlib
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.model.definition import Definition
from jobs.model.input_table import SEPARATOR
from jobs.model.sources import Sources
from jobs.model.tally import InputRow, WindowTally, new_tally
from jobs.storage.stream import BATCH_CHARACTERS, BATCH_ROWS
from jobs.worker.row_feeder import RowFeeder
from patterns.match import Match
from patterns.pattern_set import PatternSet
from tests.helpers.event_loop import longest_hold
from tests.helpers.inputs import input_table


def burn(seconds: float) -> None:
    """Use CPU time, and let other threads run meanwhile, as RE2 does."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        hashlib.sha256(_BYTES)


_BYTES = bytes(20_000)


DecideOne = Callable[[str], Match | None]


def tally_by(decide: DecideOne) -> WindowTally:
    """Return an empty tally of contents that decides by this function."""
    definition = Definition(PatternSet("rule_model", "content", ()), Sources("other", {}), input_table("content"))
    return new_tally(definition, lambda texts: list(map(decide, texts)))


def rows_of(texts: list[str]) -> list[InputRow]:
    return [(b"s" + SEPARATOR + b"a", f"{number:09}", number, text) for number, text in enumerate(texts)]


async def add_all(decide: DecideOne, batches: list[list[InputRow]]) -> WindowTally:
    tally, feeder = tally_by(decide), RowFeeder()
    for batch in batches:
        await feeder.add(tally, batch)
    return tally


@settings(max_examples=50)
@given(st.lists(st.lists(st.sampled_from(["quick", "slow", "none"]), min_size=1, max_size=30), max_size=5))
async def test_a_paced_tally_equals_one_that_adds_whole_batches(batches: list[list[str]]) -> None:
    seen: list[str] = []

    def decide(text: str) -> Match | None:
        seen.append(text)
        if text == "slow":
            burn(0.002)
        return None if text == "none" else Match(text, text, 0)

    of_rows = [rows_of(batch) for batch in batches]
    paced = await add_all(decide, of_rows)
    assert seen == [text for batch in batches for text in batch]
    whole = tally_by(decide)
    for rows in of_rows:
        whole.add(rows)
    assert paced.received == whole.received
    assert paced.hits() == whole.hits()
    assert {result: list(rows) for result, rows in paced.label_rows().items()} == {
        result: list(rows) for result, rows in whole.label_rows().items()
    }


def burning(seconds_of: Callable[[str], float]) -> DecideOne:
    """Return a function whose CPU time depends on the text."""
    return lambda text: burn(seconds_of(text))


@pytest.mark.parametrize(
    ("texts", "seconds_of"),
    [
        (["x"] * 40, lambda _: 0.02),
        (["x"] * BATCH_ROWS, lambda _: 0.0004),
        (["x"] * (BATCH_ROWS - 1) + ["long" * BATCH_CHARACTERS], lambda text: 1.0 if len(text) > 1 else 0.0),
    ],
    ids=["slow texts", "slow texts in a full batch", "one long text at the end of a full batch"],
)
async def test_slow_texts_do_not_hold_the_event_loop(texts: list[str], seconds_of: Callable[[str], float]) -> None:
    started = time.process_time()
    assert await longest_hold(lambda: add_all(burning(seconds_of), [rows_of(texts)] * 2), 0.5) < 0.5
    assert time.process_time() - started > 0.7


async def test_texts_that_become_slow_hold_the_event_loop_for_one_piece_at_most() -> None:
    batches = [rows_of(["quick"] * BATCH_ROWS), rows_of(["slow"] * BATCH_ROWS)]
    decide = burning(lambda text: 0.0004 if text == "slow" else 0.0)
    started = time.process_time()
    assert await longest_hold(lambda: add_all(decide, batches), 0.5) < 0.5
    assert time.process_time() - started > 0.7


async def test_quick_rows_are_matched_in_the_event_loop() -> None:
    threads: list[int] = []

    def decide(_: str) -> None:
        threads.append(threading.get_ident())

    await add_all(decide, [rows_of(["x"] * BATCH_ROWS)] * 10)
    assert threads.count(threading.get_ident()) > len(threads) / 2
