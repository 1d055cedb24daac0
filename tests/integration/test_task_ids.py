"""Task ids by their first digits, and the list of tasks: what it selects, and how it fits a terminal."""

import os
import re
from collections.abc import Awaitable, Callable

import pytest
from rich.cells import cell_len

from jobs import services
from jobs.errors import AudienceError, InvalidTaskId, UnknownTask
from jobs.services.row_files import RowFormat
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import run_in_process
from tests.helpers.terminal import in_a_pty

COLUMNS = "task_id, stat, prod_stat, model_type, predict_type, date_range, target_table, create_time, result"


def add_task(
    deployment: TestDeployment, task_id: str, stat: str = "SUCCESS", *, age: str = "0 SECOND", result: str = "fbfans"
) -> None:
    """Add a row to the state table, which a task has created."""
    prod_stat = "finish" if stat == "SUCCESS" else None
    deployment.write_anything(
        f"INSERT INTO {{output}}.state ({COLUMNS})"
        f" VALUES (%s, %s, %s, 'keyword_model', 'author_name', '', 's', NOW() - INTERVAL {age}, %s)",
        *(task_id, stat, prod_stat, result),
    )


async def test_every_service_takes_the_first_digits_of_a_task_id(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request())
    pending = await services.create_task(one_post, one_post.request())
    add_task(one_post, task.task_id[:7] + ("1" if task.task_id[7] == "0" else "0") * 25)
    digits = next(length for length in range(8, 33) if not pending.startswith(task.task_id[:length]))
    short = task.task_id[:digits]

    async def watched(deployment: TestDeployment, task_id: str) -> str:
        return [found.task_id async for found in services.watch_status(deployment, task_id)][-1]

    assert (await services.check_status(one_post, short)).task_id == task.task_id == await watched(one_post, short)
    assert (await services.task_hits(one_post, short)).task.task_id == task.task_id
    assert (await services.diff_now(one_post, short)).task.task_id == task.task_id
    assert (await services.diff_tasks(one_post, short, task.task_id)).before.task_id == task.task_id
    assert [row.task_id for row in await services.sample_result(one_post, short)] == [task.task_id]
    assert (await services.load_task_explainer(one_post, short)).explain("Annie")
    path = one_post.folder / "a.csv"
    assert (await services.export_task(one_post, short, path, RowFormat.CSV)).task.task_id == task.task_id
    short = pending[: max(digits, 12)]
    assert (await services.abort_task(one_post, short)).task_id == pending
    assert (await services.resume_task(one_post, short)).task_id == pending


async def test_digits_of_several_tasks_and_of_none_are_refused(one_post: TestDeployment) -> None:
    await services.create_task(one_post, one_post.request())
    for number in range(5):
        add_task(one_post, f"00abcdef{number}" + "0" * 23)
    refusals: list[tuple[Callable[..., Awaitable[object]], str, type[AudienceError], str]] = [
        (
            services.check_status,
            "00abcd",
            InvalidTaskId,
            r"^several tasks begin with 00abcd: 00abcdef00*, .* and others",
        ),
        (services.abort_task, "00abcdef", InvalidTaskId, "give more digits$"),
        (services.check_status, "00abcdef9", UnknownTask, "unknown task id 00abcdef9"),
        (services.check_status, "00abcdef0" + "0" * 22 + "1", UnknownTask, "unknown task id"),
        (services.check_status, "00abc", InvalidTaskId, "or the first 6 or more of them, got 5"),
        (services.check_status, "00abc%", InvalidTaskId, "malformed"),
    ]
    for service, digits, error, message in refusals:
        with pytest.raises(error, match=message):
            await service(one_post, digits)
    assert (await services.check_status(one_post, "00abcdef3")).task_id == "00abcdef3" + "0" * 23


async def test_the_ids_of_a_list_are_as_long_as_they_must_be(one_post: TestDeployment) -> None:
    await services.create_task(one_post, one_post.request())
    for task_id in ("00abcdef1234" + "0" * 20, "00abcdef1235" + "0" * 20, "5" * 32):
        add_task(one_post, task_id)
    newest = await services.task_list(one_post, 2)
    short = await services.short_ids(one_post, newest)
    assert len(short) == 2
    for task_id, digits in short.items():
        assert (await services.check_status(one_post, digits)).task_id == task_id
        assert len(digits) in (8, 12)


def list_on_terminal(deployment: TestDeployment, width: int) -> list[str]:
    with in_a_pty(deployment, "list", size=(width, 24)) as (process, main):
        output = b""
        try:
            while data := os.read(main, 65_536):
                output += data
        except OSError:  # the process has closed the terminal
            pass
        assert process.wait(30) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", output.decode()).splitlines()


async def test_a_list_has_a_line_a_task_however_narrow_the_terminal_is(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request())
    add_task(one_post, "f" * 32, result="結果,".join("abcdefgh") + ",last")
    for width in (40, 80, 200):
        lines = list_on_terminal(one_post, width)
        assert len(lines) == 3 and max(map(cell_len, lines)) <= width
        assert {line.split()[0] for line in lines} == {"task", "ffffffff", task.task_id[:8]}
    assert "…" in "".join(list_on_terminal(one_post, 80)) and ",last" in "".join(lines)
    assert "finish" in "".join(list_on_terminal(one_post, 40))
    piped = one_post.command("list").stdout.splitlines()
    assert {line.split("\t")[0] for line in piped} == {"task_id", "f" * 32, task.task_id}


async def test_a_list_may_be_of_some_statuses_and_of_new_tasks_only(one_post: TestDeployment) -> None:
    pending = await services.create_task(one_post, one_post.request())
    failed, finished = "a" * 32, "b" * 32
    add_task(one_post, failed, "FAILURE", age="3 HOUR")
    add_task(one_post, finished, age="50 HOUR")

    def listed(*options: str) -> list[str]:
        done = one_post.command("list", *options)
        assert done.returncode == 0, done.stderr
        return [line.split("\t")[0] for line in done.stdout.splitlines()[1:]]

    assert listed() == [pending, failed, finished]
    assert listed("--status", "failure") == listed("--status", "FAILURE") == [failed]
    assert listed("--status", "finish", "--status", "PENDING") == [pending, finished]
    assert listed("--status", "success") == [finished]
    assert listed("--since", "2h") == [pending] and listed("--since", "2d") == [pending, failed]
    assert listed("--since", "2020-01-31") == [pending, failed, finished] and listed("--since", "9999-01-01") == []
    assert listed("--since", "999999w") == [pending, failed, finished]
    assert listed("--since", "1w", "--status", "failure", "--limit", "1") == [failed]
    for wrong in ("x", "-1d", "2020-01-31T00:00:00+08:00", "\udcff", "999999w9"):
        refused = one_post.command("list", "--since", wrong)
        assert refused.returncode == 1 and refused.stderr.startswith("audience: 422 since: expected a time"), wrong
