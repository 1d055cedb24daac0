"""Fuzz tests of pattern files, sources files and keywords: a valid value or a fault, nothing else."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.errors import AudienceError
from jobs.model.sources import Sources, read_sources
from patterns.files import MAX_LINE_CHARACTERS, PatternFileError, label_names, read_pattern_set
from patterns.matcher import build_matcher
from patterns.pattern_set import Label, Pattern, PatternSet
from tests.helpers.fuzzing import contents, fuzz
from tests.helpers.oracle import decide
from tests.helpers.pattern_files import decision


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory if possible: with FUZZ_EXAMPLES it is written a hundred thousand times."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        yield Path(name)


keyword_lines = st.lists(
    st.tuples(st.text(max_size=5), st.sampled_from(["\t", "", " ", "\t\t"]), st.sampled_from(["end", "start", "x", ""]))
).map(lambda lines: "\n".join(map("".join, lines)).encode("utf-8", "surrogatepass"))


@fuzz
@given(keyword_lines | contents)
def test_a_keyword_file_gives_faults_or_patterns_that_match_themselves(folder: Path, content: bytes) -> None:
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
def test_a_rule_file_gives_faults_or_rules_that_a_worker_can_build(folder: Path, content: str, text: str) -> None:
    path = folder / "rule_model" / "a" / "title.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        found = read_pattern_set(folder, "rule_model", "title")
    except PatternFileError:
        return
    matcher = build_matcher(found)
    hits = [(label.name, str(pattern)) for label, pattern in found]
    numbers = matcher.hits(text)
    assert decision(matcher, text) == (hits[numbers[0]] if numbers else None)


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
def test_a_sources_file_gives_a_mapping_or_error_501(folder: Path, content: bytes) -> None:
    path = folder / "sources.toml"
    path.write_bytes(content)
    try:
        sources = read_sources(path)
    except AudienceError as error:
        assert error.code == 501
        return
    assert Sources.from_json(sources.to_json()) == sources
    assert sources.default in sources.names
    for name in sources.names:
        assert re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,46}", name)


@fuzz
@given(toml, st.permutations(["a", "b"]))
@example(b'order = ["b"]', ["a", "b"])
def test_a_labels_toml_gives_a_fault_or_every_label_once(folder: Path, content: bytes, names: list[str]) -> None:
    top = folder / "ordered"
    for name in names:
        (top / "keyword_model" / name).mkdir(parents=True, exist_ok=True)
    (top / "keyword_model" / "labels.toml").write_bytes(content)
    with suppress(PatternFileError):
        assert sorted(label_names(top, "keyword_model")) == ["a", "b"]


odd = st.text("aAİißẞſKÅΣσς雅😀\u0301\u200d\u202e\xfe\xff\x00\ud800\udfffǅﬁŉ", max_size=6)


@fuzz
@given(
    st.lists(st.tuples(odd.filter(bool), st.sampled_from(["partially", "exactly", "start", "end"])), max_size=5), odd
)
def test_keywords_match_odd_unicode_as_the_oracle_does(lines: list[tuple[str, str]], text: str) -> None:
    patterns = tuple(Pattern(keyword, match_type) for keyword, match_type in lines)  # type: ignore[arg-type]
    matcher = build_matcher(PatternSet("keyword_model", "title", (Label("a", patterns),)))
    assert decision(matcher, text) == decide(text, {"a": lines})
