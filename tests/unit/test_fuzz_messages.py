"""Fuzz tests of what servers and the data send: jobs, grants, and text for a terminal."""

import json
import re

from hypothesis import example, given
from hypothesis import strategies as st

from console.sanitize import sanitize, sanitize_json
from jobs.model.queues import LABEL, PRODUCE
from jobs.model.task import is_task_id
from jobs.queue.codec import REJECT, deserialize, is_job_id, serialize
from jobs.services.row_files import formula_safe
from jobs.storage.grants import OUTPUT_PRIVILEGES, granted_privileges
from tests.helpers.fuzzing import anything, contents, fuzz

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70) | st.just("0" * 32),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
job_like = st.fixed_dictionaries(
    {
        "f": st.sampled_from([LABEL, PRODUCE, REJECT, "reconcile:q", "label:x"]) | json_values,
        "a": st.tuples(st.text(max_size=66), st.just("0" * 32), st.integers(), st.integers()) | json_values,
        "k": st.just({}) | json_values,
        "t": st.none() | json_values,
        "et": st.integers() | json_values,
    }
)


@fuzz
@given(contents | (json_values | job_like).map(lambda value: json.dumps(value).encode()))
def test_a_payload_is_a_valid_job_or_replaced_by_a_rejection(payload: bytes) -> None:
    job = deserialize(payload)
    assert set(job) >= {"f", "a", "k", "t", "et"} and job["t"] is None and not job["k"]
    assert isinstance(job["f"], str) and isinstance(job["a"], list) and 0 <= job["et"] <= 10**14
    if job["f"] in (LABEL, PRODUCE):
        assert isinstance(job["a"][0], str) and job["a"][0].isprintable() and is_task_id(job["a"][1])
        assert deserialize(serialize(job)) == job


@fuzz
@given(st.binary(max_size=60) | st.from_regex(rb"[0-9a-f]{32}:(label|produce):[0-9]{1,3}(:[0-9]{1,3})?\n?"))
def test_a_valid_job_id_is_printable_ascii(member: bytes) -> None:
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
def test_any_grants_are_read_as_privileges_that_they_name(grants: list[str], schema: str) -> None:
    assert granted_privileges(grants, schema) <= {
        *OUTPUT_PRIVILEGES,
        *(name for line in grants for name in re.split(", | ON ", line)),
    } | {match[1] for line in grants if (match := re.match(r"GRANT (.+?) ON ", line))}


@fuzz
@given(anything)
def test_sanitized_text_has_nothing_that_a_terminal_or_spreadsheet_acts_on(text: str) -> None:
    assert not {character for character in sanitize(text) if character < " " or "\x7f" <= character < "\xa0"}
    document = json.dumps({text: text}, ensure_ascii=False, indent=2)
    assert json.loads(sanitize_json(document)) == {text: text}
    assert formula_safe(text).lstrip()[:1] not in ("=", "+", "-", "@")
