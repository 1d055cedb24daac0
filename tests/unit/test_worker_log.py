"""The log of a worker: what is repeated is logged once, then counted."""

import logging
import re
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from console.cli.worker_log import REPEAT_SECONDS, RepeatFilter

TASKS = ("1c37fe5ce91511f18e3702fc00000001", "1c37fe6ce91511f18e3702fc00000001")

messages = st.tuples(
    st.sampled_from(["jobs.worker.label", "jobs.worker.main"]),
    st.sampled_from([logging.INFO, logging.WARNING, logging.ERROR]),
    st.sampled_from(["task %s: window %s: lost", "task %s: window %s: refused"]),
    st.sampled_from(TASKS),
    st.integers(0, 99),
)


def record_of(
    name: str, level: int, text: str, *arguments: object, error: BaseException | None = None
) -> logging.LogRecord:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord(name, level, "file.py", 1, text, arguments, exc_info)


@given(st.lists(st.tuples(messages, st.floats(0, 40)), max_size=60))
def test_each_warning_is_logged_at_once_then_at_most_every_30_seconds_and_none_is_lost(
    events: list[tuple[tuple[str, int, str, str, int], float]],
) -> None:
    now = 0.0
    repeats = RepeatFilter(lambda: now)
    passed_at: dict[tuple[str, int, str, str], float] = {}
    left_out: defaultdict[tuple[str, int, str, str], int] = defaultdict(int)
    for (name, level, text, task, window), pause in events:
        now += pause
        record = record_of(name, level, text, task, window)
        message, key = record.getMessage(), (name, level, text, task)
        passed = repeats.filter(record)
        if level < logging.WARNING:
            assert passed and record.getMessage() == message
            continue
        assert passed == (key not in passed_at or now - passed_at[key] >= REPEAT_SECONDS)
        if not passed:
            left_out[key] += 1
            continue
        counted = re.fullmatch(r"(.*?)(?: \(and (\d+) times more in \d+ seconds\))?", record.getMessage())
        assert counted is not None and counted[1] == message
        assert int(counted[2] or 0) == left_out.pop(key, 0)
        passed_at[key] = now


def test_a_repeated_traceback_is_logged_once() -> None:
    now = 0.0
    repeats = RepeatFilter(lambda: now)
    error = ValueError("x")
    first, second, third = (record_of("a", logging.ERROR, "failed", error=error) for _ in range(3))
    assert repeats.filter(first) and first.exc_info
    assert not repeats.filter(second)
    now = REPEAT_SECONDS
    assert repeats.filter(third) and not third.exc_info


def test_ever_new_messages_do_not_grow_the_memory_and_are_all_logged() -> None:
    repeats = RepeatFilter()
    letters = "abcdefghijklmnopqrstuvwxyz"
    for first in letters:
        for second in letters:
            for third in letters[:3]:
                text = f"{first}{second}{third}" + "x" * 10_000
                assert repeats.filter(record_of("a", logging.WARNING, text))
                assert not repeats.filter(record_of("a", logging.WARNING, text))
    assert len(repeats._passed) == len(repeats._left_out) == 1_000
