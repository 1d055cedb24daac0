"""What a schedule that is due does: which due time it fires for, and over which range."""

from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.ui.schedule_words import range_explained
from jobs.errors import InvalidValue
from jobs.model.cron import coming_times, due_times, previous_due
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.schedules import Firing, Outcome, check_range, decide, range_at
from jobs.model.windows import TICK
from jobs.settings import Settings
from tests.helpers.schedules import schedule

DUE = datetime(2026, 7, 1, 3, 15)
DAY = timedelta(days=1)
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Taipei", "UTC")


@pytest.mark.parametrize("catch_up", ["latest", "all", "none"])
def test_a_schedule_that_is_due_now_fires_for_that_time(catch_up: str) -> None:
    decision = decide(schedule(catch_up=catch_up, next_due=DUE), DUE + timedelta(seconds=2))
    assert (decision.fires, decision.due, decision.next_due, decision.note) == (True, DUE, DUE + DAY, None)


def test_after_three_nights_without_workers_latest_fires_once_for_the_last() -> None:
    decision = decide(schedule(catch_up="latest", next_due=DUE), DUE + 2.3 * DAY)
    assert (decision.fires, decision.due, decision.next_due) == (True, DUE + 2 * DAY, DUE + 3 * DAY)
    assert decision.note == "stands for the times that were due since 2026-07-01 03:15"


def test_after_three_nights_without_workers_all_fires_for_each_in_order() -> None:
    now, due, fired = DUE + 2.3 * DAY, DUE, []
    while due <= now:
        decision = decide(schedule(catch_up="all", next_due=due), now)
        assert decision.fires and decision.note is None
        fired.append(decision.due)
        due = decision.next_due
    assert fired == [DUE, DUE + DAY, DUE + 2 * DAY]


def test_after_three_nights_without_workers_none_fires_only_the_next_time() -> None:
    decision = decide(schedule(catch_up="none", next_due=DUE), DUE + 2.3 * DAY)
    assert (decision.fires, decision.due, decision.next_due) == (False, DUE + 2 * DAY, DUE + 3 * DAY)
    assert decision.note and decision.note.startswith("missed")


def test_with_catch_up_none_a_time_that_a_worker_saw_in_time_is_not_missed() -> None:
    waiting = schedule(catch_up="none", next_due=DUE, waiting_for="its last run, which is still going")
    assert decide(waiting, DUE + timedelta(hours=5)).fires


@given(
    st.sampled_from(("*/7 * * * *", "0 * * * *", "30 1,2 * * *", "15 3 * * *")),
    st.sampled_from(ZONES),
    st.lists(st.integers(1, 60 * 30), max_size=12),
    st.sampled_from(("latest", "all")),
)
@settings(deadline=None, max_examples=80)
def test_every_due_time_fires_or_is_stood_for_once_however_workers_come_and_go(
    cron: str, zone: str, pauses: list[int], catch_up: str
) -> None:
    now = start = datetime(2026, 10, 24, 12)
    due = coming_times(cron, zone, start, 1)[0]
    fired: list[datetime] = []
    for minutes in pauses:
        now += timedelta(minutes=minutes)
        while due <= now:
            decision = decide(schedule(cron=cron, timezone=zone, catch_up=catch_up, next_due=due), now)
            fired.append(decision.due)
            due = decision.next_due
    expected = list(takewhile(lambda time: time <= now, due_times(cron, zone, start)))
    assert fired == sorted(set(fired))
    if catch_up == "all":
        assert fired == expected
    else:
        assert set(fired) <= set(expected) and fired[-1:] == expected[-1:]
    assert due > now


@pytest.mark.parametrize(
    ("range_", "zone", "due", "expected"),
    [
        ("yesterday", "UTC", DUE, ("2026-06-30 00:00:00", "2026-06-30 23:59:59.999999")),
        # 03:15 UTC is still the evening before in New York.
        ("yesterday", "America/New_York", DUE, ("2026-06-29 00:00:00", "2026-06-29 23:59:59.999999")),
        ("last-7-days", "Asia/Taipei", DUE, ("2026-06-24 00:00:00", "2026-06-30 23:59:59.999999")),
        # A day is what the clocks of the zone call a day, of 23 or 25 hours too.
        ("yesterday", "Europe/Berlin", datetime(2026, 3, 30, 1), ("2026-03-29 00:00:00", "2026-03-29 23:59:59.999999")),
    ],
)
def test_ranges_of_whole_days_are_those_of_the_zone(
    range_: str, zone: str, due: datetime, expected: tuple[str, str]
) -> None:
    found = range_at(schedule(range=range_, timezone=zone), due, datetime(2000, 1, 1))
    assert found is not None and tuple(map(str, found)) == expected


def test_since_last_begins_where_the_last_success_ended_and_looks_back() -> None:
    covered = datetime(2026, 6, 29, 3, 15)
    assert range_at(schedule(range="since-last"), DUE, covered) == (covered, DUE - TICK)
    earlier = covered - timedelta(hours=6)
    assert range_at(schedule(range="since-last", lookback=6), DUE, covered) == (earlier, DUE - TICK)


