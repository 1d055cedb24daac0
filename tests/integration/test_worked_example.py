"""The worked example of docs/contract.md."""

from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import post
from tests.helpers.running import finished

PATTERNS = {
    "female": [("雅婷", "partially"), ("ann", "start")],
    "male": [("志明", "partially"), ("sun", "exactly"), ("tan", "end")],
}

POSTS = [
    post(1, "林雅婷", "2020-01-01 00:00:00"),
    post(2, "Annie", "2020-01-01 05:59:59"),
    post(3, "Sun", "2020-01-01 06:00:00"),
    post(4, "Sunny", "2020-01-01 06:00:01"),
    post(5, "Ann Tan", "2020-01-02 00:00:00"),
    post(6, "林雅婷", "2020-01-03 00:00:00"),
    post(7, None, "2020-01-03 00:00:01"),
]

FBFANS, FORUM = "wh_panel_mapping_fbfans", "wh_panel_mapping_forum"


async def test_the_worked_example_gives_exactly_the_documented_numbers(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(POSTS, id_type="INT")
    request = deployment.request(start_time="2020-01-01 00:00:00", end_time="2020-01-03 00:00:00")
    task_id = await services.create_task(deployment, request)
    with deployment.workers():
        task = await finished(deployment, task_id)

    assert (task.stat, task.prod_stat, task.error) == ("SUCCESS", "finish", None)
    assert task.length_receive_table == 6
    assert task.length_output_table == 5
    assert task.uniq_source_author == "5"
    assert task.length_prod_table == "4"
    assert task.rate_of_label == "80.00"
    assert task.result == "fbfans"
    assert task.date_range == "2020-01-01 00:00:00 - 2020-01-03 00:00:00"
    assert task.target_table == deployment.input_schema
    assert task.peak_memory is not None and task.peak_memory > 10
    assert task.run_time is not None and task.run_time > 0

    rows = {row.source_author: row for row in await services.sample_result(deployment, task_id)}
    assert {name: (row.id, row.panel) for name, row in rows.items()} == {
        "WH_F0045_林雅婷": ("6", "/female"),
        "WH_F0045_Annie": ("2", "/female"),
        "WH_F0045_Sun": ("3", "/male"),
        "WH_F0045_Ann Tan": ("5", "/female"),
    }
    label_rows = deployment.rows("SELECT source_author, votes, rule, field_content, match_content FROM {output}.fbfans")
    assert sorted(label_rows) == [
        ("WH_F0045_Ann Tan", 1, "ann start", "WH_F0045", "Ann Tan"),
        ("WH_F0045_Annie", 1, "ann start", "WH_F0045", "Annie"),
        ("WH_F0045_Sun", 1, "sun exactly", "WH_F0045", "Sun"),
        ("WH_F0045_林雅婷", 2, "雅婷 partially", "WH_F0045", "林雅婷"),
    ]
    columns = deployment.rows(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = 'wh_panel_mapping_fbfans' ORDER BY ordinal_position",
        deployment.output_schema,
    )
    assert [name for (name,) in columns] == [
        *("id", "task_id", "source_author", "panel", "create_time", "field_content", "match_content")
    ]


async def test_a_source_of_two_results_goes_to_both_and_its_rows_count_once(deployment: TestDeployment) -> None:
    deployment.write_sources('[results]\nfbfans = ["WH_F0045"]\nforum = ["WH_F0045", "WH_F0116"]\n')
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([*POSTS, post(8, "Annie", "2020-01-03 00:00:00", "WH_F0116")], id_type="INT")
    request = deployment.request(start_time="2020-01-01 00:00:00", end_time="2020-01-03 00:00:00")
    task_id = await services.create_task(deployment, request)
    with deployment.workers():
        task = await finished(deployment, task_id)

    assert (task.stat, task.prod_stat, task.error) == ("SUCCESS", "finish", None)
    assert (task.length_receive_table, task.length_output_table) == (7, 6)
    assert task.result == "fbfans,forum"
    assert (task.uniq_source_author, task.length_prod_table, task.rate_of_label) == ("5,6", "4,5", "80.00,83.33")
    fbfans = {row.source_author for row in await services.sample_result(deployment, task_id, [FBFANS])}
    assert fbfans == {"WH_F0045_林雅婷", "WH_F0045_Annie", "WH_F0045_Sun", "WH_F0045_Ann Tan"}
    forum = {row.source_author for row in await services.sample_result(deployment, task_id, [FORUM])}
    assert forum == {*fbfans, "WH_F0116_Annie"}
