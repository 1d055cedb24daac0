"""Servers whose variables refuse what a task writes, or fold the case of names."""

from collections.abc import Iterator

import pytest

from console.demo.servers import PrivateServers, private_servers
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import OutputUnreachable, StateUnreadable
from jobs.model.finding import Finding
from jobs.model.task_request import TaskRequest
from jobs.services.check import check_deployment
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.posts import PATTERNS, RANGE, odd_posts
from tests.helpers.running import run_in_process


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServers]:
    """Servers with a binary log, and with names of schemas and tables in lower case."""
    options = ("--log-bin", "--lower-case-table-names=1", "--skip-ssl")
    with private_servers(tmp_path_factory.mktemp("servers"), *options) as running:
        yield running


async def errors(deployment: Deployment) -> list[Finding]:
    return [finding async for finding in check_deployment(deployment) if finding.verdict == "error"]


@pytest.mark.parametrize(
    ("variable", "value"), [("binlog_format", "STATEMENT"), ("innodb_force_primary_key", "ON"), ("read_only", "ON")]
)
async def test_check_names_a_variable_that_stops_every_task_and_its_advice_helps(
    deployment: TestDeployment, variable: str, value: str
) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(100))
    request = deployment.request(**RANGE)
    deployment.servers.execute(f"SET GLOBAL {variable} = {value}")
    try:
        task = await run_in_process(deployment, request)
        assert task.stat == "FAILURE"
    except OutputUnreachable:
        pass  # refused at once
    (found,) = await errors(deployment)
    assert found.message.startswith(f"{variable} is {value}")
    deployment.servers.execute(found.advice.partition(",")[0])
    assert await errors(deployment) == []
    assert (await run_in_process(deployment, request)).prod_stat == "finish"


async def test_an_output_schema_with_a_capital_is_found_where_the_server_folds_names(
    deployment: TestDeployment,
) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(1_000))
    user = deployment.settings.output_user
    deployment.servers.execute(
        f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON {plain('Results_Of', grant=True)}.*"
        f" TO {user}@'127.0.0.1'"
    )
    capital = deployment.with_settings(output_schema="Results_Of")
    assert await errors(capital) == []
    task = await run_in_process(capital, TaskRequest.from_values(capital.settings, RANGE))
    assert task.prod_stat == "finish" and "Ptt" in task.results
    assert [listed.task_id for listed in await services.task_list(capital)] == [task.task_id]
    assert [listed.task_id for listed in await services.task_list(deployment, schema="RESULTS_OF")] == [task.task_id]
    assert await services.sample_result(capital, task.task_id, ("wh_panel_mapping_Ptt",))
    deployment.servers.execute(f"REVOKE SELECT ON {plain('Results_Of', grant=True)}.* FROM {user}@'127.0.0.1'")
    with pytest.raises(StateUnreadable, match="SELECT command denied"):
        await services.check_status(capital, task.task_id)
