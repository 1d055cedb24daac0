"""The tabs of a task's page: the map of its windows, the graph of its pace."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.ui.formatting import graph
from console.ui.rates import Rates
from console.ui.task_columns import Situation
from console.ui.task_tabs import TABS, first_tab, tab_text
from console.ui.task_text import TaskData, detail_text, window_standings
from console.ui.task_words import DONE, FAILED, RUNNING, WAITING
from jobs.model.event import TaskEvent
from jobs.model.task import Task
from jobs.model.windows import WindowState
from jobs.services.overview import Fleet, TaskBoard, Worker
from tests.helpers.fixed_app import NOW, task

STARTED = task(2, "STARTED", windows_done=1, windows=6)
WINDOWS = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=400)


def situation(workers: int, shown: Task = STARTED) -> Situation:
    fleet = tuple(Worker("default", "host", pid, "q", (shown.task_id,), 0.0, 0.0) for pid in range(workers))
    return Situation(TaskBoard(NOW, NOW, (shown,)), Rates(), Fleet(fleet, ()))


def windows(states: list[tuple[bool, int]]) -> tuple[WindowState, ...]:
    start = datetime(2020, 1, 1)
    return tuple(
        WindowState(number, start + timedelta(number), start + timedelta(number + 1), done, attempts)
        for number, (done, attempts) in enumerate(states, 1)
    )


@given(WINDOWS, st.integers(0, 5))
def test_each_worker_on_a_task_has_one_of_the_first_open_windows(states: list[tuple[bool, int]], workers: int) -> None:
    kinds = window_standings(STARTED, situation(workers), windows(states))
    assert [kind is DONE for kind in kinds] == [done for done, _ in states]
    assert [kind is FAILED for kind in kinds] == [bool(attempts) and not done for done, attempts in states]
    open_ones = [kind for kind in kinds if kind in (RUNNING, WAITING)]
    running = min(workers, len(open_ones))
    assert open_ones == [RUNNING] * running + [WAITING] * (len(open_ones) - running)


def test_the_bars_of_all_results_are_as_long_whatever_their_counts() -> None:
    done = task(
        *(3, "SUCCESS"),
        prod_stat="finish",
        result="Dcard,fbfans,other",
        length_prod_table="9,112279,481",
        uniq_source_author="18,224558,962",
        rate_of_label="50.0,50.0,50.0",
    )
    text = detail_text(done, situation(1, done), TaskData(), 60, 40).plain
    bars = [line[line.index("━") :] for line in text.splitlines() if "━" in line]
    assert len(bars) == 3 and len({line.rindex("─") for line in bars}) == 1
    assert [line.endswith(end) for line, end in zip(bars, ("18", "224,558", "962"), strict=True)] == [True] * 3


def test_a_stopped_task_works_on_nothing_and_shows_the_window_that_failed_it() -> None:
    failed = replace(STARTED, stat="FAILURE", error="window 3: the table is gone")
    kinds = window_standings(failed, situation(2, failed), windows([(True, 0), (False, 0), (False, 0)]))
    assert kinds == [DONE, WAITING, FAILED]


@given(
    st.lists(st.floats(0, 1e7), max_size=300), st.integers(1, 120), st.integers(1, 16), st.sampled_from([0.0, 1.0, 1e7])
)
def test_a_graph_fits_its_columns_and_lines_and_no_column_has_a_gap(
    values: list[float], width: int, height: int, greatest: float
) -> None:
    lines = graph(values, width, height, max(greatest, *values, 0.0))
    assert len(lines) == height and {len(line) for line in lines} <= {min(len(values), width)}
    for column in zip(*reversed(lines), strict=True):
        text = "".join(column)
        assert text.rstrip() == text.strip(), "blocks float"
        assert set(text.rstrip()[:-1]) <= {"█"}
    if len(values) <= width:
        assert [value > 0 for value in values] == [any(line[x] != " " for line in lines) for x in range(len(values))]


@given(WINDOWS, st.sampled_from([76, 116, 196]), st.integers(1, 40))
def test_every_tab_of_every_state_fits_its_width(states: list[tuple[bool, int]], width: int, height: int) -> None:
    event = TaskEvent(NOW, "retried", "window 1: connection lost")
    data = TaskData(windows(states), {"fbfans": {"/female": 3, "/male": 1}}, "no hits", (event,))
    done = replace(
        STARTED, stat="SUCCESS", prod_stat="finish", result="fbfans", length_prod_table="4", uniq_source_author="9"
    )
    for shown in (STARTED, replace(STARTED, stat="FAILURE", error="x"), replace(done, rate_of_label="44.44")):
        assert first_tab(shown) in TABS
        for tab in TABS:
            text = tab_text(tab, shown, situation(1, shown), data, width, height)
            assert max(map(cell_len, text.plain.split("\n"))) <= width, (tab, text.plain)


def test_the_first_tab_is_the_one_that_says_most() -> None:
    assert first_tab(task(1, "PENDING")) == "facts"
    assert first_tab(STARTED) == "windows"
    assert first_tab(task(4, "FAILURE")) == "events"
    assert first_tab(task(3, "SUCCESS", prod_stat="finish")) == "results"
