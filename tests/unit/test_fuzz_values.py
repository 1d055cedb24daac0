"""Fuzz tests of a request's values and of the settings: a valid value or a documented error, nothing else."""

import re
from contextlib import chdir, suppress
from datetime import datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from jobs.errors import AudienceError, InvalidTaskId, InvalidValue
from jobs.model.task import check_task_id
from jobs.model.task_request import TaskRequest
from jobs.queue.client import redis_client
from jobs.settings import Settings, read_settings
from tests.helpers.fuzzing import anything, contents, fuzz

SETTINGS = Settings(input_schema="s")
digits = st.sampled_from([*"0123456789", "١", "０", "²"])
times = (
    st.tuples(*[st.text(digits, min_size=width, max_size=width) for width in (4, 2, 2, 2, 2, 2)]).map(
        lambda parts: "{}-{}-{} {}:{}:{}".format(*parts)
    )
    | st.datetimes().map(str)
    | st.from_regex(r"\A\s?[0-9]{4,5}-[0-9]{2}-[0-9]{2}[ T]24:00(:00(\.[0-9]{0,7})?)?(Z|[+-]\d\d:\d\d)?\s?\Z")
    | anything
)
scalars = anything | st.integers() | st.floats() | st.booleans() | st.binary() | st.lists(st.integers(), max_size=2)


@fuzz
@given(times, times | scalars)
@example("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")
@example("2020-02-29 00:00:00", "2020-02-30 00:00:00")
@example("2020-01-01 24:00:00", "10000-01-01 00:00:00")
@example("2020-01-01 00:00:00Z", "2020-01-01 00:00:00+08:00")
@example(" \u30002020-01-01 00:00\n", "２０２０-01-01 00:00:00")
def test_times_give_a_range_without_zone_or_a_documented_error(start: object, end: object) -> None:
    try:
        request = TaskRequest.from_values(SETTINGS, {"start_time": start, "end_time": end})
    except AudienceError as error:
        assert error.code in (400, 422) and len(str(error)) < 1_000
        return
    assert request.start_time < request.end_time and request.start_time.tzinfo is None
    for given_as, read in ((start, request.start_time), (end, request.end_time)):
        assert isinstance(given_as, datetime) or str(read)[:16] == str(given_as).strip().replace("T", " ")[:16]


@fuzz
@given(st.sampled_from(list(TaskRequest.model_fields)), scalars)
@example("queue", "queue1\n")
@example("countdown", "１２")
@example("countdown", float("nan"))
@example("countdown", "9" * 10_000)
@example("countdown", "-0")
@example("target_table", "\ud800")
def test_a_request_with_any_value_is_valid_or_a_documented_error(name: str, value: object) -> None:
    values: dict[str, object] = {"start_time": "2020-01-01 00:00", "end_time": "2021-01-01 00:00"}
    try:
        request = TaskRequest.from_values(SETTINGS, values | {name: value})
    except AudienceError as error:
        assert error.code in (400, 422) and len(str(error)) < 1_000
        return
    for identifier in (request.target_schema, request.target_table, request.output_schema):
        assert 0 < len(identifier) <= 64 and identifier.isprintable()
    assert 0 <= request.countdown <= 30 * 86_400
    assert re.fullmatch("[A-Za-z0-9_.-]{1,64}", request.queue)


@fuzz
@given(anything | st.text("0123456789abcdefABCDEF０١", min_size=5, max_size=33))
def test_a_task_id_is_6_to_32_hex_digits_or_a_documented_error(text: str) -> None:
    try:
        assert re.fullmatch("[0-9a-f]{6,32}", check_task_id(text), re.ASCII)
    except InvalidTaskId as error:
        assert len(str(error)) < 1_000


setting_values = anything.filter(lambda text: "\0" not in text) | st.sampled_from(["nan", "1e3", "-1", "65536", "1_0"])


@fuzz
@given(st.sampled_from(list(Settings.model_fields)), setting_values)
def test_settings_are_read_or_refused_without_showing_the_value(name: str, value: str) -> None:
    secret = f"{value}s3cr3t"
    for text in (value, secret):
        with pytest.MonkeyPatch.context() as monkeypatch:
            try:
                monkeypatch.setenv(name.upper(), text)
            except UnicodeError:  # no environment can hold it
                assume(False)
            try:
                read = read_settings()
            except InvalidValue as error:
                assert "s3cr3t" not in str(error)
            else:
                assert "s3cr3t" not in repr(read) or name not in ("input_password", "output_password", "redis_url")


@fuzz
@given(contents)
@example(b"INPUT_PORT=\xff")
@example(b"PATTERNS_DIR='a\0b'")
@example(b"A=${A}${${B}}")
def test_an_env_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "env"
    folder.mkdir(exist_ok=True)
    (folder / ".env").write_bytes(content)
    with chdir(folder), suppress(InvalidValue):
        read_settings()


urls = anything | st.from_regex(
    r"\A(redis|rediss|unix|http)?(://)?([a-z]*:[^\n]{0,9}@)?[][a-z:%.]{0,9}(:[0-9a-z-]{0,6})?(/[0-9a-z]{0,4})?(\?[a-z_]{1,20}=[^\n]{0,6})?\Z"
)


@fuzz
@given(urls)
@example("redis://[::1")
@example("redis://h:99999999/0")
@example("redis://h:1/0?socket_timeout=x")
@example("redis://h:1/0?protocol=x")
@example("redis://h:1/0?nonsense=1")
def test_a_redis_url_gives_a_client_or_an_error_without_its_password(url: str) -> None:
    for text in (url, f"redis://:s3cr3t{url}"):
        try:
            redis_client(SETTINGS.model_copy(update={"redis_url": type(SETTINGS.redis_url)(text)}))
        except InvalidValue as error:
            assert "s3cr3t" not in str(error)
