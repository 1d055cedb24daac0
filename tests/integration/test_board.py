"""The board that the console polls: only rows that have changed are read again, and none is ever missed."""

from unittest.mock import patch

import pytest

from jobs import services
from jobs.services import overview
from jobs.services.overview import read_board
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.running import run_in_process, work_in_process
from tests.helpers.screens import create_tasks
from tests.helpers.v21 import OLD_TASK, leave_behind

CHANGES = [
    "stat = 'FAILURE'",
    "prod_stat = 'finish'",
    "windows_done = 7",
    "error = ''",
    "error = '-'",
    "waiting_for = 'a|b'",
    "peak_memory = 79.25",
    "heartbeat = heartbeat + INTERVAL 1 MICROSECOND",
    "create_time = create_time - INTERVAL 1 DAY",
    "result = 'fbfans', uniq_source_author = '1'",
    "result = NULL, uniq_source_author = NULL",
    "queue = '\u53f0\u5317'",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_row_is_read_again_and_the_others_are_not(one_post: TestDeployment, change: str) -> None:
    first, second, third = await create_tasks(one_post, 3)
    known = await read_board(one_post)
    one_post.write_anything(f"UPDATE {{output}}.state SET {change} WHERE task_id = %s", second)
    board = await read_board(one_post, known=known)
    assert board.tasks == (await read_board(one_post)).tasks != known.tasks
    before, after = ({task.task_id: task for task in one.tasks} for one in (known, board))
    assert after[first] is before[first] and after[third] is before[third]


async def test_tasks_that_come_and_go_and_work_on_a_task_are_seen(one_post: TestDeployment) -> None:
    (task_id,) = await create_tasks(one_post, 1)
    known = await read_board(one_post)
    await work_in_process(one_post, one_post.ref(task_id))
    known = await read_board(one_post, known=known)
    assert [task.produced for task in known.tasks] == [True]
    await run_in_process(one_post, one_post.request())
    known = await read_board(one_post, known=known)
    assert len(known.tasks) == 2
    one_post.write_anything("DELETE FROM {output}.state WHERE task_id = %s", task_id)
    known = await read_board(one_post, known=known)
    assert len(known.tasks) == 1 and known.tasks == (await read_board(one_post)).tasks
    assert await services.task_list(one_post) == list(known.tasks)


async def test_tasks_take_turns_if_more_have_changed_than_a_poll_reads(one_post: TestDeployment) -> None:
    ids = await create_tasks(one_post, 5)
    known = await read_board(one_post)
    read_again: list[str] = []
    with patch.object(overview, "_MOST_READ_AGAIN", 2):
        for number in range(1, 6):
            one_post.write_anything("UPDATE {output}.state SET windows_done = %s", number)
            board = await read_board(one_post, known=known)
            assert [task.task_id for task in board.tasks] == [task.task_id for task in known.tasks]
            read_again += [task.task_id for task in board.tasks if task not in known.tasks]
            known = board
        assert {task_id: read_again.count(task_id) for task_id in ids} == dict.fromkeys(ids, 2)
        (new,) = await create_tasks(one_post, 1)
        known = await read_board(one_post, known=known)
        assert known.tasks[0].task_id == new
        for _ in range(2):
            known = await read_board(one_post, known=known)
    assert known.tasks == (await read_board(one_post)).tasks


async def test_tasks_that_are_too_old_to_be_shown_are_not_read_again_either(one_post: TestDeployment) -> None:
    await create_tasks(one_post, 3)
    other = plain("result elsewhere")
    one_post.write_anything(f"CREATE OR REPLACE DATABASE {other}")
    try:
        one_post.write_anything(f"CREATE TABLE {other}.state LIKE {{output}}.state")
        one_post.write_anything(f"INSERT INTO {other}.state SELECT * FROM {{output}}.state")
        one_post.write_anything(f"GRANT SELECT ON {other}.* TO {one_post.settings.output_user}@'127.0.0.1'")
        known = await read_board(one_post, limit=3)
        board = await read_board(one_post, limit=3, known=known)
        assert len(board.read) == 6 and all(row is known.read[key] for key, row in board.read.items())
        assert board.tasks == known.tasks and len(board.tasks) == 3
    finally:
        one_post.write_anything(f"DROP DATABASE {other}")


async def test_every_row_of_a_table_of_v2_1_is_shown_whatever_its_id(deployment: TestDeployment) -> None:
    leave_behind(deployment, (OLD_TASK, "2021-11-08 00:00:00"), (OLD_TASK, "2021-11-09 00:00:00"))
    known = await read_board(deployment)
    deployment.write_anything("UPDATE {output}.state SET result = 'Ptt'")
    board = await read_board(deployment, known=known)
    assert [(task.task_id, task.result) for task in board.tasks] == [(OLD_TASK, "Ptt")] * 2
