"""What the commands print about tasks."""

import pytest

from console.cli.task_output import print_tasks
from tests.helpers.fixed_app import task


def test_a_list_on_a_terminal_tells_a_task_that_awaits_production_from_a_finished_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    tasks = [
        task(1, "SUCCESS", result="Dcard,fbfans"),
        task(2, "SUCCESS", prod_stat="finish", result="Dcard"),
        task(3, "FAILURE", prod_stat="finish"),
        task(4, "STARTED"),
    ]
    print_tasks(tasks, {one.task_id: one.task_id[:8] for one in tasks}, dict.fromkeys([t.task_id for t in tasks]))
    _, *lines = capsys.readouterr().out.splitlines()
    statuses = ["SUCCESS, producing ", "finish ", "FAILURE ", "STARTED "]
    for line, one, status in zip(lines, tasks, statuses, strict=True):
        assert line.startswith(f"{one.task_id[:8]}  {status}")
