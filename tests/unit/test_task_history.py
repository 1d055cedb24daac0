"""How many tasks each day had."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from console.ui.task_history import MOST_DAYS, days_of, history_text, history_title
from jobs.services import overview
from jobs.services.overview import TaskBoard
from tests.helpers.fixed_app import NOW, task

HOURS = st.lists(st.tuples(st.integers(0, 24 * 40), st.sampled_from(["SUCCESS", "FAILURE", "ABORTED"])), max_size=60)


def board(hours: list[tuple[int, str]]) -> TaskBoard:
    blank = task(1, "SUCCESS", prod_stat="finish")
    tasks = [replace(blank, stat=stat, create_time=NOW - timedelta(hours=age)) for age, stat in sorted(hours)]
    return TaskBoard(NOW, NOW, tuple(tasks))


@given(HOURS)
def test_every_task_of_the_last_days_counts_on_its_day(hours: list[tuple[int, str]]) -> None:
    days = days_of(board(hours))
    naive: Counter[date] = Counter((NOW - timedelta(hours=age)).date() for age, _ in hours)
    stopped = Counter((NOW - timedelta(hours=age)).date() for age, stat in hours if stat != "SUCCESS")
    assert days[-1].day == NOW.date() and len(days) <= MOST_DAYS
    assert [day.day for day in days] == [days[0].day + timedelta(place) for place in range(len(days))]
    assert all((day.tasks, day.failed) == (naive[day.day], stopped[day.day]) for day in days)
    assert days[0].tasks or len(days) in (1, MOST_DAYS)


def test_a_day_that_the_newest_tasks_cover_in_part_is_left_out() -> None:
    full = board([(30, "SUCCESS")] + [(1, "SUCCESS")] * (overview.MOST_TASKS - 1))
    assert [day.tasks for day in days_of(full)] == [overview.MOST_TASKS - 1]


@given(HOURS, st.integers(1, 120))
def test_the_graph_fits_its_width(hours: list[tuple[int, str]], width: int) -> None:
    lines = history_text(days_of(board(hours)), width).plain.split("\n")
    assert len(lines) == 3 and max(map(len, lines)) <= max(width, 3)


def test_the_title_counts_today_the_most_and_the_failed() -> None:
    days = days_of(board([(1, "SUCCESS"), (26, "FAILURE"), (27, "SUCCESS")]))
    assert history_title(days) == "Tasks a day ─ 1 today, at most 2 ─ 1 failed or aborted"
