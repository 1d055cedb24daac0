"""Input tables of every kind: ids, charsets, widths, views."""

from dataclasses import replace

import pytest

from jobs import services
from jobs.errors import CannotStart
from jobs.storage import state
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import Post, outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts, post
from tests.helpers.running import run_in_process, work_in_process


async def test_integer_ids_compare_as_numbers(deployment: TestDeployment) -> None:
    posts = [Post(str(n), "WH_F0045", None, "雅婷", None, None, START) for n in (9, 10, 100, -1000)]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type="BIGINT")
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END, integer_id=True))
    assert deployment.production()["wh_panel_mapping_fbfans"][0][0] == "100"


async def test_columns_of_different_charsets_are_read_alike(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    posts = [
        post(1, "Annie", "2020-03-02 00:00:00"),
        post(2, "志明", "2020-03-02 00:00:00"),
        post(3, "Groß", "2020-03-03"),
    ]
    deployment.write_posts(posts)
    table = "{input}.`ts page-content`"
    deployment.write_anything(
        f"ALTER TABLE {table} MODIFY s_id VARCHAR(32) CHARACTER SET latin1,"
        " MODIFY author VARCHAR(255) CHARACTER SET utf8mb3, MODIFY id VARCHAR(64) CHARACTER SET big5"
    )
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_output_columns_are_as_wide_as_the_characters_of_the_input_not_its_bytes(
    deployment: TestDeployment,
) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([])
    deployment.write_anything(
        "ALTER TABLE {input}.{table} MODIFY author TINYTEXT, MODIFY content TEXT CHARACTER SET latin1"
    )
    long = Post("1", "WH_F0045", None, "ann" + "x" * 200, None, "ann" + "é" * 60_000, START)
    deployment.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, content, post_time) VALUES (%s, %s, %s, %s, %s)",
        *(long.id, long.s_id, long.author, long.content, long.post_time),
    )
    deployment.write_patterns(PATTERNS, "content")
    for predict_type in ("author_name", "content"):
        task = await run_in_process(deployment, deployment.request(**RANGE, predict_type=predict_type))
        assert (task.error, task.length_prod_table) == (None, "1")


async def test_no_value_is_truncated_and_tables_widen_for_later_tasks(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(200))
    await run_in_process(deployment, deployment.request(**RANGE))
    wide = "雅婷" + "寬" * 3_000
    deployment.write_anything("ALTER TABLE {input}.{table} MODIFY author TEXT, MODIFY id TEXT")
    deployment.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, post_time) VALUES (%s, 'WH_F0045', %s, %s)",
        *("i" * 5_000, wide, START),
    )
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert task.prod_stat == "finish", task.error
    found = deployment.rows(
        "SELECT id, source_author, match_content FROM {output}.wh_panel_mapping_fbfans WHERE LENGTH(id) = 5000"
    )
    assert found == [("i" * 5_000, f"WH_F0045_{wide}", wide)]


async def test_a_view_is_read_like_a_table(deployment: TestDeployment) -> None:
    posts = odd_posts(2_000, seed=8)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    deployment.write_anything("CREATE VIEW {input}.view AS SELECT * FROM {input}.{table}")
    task = await run_in_process(deployment, deployment.request(**RANGE, target_table="view"))
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_ids_outside_ascii_are_produced(deployment: TestDeployment) -> None:
    posts = [
        replace(post(number, author, f"2020-03-02 00:00:{number:02}"), id=f"帖{number:05}")
        for number, author in enumerate(["Annie", "Annie", "志明", "Sun", "Annie"])
    ]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type="VARCHAR(6)")
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))
    assert task.length_prod_table == "3"


