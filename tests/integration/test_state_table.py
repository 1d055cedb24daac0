"""The state table and the result tables of v2.1: readable as they are, migrated in place without losing a row."""

import pytest

from jobs import services
from jobs.errors import EmptyResult, OutputUnreachable
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import RANGE
from tests.helpers.running import run_in_process
from tests.helpers.v21 import COLUMNS, OLD_TASK, leave_behind


async def test_status_and_sample_read_a_table_of_v21_before_its_migration(deployment: TestDeployment) -> None:
    leave_behind(deployment, (OLD_TASK, "2021-11-09 11:09:43"))
    task = await services.check_status(deployment, OLD_TASK)
    assert (task.length_prod_table, task.rate_of_label) == ("236705", "14.15")
    assert deployment.command("status", OLD_TASK).returncode == 0
    assert "14.15" in deployment.command("list").stdout


async def test_a_table_of_v21_is_migrated_in_place_with_its_rows_unchanged(deployment: TestDeployment) -> None:
    leave_behind(deployment, (OLD_TASK, "2021-11-09 11:09:43"))
    before = deployment.rows(f"SELECT {COLUMNS} FROM {{output}}.state")
    assert [task.task_id for task in await services.task_list(deployment)] == [OLD_TASK]  # before the migration

    task = await run_in_process(deployment, deployment.request())
    assert task.result == "Dcard,fbfans"  # too long for v2.1's column types
    assert task.length_prod_table == "1,1" and task.rate_of_label == "100.00,100.00"
    assert deployment.rows(f"SELECT {COLUMNS} FROM {{output}}.state WHERE task_id = %s", OLD_TASK) == before
    old = await services.check_status(deployment, OLD_TASK)
    assert (old.length_prod_table, old.uniq_source_author, old.rate_of_label) == ("236705", "1672893", "14.15")
    types = dict(
        deployment.rows(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = 'state'",
            deployment.output_schema,
        )
    )
    assert {types[name] for name in ("rate_of_label", "length_prod_table", "uniq_source_author")} == {"text"}
    keys = deployment.rows("SHOW INDEX FROM {output}.state WHERE Key_name = 'PRIMARY'")
    assert [key[4] for key in keys] == ["task_id"]


async def test_rows_that_share_an_id_or_have_an_empty_one_are_all_kept(deployment: TestDeployment) -> None:
    leave_behind(
        deployment, (OLD_TASK, "2021-01-01"), (OLD_TASK, "2021-03-01"), (OLD_TASK, "2021-02-01"), ("", "2021-01-01")
    )
    await run_in_process(deployment, deployment.request())
    rows = deployment.rows("SELECT task_id, create_time FROM {output}.state WHERE create_time < '2022-01-01'")
    assert sorted((task_id, time.month) for task_id, time in rows) == [
        *(("", 1), (OLD_TASK, 3), (f"{OLD_TASK}-2", 2), (f"{OLD_TASK}-3", 1))
    ]


async def test_label_and_production_tables_of_v21_are_kept_and_widened(deployment: TestDeployment) -> None:
    leave_behind(deployment, (OLD_TASK, "2021-11-09 11:09:43"))
    columns = "id VARCHAR(20), task_id VARCHAR(32), source_author VARCHAR(30), panel VARCHAR(10), create_time DATETIME,"
    columns += " field_content VARCHAR(10), match_content VARCHAR(20)"
    for table in ("fbfans", "wh_panel_mapping_fbfans"):
        deployment.write_anything(f"CREATE TABLE {{output}}.{table} ({columns}) CHARACTER SET latin1")
        deployment.write_anything(
            f"INSERT INTO {{output}}.{table} VALUES ('1', %s, 'é', '/female', '2020-01-01', 'WH_F0045', 'é')", OLD_TASK
        )
    task = await run_in_process(deployment, deployment.request())
    assert (task.prod_stat, task.error) == ("finish", None)
    assert [row.source_author for row in await services.sample_result(deployment, OLD_TASK)] == ["é"]
    assert len(deployment.rows("SELECT 1 FROM {output}.wh_panel_mapping_fbfans")) == 2


async def test_a_task_is_found_in_whichever_output_schema_it_was_created(deployment: TestDeployment) -> None:
    leave_behind(deployment)
    task_id = await services.create_task(deployment, deployment.request())
    elsewhere = deployment.with_settings(output_schema="not this one")
    assert (await services.check_status(elsewhere, task_id)).task_id == task_id
    with pytest.raises(EmptyResult):
        await services.sample_result(elsewhere, task_id)


async def test_a_foreign_table_with_the_name_of_a_result_is_left_alone(few_posts: TestDeployment) -> None:
    deployment = few_posts
    deployment.write_anything("CREATE DATABASE {output}")
    deployment.write_anything("CREATE TABLE {output}.other (id INT AUTO_INCREMENT PRIMARY KEY, panel ENUM('a'))")
    before = deployment.rows("SHOW CREATE TABLE {output}.other")
    with pytest.raises(OutputUnreachable, match="other exists, but has no column task_id"):
        await services.create_task(deployment, deployment.request(**RANGE))
    assert deployment.rows("SHOW CREATE TABLE {output}.other") == before
    assert deployment.rows("SELECT 1 FROM {output}.state") == []


@pytest.mark.parametrize("table", ["state", "fbfans", "wh_panel_mapping_fbfans"])
async def test_a_table_without_transactions_is_refused_and_the_advice_helps(
    one_post: TestDeployment, table: str
) -> None:
    deployment = one_post
    task = await run_in_process(deployment, deployment.request())
    deployment.write_anything(f"ALTER TABLE {{output}}.{table} ENGINE = Aria")
    with pytest.raises(OutputUnreachable, match=f"{table} has the engine Aria") as refused:
        await services.create_task(deployment, deployment.request())
    deployment.write_anything("ALTER TABLE" + str(refused.value).partition("ALTER TABLE")[2])
    again = await run_in_process(deployment, deployment.request())
    assert (again.prod_stat, again.length_prod_table) == (task.prod_stat, task.length_prod_table)
