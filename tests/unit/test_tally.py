"""The tally of a window against a naive count."""

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from jobs.model import tally as tally_module
from jobs.model.definition import Definition
from jobs.model.input_table import SEPARATOR
from jobs.model.sources import Sources
from jobs.model.tally import BUCKETS, Decisions, WindowTally, new_tally, unpack_authors
from jobs.model.units import slice_of
from patterns.matcher import build_matcher
from patterns.pattern_set import Label, Pattern, PatternSet
from tests.helpers.inputs import input_table
from tests.helpers.oracle import decide

PATTERNS = {"female": [("a", "partially")], "male": [("b", "partially"), ("c", "end")]}
NUMBERS = {("female", "a partially"): 0, ("male", "b partially"): 1, ("male", "c end"): 2}
SOURCES = Sources("other", {"s": ("one",), "s_a": ("one", "two", "other"), "t": ("two",)})
Post = tuple[int, str, str, str, str]
"""id, s_id, author, post_time, content"""
posts = st.lists(
    st.tuples(
        st.integers(1, 50),
        st.sampled_from(["s", "s_a", "t", "unknown"]),
        st.sampled_from(["a", "A ", " A", "_a", "b", "ab", "x", "", "a_b", "雅"]),
        st.sampled_from(["2020-01-01 00:00:00", "2020-01-01 00:00:01", "2020-01-02 00:00:00"]),
        st.sampled_from(["a", "b", "abc", "xc", "none", ""]),
    ),
    max_size=40,
)


def tally_of(text: str, posts: Sequence[Post], batch: int) -> WindowTally:
    patterns = _patterns()
    tally = new_tally(Definition(patterns, SOURCES, input_table(text)), build_matcher(patterns).match_all)
    rows = [
        (s_id.encode() + SEPARATOR + author.encode(), time, post_id, *([content] if text == "content" else []))
        for post_id, s_id, author, time, content in posts
    ]
    for start in range(0, len(rows), batch):
        tally.add(rows[start : start + batch])
    return tally


def _patterns() -> PatternSet:
    labels = tuple(
        Label(name, tuple(Pattern(*line) for line in lines))  # type: ignore[arg-type]
        for name, lines in PATTERNS.items()
    )
    return PatternSet("keyword_model", "author_name", labels)


@given(posts, st.sampled_from(["author", "content"]), st.integers(1, 7), st.integers(0, 9))
def test_a_window_has_one_label_row_per_source_author_and_panel_with_its_votes_and_latest_post(
    window: list[Post], text: str, batch: int, authors_held: int
) -> None:
    votes: Counter[tuple[str, str, str]] = Counter()
    latest: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    hits: defaultdict[str, Counter[int]] = defaultdict(Counter)
    deciding: defaultdict[str, set[tuple[str, str, int]]] = defaultdict(set)
    labelled_once = 0
    authors: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for post_id, s_id, author, time, content in window:
        matched = author if text == "author" else content
        decided = decide(matched, PATTERNS)
        labelled_once += decided is not None
        for result in SOURCES.results_of(s_id):
            authors[result].add((s_id, author))
            if decided:
                number = NUMBERS[decided]
                hits[result][number] += 1
                deciding[result].add((s_id, author, number))
                key = (result, f"{s_id}_{author}", f"/{decided[0]}")
                votes[key] += 1
                latest[key] = max(latest.get(key, ("",)), (time, post_id, matched, s_id, decided[1]))

    with patch.object(tally_module, "_MAX_AUTHORS", authors_held):
        tally = tally_of(text, window, batch)
    rows = [(result, *row) for result, label_rows in tally.label_rows().items() for row in label_rows]
    assert all(row[-1] == slice_of(row[2].encode()) for row in rows)
    found = {
        (result, source_author, panel): (count, time, post_id, matched, s_id, rule)
        for result, post_id, source_author, panel, time, s_id, matched, count, rule, _ in rows
    }
    assert len(rows) == len(found)
    # If two sources give the same source_author and all else is equal, the row may come from either.
    known = 6 if text == "author" else 4
    expected = {key: (votes[key], *latest[key]) for key in votes}
    assert {key: value[:known] for key, value in found.items()} == {
        key: value[:known] for key, value in expected.items()
    }
    assert tally.received == len(window)
    assert tally.hits() == hits
    assert tally.labelled_once() == labelled_once
    assert hashes_by_result(tally).keys() == authors.keys()
    assert all(len(hashes_by_result(tally)[result]) == len(pairs) for result, pairs in authors.items())
    numbers: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (result, _), packed in tally.author_hashes().items():
        decided_authors, patterns = unpack_authors(packed)
        assert len(set(zip(decided_authors, patterns, strict=False))) == len(patterns)
        numbers[result].update(patterns)
    assert {result: found for result, found in numbers.items() if found} == {
        result: Counter(number for *_, number in triples) for result, triples in deciding.items()
    }