async def test_column_names_in_capitals_are_accepted(deployment: TestDeployment) -> None:
    posts = odd_posts(300, seed=23)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    columns = ["ID VARCHAR(64)", "S_ID VARCHAR(32)", "AUTHOR VARCHAR(255)", "POST_TIME DATETIME"]
    changes = ", ".join(f"CHANGE {column.split()[0].lower()} {column}" for column in columns)
    deployment.write_anything(f"ALTER TABLE {{input}}.`ts page-content` {changes}")
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_decimal_ids_compare_as_numbers(deployment: TestDeployment) -> None:
    posts = [Post(str(n), "WH_F0045", None, "雅婷", None, None, START) for n in (9, 10, 10**19, -(10**18), 100)]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type="DECIMAL(20,0) PRIMARY KEY")
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END, integer_id=True))
    assert deployment.production()["wh_panel_mapping_fbfans"][0][0] == str(10**19)
    deployment.write_anything("DELETE FROM {output}.wh_panel_mapping_fbfans")
    deployment.write_anything("ALTER TABLE {input}.{table} MODIFY id DECIMAL(30,3)")
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert deployment.production()["wh_panel_mapping_fbfans"][0][0] == f"{10**19}.000"
    deployment.write_anything("DELETE FROM {output}.wh_panel_mapping_fbfans")
    deployment.write_anything("UPDATE {input}.{table} SET id = -9 / (100 + id %% 89)")
    deployment.write_anything("ALTER TABLE {input}.{table} MODIFY id DECIMAL(31,31)")
    await run_in_process(deployment, deployment.request(**RANGE))
    ((greatest,),) = deployment.rows("SELECT CAST(MAX(id) AS CHAR) FROM {input}.{table}")
    assert deployment.production()["wh_panel_mapping_fbfans"][0][0] == greatest


async def test_unique_ids_that_are_the_same_in_unicode_give_each_author_one_row(deployment: TestDeployment) -> None:
    posts = [post(number, f"ann {number}", "2020-03-02 00:00:00") for number in range(2)]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type="VARCHAR(64) CHARACTER SET big5 COLLATE big5_bin UNIQUE")
    # Neither has a place in Unicode.
    deployment.write_anything("UPDATE {input}.{table} SET id = IF(id = 0, X'C8FE', X'C8FD')")
    task = await run_in_process(deployment, deployment.request(**RANGE))
    rows = deployment.production()["wh_panel_mapping_fbfans"]
    assert [(row[0], row[1]) for row in rows] == [("?", "WH_F0045_ann 0"), ("?", "WH_F0045_ann 1")]
    assert task.length_prod_table == "2"


@pytest.mark.parametrize(
    ("column", "kind", "predict_type"),
    [
        ("author", "VARBINARY(255)", "author_name"),
        ("s_id", "BINARY(32)", "author_name"),
        ("id", "BINARY(16)", "author_name"),
        ("id", "DOUBLE", "author_name"),
        ("id", "BIT(20)", "author_name"),
        ("id", "TIME", "author_name"),
        ("id", "DECIMAL(65,0)", "author_name"),
        ("content", "MEDIUMBLOB", "content"),
    ],
)
async def test_a_column_that_cannot_be_exact_is_refused_when_the_task_is_created(
    deployment: TestDeployment, column: str, kind: str, predict_type: str
) -> None:
    deployment.write_patterns(PATTERNS, predict_type)
    deployment.write_posts([])
    deployment.write_anything(f"ALTER TABLE {{input}}.`ts page-content` MODIFY {column} {kind}")
    with pytest.raises(CannotStart, match=f"column {column} of input table .*; read the table through a view"):
        await services.create_task(deployment, deployment.request(**RANGE, predict_type=predict_type))
    assert not deployment.output_exists()


@pytest.mark.parametrize("zone", ["+00:00", "+08:00"])
async def test_the_range_of_a_timestamp_is_in_the_deployments_zone_whatever_the_servers_is(
    deployment: TestDeployment, zone: str
) -> None:
    posts = odd_posts(500, seed=31)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    # As the clock of that zone shows them.
    deployment.write_anything(
        f"SET STATEMENT time_zone = '{zone}' FOR ALTER TABLE {{input}}.{{table}} MODIFY post_time TIMESTAMP NULL"
    )
    deployment.write_anything("SET GLOBAL time_zone = '-03:30'")
    try:
        there = deployment.with_settings(input_time_zone=zone)
        task_id = await services.create_task(there, deployment.request(**RANGE))
        # The task keeps the zone that it was created in.
        await work_in_process(deployment, deployment.ref(task_id))
    finally:
        deployment.write_anything("SET GLOBAL time_zone = 'SYSTEM'")
    task = await services.check_status(deployment, task_id)
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_the_run_time_is_right_where_the_servers_clock_goes_back_an_hour(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(100))
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    ref = deployment.ref(task_id)
    async with deployment.output_session() as session:
        await state.start(session, ref, "worker")
    deployment.write_anything("SET GLOBAL time_zone = '-01:00'")
    try:
        await work_in_process(deployment, ref)
    finally:
        deployment.write_anything("SET GLOBAL time_zone = 'SYSTEM'")
    assert 0 <= ((await services.check_status(deployment, task_id)).run_time or -1) < 1


