"""Each error code of the contract, provoked on real servers."""

import pytest
from pydantic import SecretStr

from jobs import services
from jobs.errors import (
    AudienceError,
    CannotStart,
    Conflict,
    EmptyResult,
    InvalidTaskId,
    InvalidValue,
    OutputUnreachable,
    ResultUnreadable,
    StateUnreadable,
    UnknownTask,
    UnreadablePatterns,
)
from tests.helpers.deployment import PASSWORD, TestDeployment
from tests.helpers.pattern_files import write_pattern_file
from tests.helpers.posts import PATTERNS
from tests.helpers.running import run_in_process

UNKNOWN_ID = "0" * 32
CLOSED_PORT = 1  # nothing listens on it


async def refused(
    deployment: TestDeployment, error: type[AudienceError], code: int, words: str, **values: object
) -> str:
    """Try to create a task; assert that it is refused and nothing is written. Return the message."""
    changes = values.pop("settings", {})
    assert isinstance(changes, dict)
    with pytest.raises(error) as caught:
        await services.create_task(deployment.with_settings(**changes), deployment.request(**values))
    assert caught.value.code == code
    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)
    tables = deployment.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", deployment.output_schema
    )
    assert tables == [] or deployment.rows("SELECT task_id FROM {output}.state") == []
    return str(caught.value)


async def test_500_unknown_input_schema_table_or_column(one_post: TestDeployment) -> None:
    deployment = one_post
    await refused(deployment, CannotStart, 500, "unknown input table nowhere.", target_schema="nowhere")
    await refused(deployment, CannotStart, 500, "unknown input table", target_table="`; DROP TABLE x; --")
    deployment.write_anything("ALTER TABLE {input}.{table} DROP COLUMN title")
    deployment.write_patterns(PATTERNS, "title")
    await refused(deployment, CannotStart, 500, "has no column title", predict_type="title")
    deployment.write_anything("ALTER TABLE {input}.{table} MODIFY post_time VARCHAR(30)")
    await refused(deployment, CannotStart, 500, "post_time of input table")


async def test_500_unreachable_or_refusing_input_server(one_post: TestDeployment) -> None:
    words = "failed to start a labelling task: input server"
    await refused(one_post, CannotStart, 500, words, settings={"input_port": CLOSED_PORT})
    await refused(one_post, CannotStart, 500, "(1045)", settings={"input_password": SecretStr("wrong")})


async def test_500_unreachable_redis(one_post: TestDeployment) -> None:
    down = {"redis_url": SecretStr(f"redis://:secret-word@127.0.0.1:{CLOSED_PORT}/0")}
    message = await refused(one_post, CannotStart, 500, "Redis 127.0.0.1:1: cannot connect", settings=down)
    assert "secret-word" not in message


async def test_501_missing_or_faulty_pattern_file(one_post: TestDeployment) -> None:
    message = await refused(one_post, UnreadablePatterns, 501, "cannot read pattern file", predict_type="content")
    assert "content.txt" in message
    await refused(one_post, UnreadablePatterns, 501, "rule_model: cannot be read", model_type="rule_model")
    one_post.write_patterns({"female": [("x", "exactly"), ("y", "exact")]})
    await refused(one_post, UnreadablePatterns, 501, "author_name.txt, line 2: unknown match type 'exact'")


async def test_501_pattern_file_that_links_outside_its_folder(deployment: TestDeployment) -> None:
    path = write_pattern_file(deployment.settings.patterns_dir, b"")
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(UnreadablePatterns, match="leads out of") as caught:
        await services.create_task(deployment, deployment.request())
    assert caught.value.code == 501 and "root:" not in str(caught.value)
    assert not deployment.output_exists()


async def test_501_faulty_sources_file(one_post: TestDeployment) -> None:
    one_post.write_sources('[results]\nstate = ["X"]\n')
    await refused(one_post, UnreadablePatterns, 501, "sources.toml, line 2: 'state' is reserved for internal tables")


async def test_503_unreachable_or_unwritable_output(one_post: TestDeployment) -> None:
    words = "cannot connect to output schema: output server"
    await refused(one_post, OutputUnreachable, 503, words, settings={"output_port": CLOSED_PORT})
    await refused(one_post, OutputUnreachable, 503, "(1044)", output_schema="somebody else's")
    one_post.write_anything("CREATE DATABASE {output}")
    one_post.write_anything("CREATE TABLE {output}.state (something INT)")
    with pytest.raises(OutputUnreachable, match="is not a state table of this system"):
        await services.create_task(one_post, one_post.request())


async def test_500_unreadable_state_table(deployment: TestDeployment) -> None:
    with pytest.raises(StateUnreadable, match="cannot connect to state table") as caught:
        await services.task_list(deployment.with_settings(output_port=CLOSED_PORT))
    assert caught.value.code == 500
    with pytest.raises(StateUnreadable, match="the first task creates it"):
        await services.task_list(deployment)


async def test_400_unknown_task_id(one_post: TestDeployment) -> None:
    await run_in_process(one_post, one_post.request())
    for service in (services.check_status, services.abort_task, services.resume_task):
        with pytest.raises(UnknownTask, match="unknown task id") as caught:
            await service(one_post, UNKNOWN_ID)
        assert caught.value.code == 400


@pytest.mark.parametrize(
    ("task_id", "message"),
    [("abcde", "32 .*digits.* or more of them, got 5"), ("", "got 0"), ("x" * 32, "hex digits"), ("é" * 33, "got 33")],
)
async def test_400_malformed_task_id(deployment: TestDeployment, task_id: str, message: str) -> None:
    for service in (services.check_status, services.sample_result, services.abort_task, services.resume_task):
        with pytest.raises(InvalidTaskId, match=message) as caught:
            await service(deployment, task_id)
        assert caught.value.code == 400


async def test_404_empty_sample(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request())
    assert len(await services.sample_result(one_post, task.task_id)) == 1
    for task_id, tables in ((UNKNOWN_ID, ()), (task.task_id, ("wh_panel_mapping_x",)), (task.task_id, ("state",))):
        with pytest.raises(EmptyResult, match="empty result") as caught:
            await services.sample_result(one_post, task_id, tables)
        assert caught.value.code == 404
    waiting = await services.create_task(one_post, one_post.request())
    with pytest.raises(EmptyResult, match="its production is not finished"):
        await services.sample_result(one_post, waiting)


async def test_500_sample_of_unreadable_tables(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request())
    one_post.write_anything("DROP TABLE {output}.wh_panel_mapping_fbfans")
    with pytest.raises(ResultUnreadable, match="cannot read the result tables") as caught:
        await services.sample_result(one_post, task.task_id)
    assert caught.value.code == 500


async def test_409_abort_and_resume_of_a_finished_task(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request())
    for service in (services.abort_task, services.resume_task):
        with pytest.raises(Conflict, match="SUCCESS, production finished") as caught:
            await service(one_post, task.task_id)
        assert caught.value.code == 409


async def test_422_malformed_redis_url(one_post: TestDeployment) -> None:
    await refused(one_post, InvalidValue, 422, "REDIS_URL", settings={"redis_url": SecretStr("http://:secret@x")})


@pytest.mark.parametrize("limit", [0, -1, 10**9, 10**30])
async def test_422_limit_out_of_range(deployment: TestDeployment, limit: int) -> None:
    with pytest.raises(InvalidValue, match="limit: expected 1 to 100,000"):
        await services.task_list(deployment, limit)
    with pytest.raises(InvalidValue, match="limit"):
        await services.sample_result(deployment, UNKNOWN_ID, limit=limit)
