"""A task: what its status allows, and the figures of its results."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.model.task import ResultFigures, Task, TaskRef, TaskStatus, unique_prefixes


def task(**values: Any) -> Task:
    blank: dict[str, Any] = dict.fromkeys(Task.__dataclass_fields__)
    blank |= {"stat": "PENDING", "generation": 1, "deployment": "default", "start_time": datetime(2020, 1, 1)}
    return Task(**blank | values)


def allowed(task: Task) -> set[str]:
    """Return the actions that a task allows."""
    return {name for name in ("abort", "resume", "sample", "rerun") if getattr(task, f"can_{name}")}


@pytest.mark.parametrize(
    ("stat", "prod_stat", "finished", "awaits_production", "actions"),
    [
        ("PENDING", None, False, False, {"abort", "rerun"}),
        ("STARTED", None, False, False, {"abort", "rerun"}),
        ("SUCCESS", None, False, True, {"abort", "rerun"}),
        ("SUCCESS", "finish", True, False, {"sample", "rerun"}),
        ("FAILURE", None, True, False, {"resume", "rerun"}),
        ("ABORTED", None, True, False, {"resume", "rerun"}),
    ],
)
def test_the_status_of_a_task_decides_what_it_allows(
    stat: str, prod_stat: str | None, finished: bool, awaits_production: bool, actions: set[str]
) -> None:
    found = task(stat=stat, prod_stat=prod_stat, result="fbfans")
    assert found.status is TaskStatus(stat)
    assert (found.finished, found.awaits_production, found.produced) == (
        *(finished, awaits_production, prod_stat == "finish"),
    )
    assert allowed(found) == actions


@pytest.mark.parametrize("stat", ["", "success", "RETRY", "\x1b[2J"])
def test_a_foreign_status_is_kept_as_text_and_has_no_status(stat: str) -> None:
    found = task(stat=stat)
    assert (found.stat, found.status) == (stat, None)
    assert not found.finished and not found.awaits_production and not found.can_resume


def test_a_task_of_v21_can_only_be_sampled() -> None:
    values = {"generation": None, "start_time": None, "prod_stat": "finish", "result": "fbfans"}
    assert allowed(task(stat="SUCCESS", **values)) == {"sample"}
    assert allowed(task(stat="FAILURE", **values | {"prod_stat": None})) == set()


def test_a_finished_task_without_results_has_nothing_to_sample() -> None:
    assert allowed(task(stat="SUCCESS", prod_stat="finish", result="")) == {"rerun"}


def test_every_status_has_its_own_name_as_value() -> None:
    assert [status.value for status in TaskStatus] == ["PENDING", "STARTED", "SUCCESS", "FAILURE", "ABORTED"]
    assert all(str(status) == status.name for status in TaskStatus)


def test_a_task_is_addressed_by_its_output_schema_and_id() -> None:
    assert task(output_schema="results", task_id="0" * 32).ref == TaskRef("results", "0" * 32)


def figures(result: str | None, produced: str | None, authors: str | None, rate: str | None) -> list[ResultFigures]:
    return task(
        result=result, length_prod_table=produced, uniq_source_author=authors, rate_of_label=rate
    ).result_figures


def test_figures_are_given_to_their_results_in_order() -> None:
    assert figures("Dcard,fbfans", "1,2000", "4,3000", "25.00,66.67") == [
        ResultFigures("Dcard", 1, 4, 25.0),
        ResultFigures("fbfans", 2000, 3000, 66.67),
    ]


@pytest.mark.parametrize("result", [None, ""])
def test_a_task_without_results_has_no_figures(result: str | None) -> None:
    assert figures(result, None, None, None) == []
    assert figures(result, "1", "2", "3") == []


def test_figures_that_are_not_known_yet_are_none() -> None:
    assert figures("a,b", None, "", "5") == [ResultFigures("a", None, None, 5.0), ResultFigures("b", None, None, None)]


def test_more_figures_than_results_are_left_out() -> None:
    assert figures("a", "1,2", "3,4", "5,6") == [ResultFigures("a", 1, 3, 5.0)]


def test_a_count_that_v21_wrote_with_decimals_is_a_count() -> None:
    assert figures("a", "236705.0", "1672893.0", "14.15") == [ResultFigures("a", 236705, 1672893, 14.15)]


@pytest.mark.parametrize("text", ["x", "-1", "²", "nan", "inf", "1e400", "9" * 5_000, "1_0", "\x00", "0x1"])
def test_a_count_that_cannot_be_read_is_none(text: str) -> None:
    (found,) = figures("a", text, text, None)
    assert (found.produced, found.authors) == (None, None)


@pytest.mark.parametrize("text", ["x", "nan", "inf", "-inf", "1e400", "²", ""])
def test_a_rate_that_cannot_be_read_or_is_not_finite_is_none(text: str) -> None:
    assert figures("a", None, None, text)[0].rate is None


numbers = st.integers(0, 10**19)


@given(st.lists(st.tuples(st.text("abc_", min_size=1), numbers, numbers, st.decimals(0, 100, places=2)), max_size=5))
def test_figures_are_read_back_as_they_were_joined(rows: list[tuple[str, int, int, Any]]) -> None:
    columns = [",".join(str(row[place]) for row in rows) for place in range(4)]
    assert figures(*columns) == [
        ResultFigures(result, produced, authors, float(rate)) for result, produced, authors, rate in rows
    ]


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_in_the_columns_gives_one_row_of_figures_per_result(
    result: str, produced: str, authors: str, rate: str
) -> None:
    found = task(result=result, length_prod_table=produced, uniq_source_author=authors, rate_of_label=rate)
    assert [each.result for each in found.result_figures] == found.results


@given(
    st.lists(st.text("01", min_size=12, max_size=12), max_size=30), st.lists(st.text("01", min_size=12, max_size=12))
)
def test_a_unique_prefix_is_the_shortest_that_no_other_id_begins_with(ids: list[str], others: list[str]) -> None:
    found = unique_prefixes(ids, others, digits=3)
    every = {*ids, *others}
    assert found.keys() == set(ids)
    for task_id, prefix in found.items():
        assert [other for other in every if other.startswith(prefix)] == [task_id]
        assert len(prefix) == 3 or sum(other.startswith(prefix[:-1]) for other in every) > 1
