"""State tables of other systems, in schemas that the account can see."""

import pytest

from console.cli.task_output import print_task
from jobs import services
from jobs.errors import ResultUnreadable, UnknownTask
from jobs.services.overview import read_board
from tests.helpers.assertions import HOSTILE_TEXT, assert_inert
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.foreign import SCHEMA, foreign_state_table
from tests.helpers.running import run_in_process


async def test_a_foreign_state_table_is_inert_on_the_command_line_and_affects_no_other_task(
    one_post: TestDeployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = one_post
    task = await run_in_process(deployment, deployment.request())
    with foreign_state_table(deployment) as foreign:
        for task_id in foreign.values():
            print_task(await services.check_status(deployment, task_id))
            with pytest.raises(ResultUnreadable):
                await services.sample_result(deployment, task_id)
        assert_inert(capsys.readouterr().out)
        for arguments in (("list", "--output-schema", SCHEMA), ("status", foreign[HOSTILE_TEXT])):
            for form in ((), ("--json",)):
                done = deployment.command(*arguments, *form)
                assert done.returncode == 0, done.stderr
                assert_inert(done.stdout + done.stderr, arguments)
        assert (await services.check_status(deployment, task.task_id)).prod_stat == "finish"


async def test_an_unreadable_state_table_hides_no_other(one_post: TestDeployment) -> None:
    deployment = one_post
    task = await run_in_process(deployment, deployment.request())
    name = plain("broken")
    deployment.write_anything(f"CREATE OR REPLACE DATABASE {name}")
    columns = "task_id, stat, prod_stat, date_range, target_table, create_time"
    deployment.write_anything(f"CREATE TABLE {name}.gone AS SELECT {columns} FROM {{output}}.state")
    deployment.write_anything(f"CREATE VIEW {name}.state AS SELECT {columns} FROM {name}.gone")
    deployment.write_anything(f"DROP TABLE {name}.gone")
    deployment.write_anything(f"GRANT ALL ON {name}.* TO {deployment.settings.output_user}@'127.0.0.1'")
    try:
        assert [each.task_id for each in (await read_board(deployment)).tasks] == [task.task_id]
        with pytest.raises(UnknownTask):
            await services.check_status(deployment, "0" * 32)
    finally:
        deployment.write_anything(f"DROP DATABASE {name}")
