"""Each error code of the contract, provoked for real."""

import pytest
from pydantic import SecretStr

from jobs.errors import (
    AudienceError,
    CannotStart,
    Conflict,
    EmptyResult,
    InvalidRange,
    InvalidTaskId,
    InvalidValue,
    OutputUnreachable,
    ResultUnreadable,
    StateUnreadable,
    UnknownTask,
    UnreadablePatterns,
)
from jobs.model.task import TaskRequest
from jobs.services import tasks as services
from tests.helpers.deployment import PASSWORD, TestSite, post, run_in_process
from tests.helpers.posts import PATTERNS

NOBODY = "0" * 32
CLOSED_PORT = 1  # nothing listens there


@pytest.fixture
def ready(site: TestSite) -> TestSite:
    site.write_patterns(PATTERNS)
    site.write_posts([post(1, "Annie", "2020-06-01 00:00:00")])
    return site


async def create(site: TestSite, error: type[AudienceError], code: int, message: str, **values: object) -> str:
    """Creates a task in vain; nothing may have been written."""
    changes = values.pop("settings", {})
    assert isinstance(changes, dict)
    with pytest.raises(error) as caught:
        await services.create_task(site.with_settings(**changes), site.request(**values))
    assert caught.value.code == code
    assert message in str(caught.value)
    assert PASSWORD not in str(caught.value)
    tables = site.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", site.output_schema)
    assert tables == [] or site.rows("SELECT task_id FROM {output}.state") == []
    return str(caught.value)


