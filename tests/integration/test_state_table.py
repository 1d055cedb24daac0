"""The state table: what v2.1 left behind is migrated in place, without losing a row."""

import asyncio

import pytest

from jobs.errors import EmptyResult
from jobs.services import tasks as services
from tests.helpers.deployment import TestSite, post, run_in_process
from tests.helpers.posts import PATTERNS

V21 = """
CREATE TABLE {output}.state (
  task_id VARCHAR(32) NOT NULL, stat VARCHAR(32) NOT NULL, prod_stat VARCHAR(10), model_type VARCHAR(32) NOT NULL,
  predict_type VARCHAR(32) NOT NULL, date_range TEXT, target_table VARCHAR(32) NOT NULL, create_time DATETIME NOT NULL,
  peak_memory FLOAT NOT NULL, length_receive_table INT, length_output_table INT, length_prod_table INT, result TEXT,
  uniq_source_author INT, rate_of_label FLOAT, run_time FLOAT, check_point DATETIME) CHARACTER SET utf8
"""
OLD = "7c7bd38c410a11ecb688d45d6456a14d"
INSERT = "INSERT INTO {output}.state VALUES (%s, 'SUCCESS', 'finish', 'keyword_model', 'author', 'a - b', 'wh_fb_ex',"
INSERT += " %s, 1.5, 16992036, 2030847, 236705, 'fbfans', 1672893, 14.15, 170.345, '2020-01-02 03:04:05')"
SEEDS = "stat, prod_stat, model_type, predict_type, date_range, target_table, create_time, peak_memory,"
SEEDS += " length_receive_table, length_output_table, result, run_time, check_point"


def leave_behind(site: TestSite, *rows: tuple[str | None, str]) -> None:
    site.write_patterns(PATTERNS)
    site.write_posts([post(1, "Annie", "2020-06-01 00:00:00"), post(2, "志明", "2020-06-01 00:00:00", "WH_F0116")])
    site.write_anything("CREATE DATABASE {output}")
    site.write_anything(V21)
    for row in rows:
        site.write_anything(INSERT, *row)


async def test_a_table_of_v21_is_migrated_in_place_with_its_rows_as_they_were(site: TestSite) -> None:
    leave_behind(site, (OLD, "2021-11-09 11:09:43"))
    before = site.rows(f"SELECT {SEEDS} FROM {{output}}.state")
    assert [task.task_id for task in await services.task_list(site)] == [OLD]  # readable as it is

    task = await run_in_process(site, site.request())
    assert task.result == "Dcard,fbfans"  # what v2.1's column types could not hold
    assert task.length_prod_table == "1,1" and task.rate_of_label == "100.00,100.00"
    assert site.rows(f"SELECT {SEEDS} FROM {{output}}.state WHERE task_id = %s", OLD) == before
    old = await services.check_status(site, OLD)
    assert (old.length_prod_table, old.uniq_source_author, old.rate_of_label) == ("236705", "1672893", "14.15")
    types = dict(
        site.rows(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = 'state'",
            site.output_schema,
        )
    )
    assert {types[name] for name in ("rate_of_label", "length_prod_table", "uniq_source_author")} == {"text"}
    keys = site.rows("SHOW INDEX FROM {output}.state WHERE Key_name = 'PRIMARY'")
    assert [key[4] for key in keys] == ["task_id"]


async def test_rows_that_share_an_id_or_have_an_empty_one_are_all_kept(site: TestSite) -> None:
    leave_behind(site, (OLD, "2021-01-01"), (OLD, "2021-03-01"), (OLD, "2021-02-01"), ("", "2021-01-01"))
    await run_in_process(site, site.request())
    rows = site.rows("SELECT task_id, create_time FROM {output}.state WHERE create_time < '2022-01-01'")
    assert sorted((task_id, time.month) for task_id, time in rows) == [
        *(("", 1), (OLD, 3), (f"{OLD}-2", 2), (f"{OLD}-3", 1))
    ]


async def test_label_and_production_tables_of_v21_are_kept_and_widened(site: TestSite) -> None:
    leave_behind(site, (OLD, "2021-11-09 11:09:43"))
    columns = "id VARCHAR(20), task_id VARCHAR(32), source_author VARCHAR(30), panel VARCHAR(10), create_time DATETIME,"
    columns += " field_content VARCHAR(10), match_content VARCHAR(20)"
    for table in ("fbfans", "wh_panel_mapping_fbfans"):
        site.write_anything(f"CREATE TABLE {{output}}.{table} ({columns}) CHARACTER SET latin1")
        site.write_anything(
            f"INSERT INTO {{output}}.{table} VALUES ('1', %s, 'é', '/female', '2020-01-01', 'WH_F0045', 'é')", OLD
        )
    task = await run_in_process(site, site.request())
    assert (task.prod_stat, task.error) == ("finish", None)
    assert [row.source_author for row in await services.sample_result(site, OLD)] == ["é"]
    assert len(site.rows("SELECT 1 FROM {output}.wh_panel_mapping_fbfans")) == 2


async def test_many_first_tasks_at_once_make_the_tables_once(site: TestSite) -> None:
    leave_behind(site, (OLD, "2021-11-09 11:09:43"))
    await asyncio.gather(*(services.create_task(site, site.request()) for _ in range(8)))
    assert len(site.rows("SELECT 1 FROM {output}.state")) == 9


async def test_a_task_is_found_in_whatever_output_schema_it_was_created(site: TestSite) -> None:
    leave_behind(site)
    task_id = await services.create_task(site, site.request())
    elsewhere = site.with_settings(output_schema="not this one")
    assert (await services.check_status(elsewhere, task_id)).task_id == task_id
    with pytest.raises(EmptyResult):
        await services.sample_result(elsewhere, task_id)