def hashes_by_result(tally: WindowTally) -> dict[str, set[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for (result, number), packed in tally.author_hashes().items():
        hashes, _ = unpack_authors(packed)
        assert {each % BUCKETS for each in hashes} == {number}
        assert not found[result] & set(hashes)  # buckets are disjoint
        found[result] |= set(hashes)
    return found


@given(st.lists(posts, max_size=5))
def test_an_author_has_the_same_hash_in_every_window_and_shares_it_with_no_other(windows: list[list[Post]]) -> None:
    hashes: defaultdict[str, set[int]] = defaultdict(set)
    authors: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for window in windows:
        for result, found in hashes_by_result(tally_of("author", window, 10)).items():
            hashes[result] |= found
        for _, s_id, author, _, _ in window:
            for result in SOURCES.results_of(s_id):
                authors[result].add((s_id, author))
    assert {result: len(found) for result, found in hashes.items()} == {
        result: len(pairs) for result, pairs in authors.items()
    }


def test_a_tally_is_full_before_it_exceeds_its_limits() -> None:
    posts: list[Post] = [(number, "s", f"name {number}", "2020-01-01 00:00:00", "a" * 10) for number in range(100)]
    with patch.object(tally_module, "_MAX_VOTES", 50):
        assert not tally_of("author", posts[:50], 100).full
        assert tally_of("author", posts[:51], 100).full
    with patch.object(tally_module, "_MAX_CHARACTERS", 500):
        assert not tally_of("content", posts[:50], 100).full
        assert tally_of("content", posts[:51], 100).full
    unlabelled: list[Post] = [(*post[:2], f"{number}", *post[3:]) for number, post in enumerate(posts)]
    with patch.object(tally_module, "_MAX_AUTHORS", 10), patch.object(tally_module, "_MAX_HASHES", 50):
        assert not tally_of("author", unlabelled[:44], 11).full
        assert not tally_of("author", unlabelled[:55], 5).full  # it holds ten of the authors
        assert tally_of("author", unlabelled[:55], 11).full


def test_a_tally_is_full_when_later_and_longer_texts_replace_short_ones() -> None:
    def posts(day: int, text: str) -> list[Post]:
        return [(number, "s", f"name {number}", f"2020-01-{day:02} 00:00:00", text) for number in range(10)]

    with patch.object(tally_module, "_MAX_CHARACTERS", 500):
        assert not tally_of("content", posts(1, "a"), 100).full
        assert not tally_of("content", [*posts(2, "a"), *posts(1, "a" * 100)], 100).full  # it holds the latest texts
        assert tally_of("content", [*posts(1, "a"), *posts(2, "a" * 100)], 100).full
        assert not tally_of("content", [*posts(1, "a" * 100), *posts(2, "a")], 100).full


def test_threads_that_share_a_cache_of_labels_get_each_label_while_others_are_dropped() -> None:
    decisions = Decisions(build_matcher(_patterns()))
    together = Barrier(2)

    def decide(first: int) -> None:
        texts = [f"a {number}" for number in range(first, first + 50)]
        together.wait()
        for _ in range(10_000):
            assert None not in decisions.decide(texts)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with patch.object(tally_module, "_CACHED_TEXTS", 60), ThreadPoolExecutor(2) as threads:
            list(threads.map(decide, (0, 30)))
    finally:
        sys.setswitchinterval(interval)