@pytest.mark.parametrize("end", ["2020-01-01 00:00:00", "2019-12-31 23:59:59"])
def test_400_start_time_must_be_earlier_than_end_time(site: TestSite, end: str) -> None:
    with pytest.raises(InvalidRange, match="start_time must be earlier than end_time") as caught:
        site.request(start_time="2020-01-01 00:00:00", end_time=end)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_type", "magic_model"),
        ("predict_type", "author"),
        ("start_time", "yesterday"),
        ("start_time", "2020-02-30 00:00:00"),
        ("start_time", "2020-01-01"),
        ("start_time", "2020-01-01T00:00:00Z"),
        ("start_time", "1577836800"),
        ("end_time", "10000-01-01 00:00:00"),
        ("target_schema", ""),
        ("target_schema", "x" * 65),
        ("target_table", "a\x00b"),
        ("target_table", "trailing "),
        ("countdown", "-1"),
        ("countdown", "soon"),
        ("queue", "a b"),
        ("queue", ""),
    ],
)
def test_422_a_value_of_the_wrong_form_is_named(site: TestSite, name: str, value: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{name}: ") as caught:
        site.request(**{name: value})
    assert caught.value.code == 422


def test_422_says_every_wrong_value_at_once(site: TestSite) -> None:
    with pytest.raises(InvalidValue, match=r"model_type: .*; countdown: "):
        site.request(model_type="x", countdown="y")


@pytest.mark.parametrize("time", ["2020-01-01 00:00", "2020-01-01T00:00:00", " 2020-01-01 00:00:00.5"])
def test_times_are_taken_with_a_t_and_with_or_without_seconds(site: TestSite, time: str) -> None:
    assert site.request(start_time=time).start_time.year == 2020


async def test_500_unknown_input_schema_table_or_column(ready: TestSite) -> None:
    await create(ready, CannotStart, 500, "unknown input table nowhere.", target_schema="nowhere")
    await create(ready, CannotStart, 500, "unknown input table", target_table="`; DROP TABLE x; --")
    ready.write_anything("ALTER TABLE {input}.{table} DROP COLUMN title")
    ready.write_patterns(PATTERNS, "title")
    await create(ready, CannotStart, 500, "has no column title", predict_type="title")
    ready.write_anything("ALTER TABLE {input}.{table} MODIFY post_time VARCHAR(30)")
    await create(ready, CannotStart, 500, "post_time of input table")


async def test_500_input_server_that_cannot_be_reached_or_refuses(ready: TestSite) -> None:
    message = "failed to start a labeling task, additional error message: input server"
    await create(ready, CannotStart, 500, message, settings={"input_port": CLOSED_PORT})
    await create(ready, CannotStart, 500, "(1045)", settings={"input_password": SecretStr("wrong")})


async def test_500_redis_down(ready: TestSite) -> None:
    down = {"redis_url": SecretStr(f"redis://:secret-word@127.0.0.1:{CLOSED_PORT}/0")}
    assert "secret-word" not in await create(ready, CannotStart, 500, "Redis: ", settings=down)


async def test_501_missing_or_faulty_pattern_file(ready: TestSite) -> None:
    message = await create(ready, UnreadablePatterns, 501, "Cannot read pattern file", predict_type="content")
    assert "content.txt" in message
    await create(ready, UnreadablePatterns, 501, "rule_model: cannot be read", model_type="rule_model")
    ready.write_patterns({"female": [("x", "exactly"), ("y", "exact")]})
    await create(ready, UnreadablePatterns, 501, "author_name.txt, line 2: unknown match type 'exact'")


async def test_501_faulty_sources_file(ready: TestSite) -> None:
    ready.write_sources('[results]\nstate = ["X"]\n')
    await create(ready, UnreadablePatterns, 501, "sources.toml, line 2: 'state' is kept for our own tables")


async def test_503_output_that_cannot_be_reached_or_written(ready: TestSite) -> None:
    message = "Cannot connect to output schema, additional error message: output server"
    await create(ready, OutputUnreachable, 503, message, settings={"output_port": CLOSED_PORT})
    await create(ready, OutputUnreachable, 503, "(1044)", output_schema="somebody else's")
    ready.write_anything("CREATE DATABASE {output}")
    ready.write_anything("CREATE TABLE {output}.state (something INT)")
    with pytest.raises(OutputUnreachable, match="is no state table of ours"):
        await services.create_task(ready, ready.request())


async def test_500_state_table_that_cannot_be_read(site: TestSite) -> None:
    with pytest.raises(StateUnreadable, match="cannot connect to state table") as caught:
        await services.task_list(site.with_settings(output_port=CLOSED_PORT))
    assert caught.value.code == 500
    with pytest.raises(StateUnreadable, match="the first create_task makes it"):
        await services.task_list(site)


async def test_400_unknown_task_id(ready: TestSite) -> None:
    await run_in_process(ready, ready.request())
    for service in (services.check_status, services.abort, services.resume):
        with pytest.raises(UnknownTask, match="task id is not exist") as caught:
            await service(ready, NOBODY)
        assert caught.value.code == 400


@pytest.mark.parametrize(
    ("task_id", "message"),
    [("abc", "expect 32 digits get 3 digits"), ("", "get 0 digits"), ("x" * 32, "hex digits"), ("é" * 33, "get 33")],
)
async def test_400_task_id_of_the_wrong_form(site: TestSite, task_id: str, message: str) -> None:
    for service in (services.check_status, services.sample_result, services.abort, services.resume):
        with pytest.raises(InvalidTaskId, match=message) as caught:
            await service(site, task_id)
        assert caught.value.code == 400


async def test_404_empty_sample(ready: TestSite) -> None:
    task = await run_in_process(ready, ready.request())
    assert len(await services.sample_result(ready, task.task_id)) == 1
    for task_id, tables in ((NOBODY, ()), (task.task_id, ("wh_panel_mapping_x",)), (task.task_id, ("state",))):
        with pytest.raises(EmptyResult, match="empty result") as caught:
            await services.sample_result(ready, task_id, tables)
        assert caught.value.code == 404
    waiting = await services.create_task(ready, ready.request())
    with pytest.raises(EmptyResult, match="its production is not finished"):
        await services.sample_result(ready, waiting)


async def test_500_sample_of_tables_that_cannot_be_read(ready: TestSite) -> None:
    task = await run_in_process(ready, ready.request())
    ready.write_anything("DROP TABLE {output}.wh_panel_mapping_fbfans")
    with pytest.raises(ResultUnreadable, match="Cannot scrape data from result tables") as caught:
        await services.sample_result(ready, task.task_id)
    assert caught.value.code == 500


async def test_409_abort_and_resume_where_the_task_does_not_allow_it(ready: TestSite) -> None:
    task = await run_in_process(ready, ready.request())
    for service in (services.abort, services.resume):
        with pytest.raises(Conflict, match="SUCCESS, production finished") as caught:
            await service(ready, task.task_id)
        assert caught.value.code == 409


async def test_422_redis_url_that_is_none(ready: TestSite) -> None:
    await create(ready, InvalidValue, 422, "REDIS_URL", settings={"redis_url": SecretStr("http://:secret@x")})


def test_settings_that_are_wrong_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.settings import read_settings

    monkeypatch.setenv("INPUT_PORT", "many")
    monkeypatch.setenv("COUNTDOWN", "-1")
    with pytest.raises(InvalidValue, match=r"INPUT_PORT: .*; COUNTDOWN: ") as caught:
        read_settings()
    assert "many" not in str(caught.value)


def test_a_request_takes_its_defaults_from_the_settings(site: TestSite) -> None:
    request = site.request(target_table=None, countdown=None)
    assert isinstance(request, TaskRequest)
    assert (request.target_table, request.countdown, request.queue) == (site.table, 0, site.settings.queue)
