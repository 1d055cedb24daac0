"""How tasks are described in words."""

import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.ui.rates import Rates
from console.ui.task_words import STANDINGS, done_words, outcome, producing_words, range_words, standing
from jobs.services.overview import Fleet, TaskBoard, Worker
from tests.helpers.fixed_app import NOW, TASKS, task

BOARD = TaskBoard(NOW, NOW - timedelta(hours=8), TASKS)
NOBODY = Fleet((), ())


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2020-01-01 00:00:00", "2020-12-31 23:59:59", "2020"),
        ("2020-02-01 00:00:00", "2020-02-29 23:59:59", "2020-02"),
        ("2020-02-01 00:00:00", "2020-02-28 23:59:59", "2020-02-01..02-28"),
        ("2020-02-03 00:00:00", "2020-02-03 23:59:59", "2020-02-03"),
        ("2020-01-24 00:00:00", "2020-12-04 00:00:00", "2020-01-24..12-04"),
        ("2020-01-01 00:00:00", "2021-01-01 00:00:00", "2020-01-01..2021-01-01"),
        ("2020-01-01 06:30:00", "2020-01-01 18:00:00", "2020-01-01 06:30..18:00"),
        ("2020-01-01 06:30:00", "2020-03-01 18:00:00", "2020-01-01 06:30..03-01 18:00"),
        ("0001-01-01 00:00:00", "9999-12-31 23:59:59", "0001-01-01..9999-12-31"),
    ],
)
def test_a_range_is_as_short_as_it_can_be_without_a_loss(start: str, end: str, words: str) -> None:
    ends: dict[str, Any] = {"start_time": datetime.fromisoformat(start), "end_time": datetime.fromisoformat(end)}
    assert range_words(task(1, "PENDING", **ends)) == words


def test_the_range_of_a_legacy_task_is_read_from_its_text() -> None:
    legacy = task(1, "SUCCESS", date_range="2020-01-01 00:00:00 - 2020-12-31 23:59:59")
    assert legacy.start_time is None and range_words(legacy) == "2020"
    assert range_words(replace(legacy, date_range="long ago")) == "long ago"


days = st.datetimes(datetime(2019, 12, 30), datetime(2021, 1, 2)).map(
    lambda day: datetime(day.year, day.month, day.day)
)


@given(days, days, days, days)
def test_ranges_of_whole_days_that_differ_are_described_differently(
    start: datetime, end: datetime, other_start: datetime, other_end: datetime
) -> None:
    last_second = timedelta(hours=23, minutes=59, seconds=59)
    one = task(1, "PENDING", start_time=start, end_time=end + last_second)
    other = task(1, "PENDING", start_time=other_start, end_time=other_end + last_second)
    assert (range_words(one) == range_words(other)) == ((start, end) == (other_start, other_end))


def test_every_state_has_a_glyph_of_its_own_that_is_one_cell_wide_in_every_terminal() -> None:
    glyphs = [kind.glyph for kind in STANDINGS]
    assert len(set(glyphs)) == len(glyphs)
    assert all(unicodedata.east_asian_width(glyph) in ("N", "Na") for glyph in glyphs)


@pytest.mark.parametrize(
    ("stat", "prod_stat", "word"),
    [
        ("PENDING", None, "waiting"),
        ("STARTED", None, "running"),
        ("SUCCESS", None, "producing"),
        ("SUCCESS", "finish", "done"),
        ("FAILURE", None, "failed"),
        ("ABORTED", None, "aborted"),
        ("RETRY", None, "unknown"),
    ],
)
def test_a_task_is_done_only_when_its_production_is_finished(stat: str, prod_stat: str | None, word: str) -> None:
    assert standing(task(1, stat, prod_stat=prod_stat)).word == word


def test_a_task_that_waits_for_production_says_when_it_begins_whatever_the_zone_of_the_server() -> None:
    waiting = task(1, "SUCCESS", production_due=BOARD.utc_now + timedelta(seconds=43))
    assert producing_words(waiting, BOARD) == "produces in 43s"
    assert producing_words(replace(waiting, production_due=BOARD.utc_now), BOARD) == "producing"


def test_a_waiting_task_names_a_queue_that_no_worker_serves() -> None:
    waiting = task(1, "PENDING", queue="late")
    assert outcome(waiting, BOARD, Rates(), NOBODY, 40).plain == 'no worker on "late"'
    served = Fleet((Worker("default", "alpha", 1, "late", (), 0.0, 60.0),), ())
    assert outcome(waiting, BOARD, Rates(), served, 40).plain == 'in queue "late"'


def test_a_finished_task_says_how_many_authors_it_labelled_and_is_not_cut() -> None:
    done = task(1, "SUCCESS", prod_stat="finish", result="Dcard,fbfans", length_prod_table="2905,3289")
    assert done_words(done) == "6,194 authors in Dcard, fbfans"
    assert outcome(done, BOARD, Rates(), NOBODY, 29).plain == " 6,194 authors  Dcard, fbfans"
    assert outcome(done, BOARD, Rates(), NOBODY, 28).plain == " 6,194 authors"
    rated = replace(done, uniq_source_author="10000,14779")
    assert done_words(rated) == "6,194 authors (25.0%) in Dcard, fbfans"
    assert outcome(rated, BOARD, Rates(), NOBODY, 36).plain == " 6,194 authors  25.0%  Dcard, fbfans"
    assert outcome(rated, BOARD, Rates(), NOBODY, 35).plain == " 6,194 authors  25.0%"
    assert outcome(rated, BOARD, Rates(), NOBODY, 20).plain == " 6,194 authors"
    many = replace(done, result=",".join(f"r{number}" for number in range(400)), length_prod_table=",".join(400 * "1"))
    assert done_words(many).startswith("400 authors in r0, r1, ") and done_words(many).endswith(" and 388 more")
    unlabelled = replace(done, result="", length_prod_table="")
    assert done_words(replace(unlabelled, length_receive_table=7)) == "no post got a label"
    assert done_words(replace(unlabelled, length_receive_table=0)) == "no posts in the range"


def test_an_aborted_task_says_how_far_it_was() -> None:
    aborted = task(1, "ABORTED", windows=24, windows_done=11)
    assert outcome(aborted, BOARD, Rates(), NOBODY, 40).plain == "aborted at 46%"
    done = replace(aborted, windows_done=24)
    assert outcome(done, BOARD, Rates(), NOBODY, 40).plain == "aborted before production"


def test_a_failed_task_says_what_failed_rather_than_where_if_there_is_no_room_for_both() -> None:
    failed = task(1, "FAILURE", error="window 141: (1146) Table 'posts.a' doesn't exist")
    assert outcome(failed, BOARD, Rates(), NOBODY, 60).plain == "window 141: (1146) Table 'posts.a' doesn't exist"
    assert outcome(failed, BOARD, Rates(), NOBODY, 30).plain == "Table 'posts.a' doesn't exist"


@given(st.integers(0, 985), st.integers(16, 60))
def test_the_bar_of_a_running_task_fits_its_column(done: int, width: int) -> None:
    running = task(1, "STARTED", windows=985, windows_done=done)
    assert outcome(running, BOARD, Rates(), NOBODY, width).cell_len <= width