@given(
    st.sampled_from(("*/20 * * * *", "0 * * * *", "30 1 * * *", "30 2 * * *")),
    st.sampled_from(ZONES),
    st.sampled_from((datetime(2026, 3, 7, 12), datetime(2026, 3, 28, 12), datetime(2026, 10, 24, 12))),
    st.lists(st.booleans(), min_size=70, max_size=70),
)
@settings(deadline=None, max_examples=60)
def test_since_last_covers_every_moment_once_whatever_fails_and_whatever_the_clocks_do(
    cron: str, zone: str, start: datetime, successes: list[bool]
) -> None:
    covered = first = datetime(2026, 1, 1)
    ranges = []
    for due, succeeds in zip(coming_times(cron, zone, start, len(successes)), successes, strict=True):
        found = range_at(schedule(range="since-last", cron=cron, timezone=zone), due, covered)
        if found is not None and succeeds:
            ranges.append(found)
            covered = found[1] + TICK
    begin = first
    for low, high in ranges:
        assert low == begin and low <= high
        begin = high + TICK


def test_the_hour_that_comes_twice_is_labelled_when_it_is_over() -> None:
    hourly = schedule(range="since-last", cron="0 * * * *", timezone="America/New_York")
    first, second, after = datetime(2026, 11, 1, 5), datetime(2026, 11, 1, 6), datetime(2026, 11, 1, 7)
    covered = datetime(2026, 11, 1, 1)
    assert range_at(hourly, first, datetime(2026, 11, 1)) == (datetime(2026, 11, 1), covered - TICK)
    assert range_at(hourly, second, covered) is None
    assert range_at(hourly, after, covered) == (covered, datetime(2026, 11, 1, 2) - TICK)


@pytest.mark.parametrize("text", ["", "today", "last-0-days", "last-x-days", "last-9999-days", "since-last ", "last-7"])
def test_other_ranges_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected yesterday, since-last, or last-N-days"):
        check_range(text)


SETTINGS = Settings(input_schema="posts")


def request(**changes: Any) -> ScheduleRequest:
    return ScheduleRequest.from_values(SETTINGS, {"name": "nightly", "cron": "15 3 * * *"} | changes)


def test_a_request_has_the_defaults_of_the_settings() -> None:
    found = request(timezone="Asia/Taipei")
    assert (found.target_schema, found.target_table, found.queue) == ("posts", "ts_page_content", "queue1")
    assert (found.range, found.catch_up, found.lookback) == ("yesterday", "latest", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "a b"),
        ("name", ""),
        ("name", "x" * 65),
        ("cron", "61 * * * *"),
        ("timezone", "Mars/Olympus"),
        ("range", "today"),
        ("lookback", "-1"),
        ("catch_up", "some"),
        ("queue", "a b"),
        ("model_type", "other"),
    ],
)
def test_each_malformed_value_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        request(**{name: value})
    assert list(raised.value.faults) == [name]


def test_only_since_last_looks_back() -> None:
    with pytest.raises(InvalidValue, match="only the range since-last looks back"):
        request(lookback=3)
    assert request(lookback=3, range="since-last").lookback == 3


def test_the_first_since_last_range_is_one_period_long() -> None:
    now = datetime(2026, 7, 1, 12)
    daily = request(range="since-last", timezone="Asia/Taipei")
    assert daily.first_begin(now) == datetime(2026, 7, 1, 3, 15)
    assert previous_due(daily.cron, daily.timezone, now) == datetime(2026, 6, 30, 19, 15)


def firing(**changes: Any) -> Firing:
    values: dict[str, Any] = dict.fromkeys(Firing.__dataclass_fields__) | {"due": DUE, "fired_at": DUE}
    return Firing(**values | changes)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"error": "cannot read pattern file"}, Outcome.ERROR),
        ({"note": "missed"}, Outcome.SKIPPED),
        ({"task_id": "a"}, Outcome.PURGED),
        ({"task_id": "a", "stat": "PENDING"}, Outcome.RUNNING),
        ({"task_id": "a", "stat": "SUCCESS"}, Outcome.RUNNING),
        ({"task_id": "a", "stat": "SUCCESS", "prod_stat": "finish"}, Outcome.SUCCESS),
        ({"task_id": "a", "stat": "FAILURE"}, Outcome.FAILURE),
        ({"task_id": "a", "stat": "ABORTED"}, Outcome.ABORTED),
    ],
)
def test_how_a_firing_ended(values: dict[str, Any], outcome: Outcome) -> None:
    assert firing(**values).outcome is outcome


@pytest.mark.parametrize(
    ("range_", "words"),
    [
        ("yesterday", "the whole day before"),
        ("last-1-days", "the whole day before"),
        ("last-7-days", "the 7 whole days before"),
        ("since-last", "from the end of the last successful run until it is due"),
    ],
)
def test_a_range_is_explained_in_words(range_: str, words: str) -> None:
    assert range_explained(range_) == words
