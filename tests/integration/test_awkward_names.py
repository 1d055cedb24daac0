"""Schemas and tables with awkward names are used as they are named; names of nothing are refused, nothing written."""

import pytest

from jobs import services
from jobs.errors import AudienceError
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.running import run_in_process

AWKWARD = [
    *("a`b", "``", "a'b\"c", "a;b", "; DROP TABLE canary; --", "100%", "%s", "%(x)s", "a.b", "../a", "a/b\\c"),
    "x" * 64,
    *(" leading", "#sql", "-- x", "貼文 表", "é", "CANARY", "select", "0", "{table}", "@@version", "a,b", "$x", "*"),
]


def canaries(deployment: TestDeployment) -> list[tuple[object, ...]]:
    """Return every table outside the output schema, and the rows of the canary: what no task may change."""
    tables = deployment.rows(
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('information_schema', %s)",
        deployment.output_schema,
    )
    return sorted(tables) + deployment.rows("SELECT * FROM {input}.canary")


async def test_input_tables_with_awkward_names_are_read_and_nothing_else_is_touched(one_post: TestDeployment) -> None:
    deployment = one_post
    deployment.write_anything("CREATE TABLE {input}.canary AS SELECT 1 AS alive")
    name = plain(deployment.input_schema)
    for table_name in AWKWARD:
        sql = f"CREATE TABLE {name}.{plain(table_name)} AS SELECT * FROM {name}.{plain(deployment.table)}"
        deployment.servers.execute(sql)
    before = canaries(deployment)
    for table_name in AWKWARD:
        task = await run_in_process(deployment, deployment.request(target_table=table_name))
        assert (task.error, task.source_table, task.length_prod_table) == (None, table_name, "1")
    assert canaries(deployment) == before


@pytest.mark.parametrize("name", ["`a` ; DROP", "100%s`", "輸出`'\"", "x" * 64, "a.b", "%"])
async def test_output_schemas_with_awkward_names_hold_a_task_and_its_rows(one_post: TestDeployment, name: str) -> None:
    deployment = one_post
    account = f"{deployment.settings.output_user}@'127.0.0.1'"
    deployment.servers.execute(f"GRANT ALL ON {plain(name, grant=True)}.* TO {account}")
    try:
        task = await run_in_process(deployment, deployment.request(output_schema=name))
        assert (task.error, task.output_schema, task.length_prod_table) == (None, name, "1")
        assert len(await services.sample_result(deployment, task.task_id)) == 1
        assert [each.task_id for each in await services.task_list(deployment, 5, name)] == [task.task_id]
    finally:
        deployment.servers.execute(
            f"DROP DATABASE IF EXISTS {plain(name)}", f"REVOKE ALL ON {plain(name, grant=True)}.* FROM {account}"
        )


@pytest.mark.parametrize(
    "name",
    [
        *("information_schema", "mysql", "performance_schema", "sys"),
        *("nobody`s", "'; DROP TABLE canary; --", "%", "a\\", "../../etc", "..", "a/b", "漢" * 64, "😀"),
        *("x" * 65, "a\nb", "a\x00b", "trailing ", "\u202ea", "\ud800", "\u3000"),
    ],
    ids=ascii,
)
async def test_a_schema_or_table_that_does_not_exist_is_refused_and_nothing_is_written(
    one_post: TestDeployment, name: str
) -> None:
    deployment = one_post
    deployment.write_anything("CREATE TABLE {input}.canary AS SELECT 1 AS alive")
    before = canaries(deployment)
    for field in ("target_schema", "target_table", "output_schema"):
        with pytest.raises(AudienceError) as caught:
            await services.create_task(deployment, deployment.request(**{field: name}))
        assert caught.value.code in (422, 503 if field == "output_schema" else 500), str(caught.value)
        assert len(str(caught.value)) < 600
    with pytest.raises(AudienceError) as caught:
        await services.task_list(deployment, 5, name)
    assert caught.value.code in (422, 500)
    assert canaries(deployment) == before
    assert not deployment.output_exists()
