"""Whole tasks over real servers, checked against the naive oracle."""

import asyncio

import pytest

from jobs.model.task import Task
from jobs.services import tasks as services
from tests.helpers.deployment import TestSite, finished, run_in_process
from tests.helpers.oracle import Outcome, Patterns, Post, outcome
from tests.helpers.posts import END, PATTERNS, RULES, SOURCES, START, odd_posts

RANGE = {"start_time": str(START), "end_time": str(END)}


def assert_equals(site: TestSite, task: Task, expected: Outcome) -> None:
    assert (task.stat, task.prod_stat, task.error) == ("SUCCESS", "finish", None)
    assert task.length_receive_table == expected.received
    assert task.length_output_table == expected.labelled
    assert task.result == expected.result
    assert task.uniq_source_author == expected.uniq_source_author
    assert task.length_prod_table == expected.length_prod_table
    assert task.rate_of_label == expected.rate_of_label
    assert site.production() == expected.production
    for result in task.results:
        assert site.rows(f"SELECT 1 FROM {{output}}.`{result}` WHERE votes < 1") == []
    labelled = sum(site.rows(f"SELECT SUM(votes) FROM {{output}}.`{result}`")[0][0] for result in task.results)
    assert labelled == expected.labelled


@pytest.mark.parametrize(("windows", "workers"), [(1, 1), (50, 1), (50, 4)])
async def test_twenty_thousand_odd_posts_come_out_as_the_oracle_says_however_they_are_divided(
    site: TestSite, windows: int, workers: int
) -> None:
    posts = odd_posts(21_000)
    site.write_patterns(PATTERNS)
    site.write_posts(posts)
    cut = site.with_settings(window_rows=1_000_000 if windows == 1 else 15_000 // windows)
    with site.workers(workers):
        task = await finished(site, await services.create_task(cut, site.request(**RANGE)))
    assert task.windows == 1 if windows == 1 else (task.windows or 0) > 20
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END))


@pytest.mark.parametrize("predict_type", ["author_name", "s_area_id", "title", "content"])
@pytest.mark.parametrize("patterns", [PATTERNS, RULES], ids=["keyword_model", "rule_model"])
async def test_both_models_work_on_all_four_predict_types(
    site: TestSite, predict_type: str, patterns: Patterns, request: pytest.FixtureRequest
) -> None:
    posts = odd_posts(3_000, seed=2)
    site.write_patterns(patterns, predict_type)
    site.write_posts(posts)
    model_type = request.node.callspec.id.split("-")[0]
    asked = site.request(**RANGE, model_type=model_type, predict_type=predict_type)
    task = await run_in_process(site.with_settings(window_rows=400), asked)
    column = "author" if predict_type == "author_name" else predict_type
    assert_equals(site, task, outcome(posts, patterns, SOURCES, START, END, column=column))


async def test_ids_that_are_numbers_compare_as_numbers(site: TestSite) -> None:
    posts = [Post(str(n), "WH_F0045", None, "雅婷", None, None, START) for n in (9, 10, 100, -1000)]
    site.write_patterns(PATTERNS)
    site.write_posts(posts, id_type="BIGINT")
    task = await run_in_process(site, site.request(**RANGE))
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END, integer_id=True))
    assert site.production()["wh_panel_mapping_fbfans"][0][0] == "100"


async def test_a_table_without_an_index_on_post_time_is_read_in_one_window(site: TestSite) -> None:
    posts = odd_posts(2_000, seed=3)
    site.write_patterns(PATTERNS)
    site.write_posts(posts, index="")
    task = await run_in_process(site.with_settings(window_rows=100), site.request(**RANGE))
    assert task.windows == 1
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_a_task_that_labels_nothing_succeeds_with_an_empty_result(site: TestSite) -> None:
    site.write_patterns({"female": [("nobody is called this", "exactly")]})
    site.write_posts(odd_posts(500))
    task = await run_in_process(site, site.request(**RANGE))
    assert (task.stat, task.prod_stat, task.result, task.length_output_table) == ("SUCCESS", "finish", "", 0)
    assert task.length_receive_table


async def test_a_range_without_rows_succeeds(site: TestSite) -> None:
    site.write_patterns(PATTERNS)
    site.write_posts(odd_posts(100))
    task = await run_in_process(site, site.request(start_time="1999-01-01 00:00:00", end_time="1999-12-31 00:00:00"))
    assert (task.stat, task.prod_stat, task.length_receive_table) == ("SUCCESS", "finish", 0)


async def test_no_value_is_cut_however_wide_and_tables_widen_for_later_tasks(site: TestSite) -> None:
    site.write_patterns(PATTERNS)
    site.write_posts(odd_posts(200))
    await run_in_process(site, site.request(**RANGE))
    wide = "雅婷" + "寬" * 3_000
    site.write_anything("ALTER TABLE {input}.{table} MODIFY author TEXT, MODIFY id TEXT")
    site.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, post_time) VALUES (%s, 'WH_F0045', %s, %s)",
        "i" * 5_000,
        wide,
        START,
    )
    task = await run_in_process(site, site.request(**RANGE))
    assert task.prod_stat == "finish", task.error
    found = site.rows(
        "SELECT id, source_author, match_content FROM {output}.wh_panel_mapping_fbfans WHERE LENGTH(id) = 5000"
    )
    assert found == [("i" * 5_000, f"WH_F0045_{wide}", wide)]


async def test_editing_patterns_and_sources_changes_nothing_in_a_task_that_exists(site: TestSite) -> None:
    posts = odd_posts(1_000, seed=4)
    site.write_patterns(PATTERNS)
    site.write_posts(posts)
    task_id = await services.create_task(site, site.request(**RANGE))
    site.write_patterns({"female": [("author", "start")], "male": [("x", "end")]})
    site.write_sources('default = "elsewhere"\n')
    with site.workers():
        task = await finished(site, task_id)
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_tasks_side_by_side_do_not_mix(site: TestSite) -> None:
    posts = odd_posts(4_000, seed=5)
    site.write_patterns(PATTERNS)
    site.write_posts(posts)
    small = site.with_settings(window_rows=300)
    with site.workers(2):
        ids = await asyncio.gather(*(services.create_task(small, site.request(**RANGE)) for _ in range(5)))
        tasks = [await finished(site, task_id) for task_id in ids]
    expected = outcome(posts, PATTERNS, SOURCES, START, END)
    for task in tasks:
        assert task.length_prod_table == expected.length_prod_table
        assert task.rate_of_label == expected.rate_of_label
    assert all(len(rows) == 5 * len(expected.production[name]) for name, rows in site.production().items())


async def test_production_run_again_gives_what_it_gave(site: TestSite) -> None:
    site.write_patterns(PATTERNS)
    site.write_posts(odd_posts(1_000, seed=6))
    task = await run_in_process(site, site.request(**RANGE))
    before = site.production()
    site.write_anything("UPDATE {output}.state SET prod_stat = NULL")
    from jobs.worker.context import Workplace
    from jobs.worker.production import produce

    assert await produce(Workplace(site), site.output_schema, task.task_id)
    assert site.production() == before
    assert (await services.check_status(site, task.task_id)).length_prod_table == task.length_prod_table
