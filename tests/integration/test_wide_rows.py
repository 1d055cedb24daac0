"""Wide rows: memory does not follow their width, and a row that a server cannot take is named."""

from collections.abc import Iterator

import pytest

from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS
from tests.helpers.running import finished, run_in_process, work_in_process

MEGABYTE = 2**20


@pytest.fixture
def wide(deployment: TestDeployment) -> Iterator[TestDeployment]:
    """A deployment whose input may hold long texts. The server's packet size is restored after the test."""
    deployment.write_patterns(PATTERNS)
    deployment.write_patterns(PATTERNS, "content")
    deployment.write_posts([], index=", PRIMARY KEY (id), INDEX (post_time)")
    deployment.write_anything("ALTER TABLE {input}.{table} MODIFY content LONGTEXT, MODIFY author LONGTEXT")
    yield deployment
    set_packet(deployment, 16 * MEGABYTE)


def set_packet(deployment: TestDeployment, size: int) -> None:
    """Set the largest statement that the server takes from new connections."""
    deployment.write_anything("SET GLOBAL max_allowed_packet = %s", size)


def write_contents(deployment: TestDeployment, count: int, content: str) -> None:
    """Add posts by as many authors. `content` is SQL."""
    deployment.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, content, post_time)"
        f" SELECT seq, 'WH_F0045', CONCAT('author ', seq), {content}, '2020-01-01' + INTERVAL seq SECOND"
        f" FROM mysql.seq_1_to_{count}"
    )


async def test_a_worker_holds_few_of_many_contents_of_a_megabyte_at_a_time(wide: TestDeployment) -> None:
    write_contents(wide, 120, f"CONCAT('ann', REPEAT('x', {MEGABYTE}))")
    task_id = await services.create_task(wide, wide.request(predict_type="content"))
    with wide.workers():
        task = await finished(wide, task_id)
    assert (task.error, task.length_output_table, task.length_prod_table) == (None, 120, "120")
    assert wide.rows("SELECT SUM(LENGTH(match_content)) FROM {output}.wh_panel_mapping_fbfans") == [
        (120 * (MEGABYTE + 3),)
    ]
    # A worker alone takes about 60 MB, all contents another 120 MB.
    assert 50 < (task.peak_memory or 0) < 120


async def test_authors_whose_later_posts_are_much_longer_are_written_before_they_fill_the_memory(
    wide: TestDeployment,
) -> None:
    write_contents(wide, 60, "'ann'")
    wide.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, content, post_time)"
        f" SELECT CONCAT('later ', id), s_id, author, CONCAT('ann', REPEAT('x', {MEGABYTE})),"
        " post_time + INTERVAL 1 DAY FROM {input}.{table}"
    )
    task = await run_in_process(wide, wide.request(predict_type="content"))
    assert (task.error, task.length_output_table, task.length_prod_table) == (None, 120, "60")
    # In parts of three megabytes, though one author has one label row in a part.
    assert len(wide.rows("SELECT id FROM {output}.fbfans")) > 60
    assert wide.rows("SELECT COUNT(*), MIN(LENGTH(match_content)) FROM {output}.wh_panel_mapping_fbfans") == [
        (60, MEGABYTE + 3)
    ]


async def test_a_content_larger_than_a_protocol_packet_is_labelled_whole(wide: TestDeployment) -> None:
    set_packet(wide, 64 * MEGABYTE)
    write_contents(wide, 1, f"CONCAT('ann', REPEAT('x', {20 * MEGABYTE}))")
    task = await run_in_process(wide, wide.request(predict_type="content"))
    assert (task.error, task.length_prod_table) == (None, "1")
    assert wide.rows("SELECT LENGTH(match_content) FROM {output}.wh_panel_mapping_fbfans") == [(20 * MEGABYTE + 3,)]


async def test_a_row_larger_than_the_output_servers_packet_fails_the_task_at_once_and_is_named(
    wide: TestDeployment,
) -> None:
    write_contents(wide, 3, "'ann'")
    wide.write_anything(
        f"UPDATE {{input}}.{{table}} SET content = CONCAT('ann', REPEAT('x', {MEGABYTE})) WHERE id = '2'"
    )
    set_packet(wide, MEGABYTE)
    task_id = await services.create_task(wide, wide.request(predict_type="content"))
    await work_in_process(wide, wide.ref(task_id))
    task = await services.check_status(wide, task_id)
    assert task.stat == "FAILURE"
    for words in (
        "output server",
        "the post with id 2",
        "1,048,714 bytes",
        "max_allowed_packet is 1,048,576",
        "resume",
    ):
        assert words in (task.error or "")
    assert wide.rows("SELECT SUM(attempts) FROM {output}.task_window") == [(0,)]
    set_packet(wide, 2 * MEGABYTE)
    await services.resume_task(wide, task_id)
    await work_in_process(wide, wide.ref(task_id))
    assert (await services.check_status(wide, task_id)).length_prod_table == "3"


async def test_statements_fit_a_small_packet_of_the_output_server(wide: TestDeployment) -> None:
    write_contents(wide, 500, "CONCAT('ann', REPEAT('雅', 1000))")
    set_packet(wide, 2**16)
    task = await run_in_process(wide, wide.request(predict_type="content"))
    assert (task.error, task.length_prod_table) == (None, "500")


async def test_a_row_whose_author_the_input_server_leaves_out_fails_the_task_and_is_named(
    wide: TestDeployment,
) -> None:
    write_contents(wide, 3, "'ann'")
    wide.write_anything(f"UPDATE {{input}}.{{table}} SET author = REPEAT('x', {2 * MEGABYTE}) WHERE id = '2'")
    set_packet(wide, MEGABYTE)
    task = await run_in_process(wide, wide.request())
    assert task.stat == "FAILURE"
    for words in ("input server", "2020-01-01 00:00:02, 2", "max_allowed_packet"):
        assert words in (task.error or "")
    assert wide.rows("SELECT SUM(attempts) FROM {output}.task_window") == [(0,)]