@pytest.mark.parametrize("model_type", ["keyword_model", "rule_model"])
async def test_authors_and_sources_with_half_a_surrogate_pair_are_labelled_unchanged(
    deployment: TestDeployment, model_type: str
) -> None:
    deployment.write_patterns({"female": ["ann"]} if model_type == "rule_model" else PATTERNS)
    deployment.write_posts([post(1, "Annie", str(START))])
    deployment.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, post_time) VALUES"
        " (2, 'WH_F0045', _utf8mb4 X'616E6EEDA080', %s), (3, _utf8mb4 X'73EDA080', 'anna', %s)",
        *(START, START),
    )
    task = await run_in_process(deployment, deployment.request(**RANGE, model_type=model_type))
    assert (task.error, task.length_prod_table) == (None, "2,1")
    names = "SELECT HEX(source_author) FROM {output}.wh_panel_mapping_%s ORDER BY id"
    assert deployment.rows(names % "fbfans")[1] == ((b"WH_F0045_ann\xed\xa0\x80").hex().upper(),)
    assert deployment.rows(names % "other") == [((b"s\xed\xa0\x80_anna").hex().upper(),)]


async def test_a_text_with_half_a_surrogate_pair_fails_its_task_at_once_with_what_to_look_for(
    deployment: TestDeployment,
) -> None:
    deployment.write_patterns(PATTERNS, "content")
    deployment.write_posts([post(1, "Annie", str(START))])
    deployment.write_anything("UPDATE {input}.{table} SET content = _utf8mb4 X'616E6EEDA080'")
    task = await run_in_process(deployment, deployment.request(**RANGE, predict_type="content"))
    assert task.stat == "FAILURE" and task.error is not None
    assert "not UTF-8, from X'EDA080' on" in task.error and "audience resume" in task.error
    found = "SELECT COUNT(*) FROM {input}.{table} WHERE LOCATE(X'EDA080', BINARY content)"
    assert deployment.rows(found) == [(1,)]


async def test_a_post_that_gets_another_key_while_a_task_runs_has_one_row_in_production(
    deployment: TestDeployment,
) -> None:
    posts = [post(number, f"ann {number}", "2020-03-02 00:00:00") for number in range(40)]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, index=", UNIQUE (id), number INT AUTO_INCREMENT INVISIBLE PRIMARY KEY")
    cut = deployment.with_settings(window_rows=10)
    ref = deployment.ref(await services.create_task(cut, deployment.request(**RANGE)))
    assert deployment.count("from_key IS NOT NULL OR before_key IS NOT NULL", "task_window") > 1
    context = WorkerContext(cut)
    async with deployment.output_session() as session:
        lane = LabelLane(context, ref)
        await lane.start(session)
        async with session.transaction():
            assert await lane.claim(session)
            await lane.work(session)
    # As REPLACE of a post with the same text does; another author's name is a change of its text.
    deployment.write_anything("UPDATE {input}.{table} SET number = number + 1000 ORDER BY number LIMIT 3")
    deployment.write_anything("UPDATE {input}.{table} SET author = 'anna' WHERE number = 1001")
    await work_in_process(cut, ref)
    task = await services.check_status(deployment, ref.task_id)
    rows = deployment.production()["wh_panel_mapping_fbfans"]
    assert len(rows) == len({row[1:3] for row in rows}) == 41
    assert (task.error, task.length_prod_table) == (None, "41")
