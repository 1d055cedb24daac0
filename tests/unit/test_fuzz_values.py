"""Parsers of what comes from outside, given anything: a value of the right form or an error of ours, nothing else.

FUZZ_EXAMPLES=100000 tries more of each than the suite has the time for.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from console.sanitize import harmless, harmless_json
from console.ui.screens.samples import formula_safe
from jobs.errors import AudienceError, InvalidTaskId, InvalidValue
from jobs.model.sources import Sources, read_sources
from jobs.model.task import TaskRequest, check_task_id, whole_number
from jobs.queue.client import LABEL, PRODUCE, REFUSE, deserialize, is_job_id, redis_client, serialize
from jobs.services.check import OUTPUT_GRANTS, granted
from jobs.settings import Settings, read_settings
from patterns.files import MAX_LINE_CHARACTERS, PatternFileError, label_names, read_pattern_set
from patterns.matcher import build_matcher
from patterns.pattern_set import Label, Pattern, PatternSet
from tests.helpers.oracle import decide

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

anything = st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))
contents = st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: it is written a hundred thousand times."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        yield Path(name)


# Files

keyword_lines = st.lists(
    st.tuples(st.text(max_size=5), st.sampled_from(["\t", "", " ", "\t\t"]), st.sampled_from(["end", "start", "x", ""]))
).map(lambda lines: "\n".join(map("".join, lines)).encode("utf-8", "surrogatepass"))


@fuzz
@given(keyword_lines | contents)
def test_a_keyword_file_gives_patterns_that_match_themselves_or_faults(folder: Path, content: bytes) -> None:
    path = folder / "keyword_model" / "a" / "title.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        found = read_pattern_set(folder, "keyword_model", "title")
    except PatternFileError as error:
        assert all(fault.line is None or fault.line >= 1 for fault in error.faults)
        return
    assert PatternSet.from_json(found.to_json()) == found
    matcher = build_matcher(found)
    for _, pattern in found:
        assert 0 < len(pattern.text) <= MAX_LINE_CHARACTERS
        assert matcher.match(pattern.text) is not None


rule_text = st.text("ab.*+?|()[]{}^$\\dwsSpPLNxXzZAbBQECu019-,:<>=!iims雅é\t\x00 ", max_size=30) | st.from_regex(
    r"(\(?[a-z.]([*+?]|\{\d{1,4}(,\d{0,4})?\})?\)?\|?){1,8}", fullmatch=True
)


@fuzz
@given(st.lists(rule_text | st.text(max_size=20), max_size=3).map("\n".join), st.text(max_size=30))
def test_a_rule_file_gives_rules_that_a_worker_can_build_or_faults(folder: Path, content: str, text: str) -> None:
    path = folder / "rule_model" / "a" / "title.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        found = read_pattern_set(folder, "rule_model", "title")
    except PatternFileError:
        return
    matcher = build_matcher(found)
    hits = matcher.hits(text)
    assert matcher.match(text) == (hits[0] if hits else None)


toml_values = st.recursive(
    st.sampled_from(['"WH_F0045"', "'x'", "1", "1e400", "nan", "true", "2020-01-01", "9" * 30, '"\\u202e"', '"a\\nb"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: f"[{', '.join(values)}]")
        | inner.map(lambda value: f"{{a = {value}}}")
    ),
    max_leaves=5,
)
toml_keys = st.sampled_from(
    ["default", "results", "order", "fbfans", "a.b", "state", '"x y"', "'\x1b'", "[results]", "A", "a"]
)
toml_lines = st.tuples(toml_keys, toml_values).map(" = ".join) | st.sampled_from(["[results]", "[[results]]", "#", ""])
toml = st.lists(toml_lines, max_size=6).map("\n".join).map(str.encode) | contents


@fuzz
@given(toml)
def test_a_sources_file_gives_a_mapping_or_an_error_of_ours(folder: Path, content: bytes) -> None:
    path = folder / "sources.toml"
    path.write_bytes(content)
    try:
        sources = read_sources(path)
    except AudienceError as error:
        assert error.code == 501
        return
    assert Sources.from_json(sources.to_json()) == sources
    for name in {sources.default, *sources.results.values()}:
        assert re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,46}", name)


@fuzz
@given(toml, st.permutations(["a", "b"]))
@example(b'order = ["b"]', ["a", "b"])
def test_a_labels_toml_gives_every_label_once_or_a_fault(folder: Path, content: bytes, names: list[str]) -> None:
    top = folder / "ordered"
    for name in names:
        (top / "keyword_model" / name).mkdir(parents=True, exist_ok=True)
    (top / "keyword_model" / "labels.toml").write_bytes(content)
    with suppress(PatternFileError):
        assert sorted(label_names(top, "keyword_model")) == ["a", "b"]


# Values of a request and of the settings

SETTINGS = Settings(_env_file=None, input_schema="s")  # type: ignore[call-arg]
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
def test_times_give_a_range_without_zone_or_an_error_of_ours(start: object, end: object) -> None:
    try:
        request = TaskRequest.of(SETTINGS, {"start_time": start, "end_time": end})
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
def test_a_request_with_any_value_is_one_or_an_error_of_ours(name: str, value: object) -> None:
    values: dict[str, object] = {"start_time": "2020-01-01 00:00", "end_time": "2021-01-01 00:00"}
    try:
        request = TaskRequest.of(SETTINGS, values | {name: value})
    except AudienceError as error:
        assert error.code in (400, 422) and len(str(error)) < 1_000
        return
    for identifier in (request.target_schema, request.target_table, request.output_schema):
        assert 0 < len(identifier) <= 64 and identifier.isprintable()
    assert 0 <= request.countdown <= 30 * 86_400
    assert re.fullmatch("[A-Za-z0-9_.-]{1,64}", request.queue)


@fuzz
@given(anything | st.text("0123456789abcdefABCDEF０١", min_size=31, max_size=33))
def test_a_task_id_is_32_hex_digits_or_an_error_of_ours(text: str) -> None:
    try:
        assert re.fullmatch("[0-9a-f]{32}", check_task_id(text), re.ASCII)
    except InvalidTaskId as error:
        assert len(str(error)) < 1_000


setting_values = anything.filter(lambda text: "\0" not in text) | st.sampled_from(["nan", "1e3", "-1", "65536", "1_0"])


@fuzz
@given(st.sampled_from(list(Settings.model_fields)), setting_values)
def test_settings_are_read_or_an_error_of_ours_without_the_value(name: str, value: str) -> None:
    secret = f"{value}s3cr3t"
    for text in (value, secret):
        with pytest.MonkeyPatch.context() as monkeypatch:
            try:
                monkeypatch.setenv(name.upper(), text)
            except UnicodeError:  # what no environment can hold
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
def test_an_env_file_is_read_or_an_error_of_ours(folder: Path, content: bytes) -> None:
    path = folder / "env"
    path.write_bytes(content)
    with suppress(InvalidValue):
        read_settings(_env_file=path)


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
def test_a_redis_url_gives_a_client_or_an_error_of_ours_without_its_password(url: str) -> None:
    for text in (url, f"redis://:s3cr3t{url}"):
        try:
            redis_client(SETTINGS.model_copy(update={"redis_url": type(SETTINGS.redis_url)(text)}))
        except InvalidValue as error:
            assert "s3cr3t" not in str(error)


# Jobs, grants, matchers, output

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70) | st.just("0" * 32),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
job_like = st.fixed_dictionaries(
    {
        "f": st.sampled_from([LABEL, PRODUCE, REFUSE, "reconcile:q", "label:x"]) | json_values,
        "a": st.tuples(st.text(max_size=66), st.just("0" * 32), st.integers(), st.integers()) | json_values,
        "k": st.just({}) | json_values,
        "t": st.none() | json_values,
        "et": st.integers() | json_values,
    }
)


@fuzz
@given(contents | (json_values | job_like).map(lambda value: json.dumps(value).encode()))
def test_a_job_is_one_of_ours_or_refused(payload: bytes) -> None:
    job = deserialize(payload)
    assert set(job) >= {"f", "a", "k", "t", "et"} and job["t"] is None and not job["k"]
    assert isinstance(job["f"], str) and isinstance(job["a"], list) and 0 <= job["et"] <= 10**14
    if job["f"] in (LABEL, PRODUCE):
        assert isinstance(job["a"][0], str) and job["a"][0].isprintable() and check_task_id(job["a"][1])
        assert deserialize(serialize(job)) == job


@fuzz
@given(st.binary(max_size=60) | st.from_regex(rb"[0-9a-f]{32}:(label|produce):[0-9]{1,3}(:[0-9]{1,3})?\n?"))
def test_a_name_of_a_job_can_be_read(member: bytes) -> None:
    if is_job_id(member):
        assert member.decode("ascii").isprintable()


grant_lines = st.tuples(
    st.sampled_from(["GRANT SELECT, INSERT", "GRANT ALL PRIVILEGES", "GRANT USAGE", "REVOKE", "GRANT `role`"]),
    st.sampled_from([" ON ", " "]),
    st.sampled_from(
        ["*.*", "`%`.*", "`a\\_b`.*", "`a_b`.*", "``.*", "`a``b`.*", "`%a%a%a%a%a%a%a%a%a%a%a%b`.*", "`\\`.*"]
    ),
    st.sampled_from([" TO `w`@`%`", "", " TO 'w'@'h' IDENTIFIED BY PASSWORD '*X'"]),
).map("".join)


@fuzz
@given(st.lists(grant_lines | anything, max_size=4), st.sampled_from(["a_b", "axb", "a`b", "", "a\nb"]) | anything)
@example(["GRANT ALL PRIVILEGES ON `%a%a%a%a%a%a%a%a%a%a%a%b`.* TO x"], "a" * 64)
def test_grants_are_read_whatever_they_say(grants: list[str], schema: str) -> None:
    assert granted(grants, schema) <= {
        *OUTPUT_GRANTS,
        *(name for line in grants for name in re.split(", | ON ", line)),
    } | {match[1] for line in grants if (match := re.match(r"GRANT (.+?) ON ", line))}


odd = st.text("aAİißẞſKÅΣσς雅😀\u0301\u200d\u202e\xfe\xff\x00\ud800\udfffǅﬁŉ", max_size=6)


@fuzz
@given(
    st.lists(st.tuples(odd.filter(bool), st.sampled_from(["partially", "exactly", "start", "end"])), max_size=5), odd
)
def test_keywords_decide_about_odd_unicode_as_the_oracle_does(lines: list[tuple[str, str]], text: str) -> None:
    patterns = tuple(Pattern(keyword, match_type) for keyword, match_type in lines)  # type: ignore[arg-type]
    matcher = build_matcher(PatternSet("keyword_model", "title", (Label("a", patterns),)))
    assert matcher.match(text) == decide(text, {"a": lines})


@fuzz
@given(anything)
def test_harmless_text_has_nothing_that_a_terminal_acts_on(text: str) -> None:
    assert harmless(text).isprintable() or not {c for c in harmless(text) if c < " " or "\x7f" <= c <= "\xa0"} - {
        "\xa0"
    }
    document = json.dumps({text: text}, ensure_ascii=False, indent=2)
    assert json.loads(harmless_json(document)) == {text: text}
    assert formula_safe(text).lstrip()[:1] not in ("=", "+", "-", "@")
    whole_number(text)
