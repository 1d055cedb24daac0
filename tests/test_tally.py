from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from jobs.definition import Definition
from jobs.input_table import InputTable
from jobs.sources import Sources
from jobs.tally import Decisions, WindowTally, author_hash, count_authors, unite_authors
from patterns.matcher import build_matcher
from patterns.pattern_set import Label, Pattern, PatternSet
from tests.oracle import decide

PATTERNS = {"female": [("a", "partially")], "male": [("b", "partially"), ("c", "end")]}
SOURCES = Sources("other", {"s": "one", "s_a": "one", "t": "two"})
rows = st.lists(
    st.tuples(
        st.integers(1, 50),
        st.sampled_from(["s", "s_a", "t", "unknown"]),
        st.sampled_from(["a", "A ", " A", "_a", "b", "ab", "x", "", "a_b"]),
        st.sampled_from(["2020-01-01 00:00:00", "2020-01-01 00:00:01", "2020-01-02 00:00:00"]),
        st.sampled_from(["a", "b", "abc", "xc", "none", ""]),
    ),
    max_size=40,
)


def definition(text: str) -> Definition:
    labels = tuple(
        Label(name, tuple(Pattern(*line) for line in lines))  # type: ignore[arg-type]
        for name, lines in PATTERNS.items()
    )
    table = InputTable("s", "t", ("id", "s_id", "author", "post_time", "content"), text, 1, 1, 1, 1, 0, True)
    return Definition(PatternSet("keyword_model", "author_name", labels), SOURCES, table)


@given(rows, st.sampled_from(["author", "content"]), st.integers(1, 7))
def test_a_window_has_one_row_for_each_source_author_and_panel_with_its_votes_and_its_latest_row(
    window: list[tuple[int, str, str, str, str]], text: str, batch: int
) -> None:
    its = definition(text)
    tally = WindowTally(its, Decisions(build_matcher(its.patterns)).__getitem__)
    for start in range(0, len(window), batch):
        tally.add(window[start : start + batch])

    votes: Counter[tuple[str, str, str]] = Counter()
    latest: dict[tuple[str, str, str], tuple[object, ...]] = {}
    received: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    authors: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for post_id, s_id, author, time, content in window:
        result = SOURCES.result_of(s_id)
        received[result] += 1
        authors[result].add((s_id, author))
        matched = author if text == "author" else content
        decided = decide(matched, PATTERNS)
        if decided:
            labelled[result] += 1
            key = (result, f"{s_id}_{author}", f"/{decided[0]}")
            votes[key] += 1
            latest[key] = max(latest.get(key, ("",)), (time, post_id, matched, s_id, decided[1]))

    expected = {key: (votes[key], *latest[key]) for key in votes}
    found = {
        (result, source_author, panel): (count, time, int(post_id), matched, s_id, rule)
        for result, label_rows in tally.label_rows().items()
        for post_id, source_author, panel, time, s_id, matched, count, rule in label_rows
    }
    assert sum(map(len, tally.label_rows().values())) == len(expected)
    if text == "author":  # else the source of two that are written the same is either's
        assert found == expected
    else:
        assert {key: value[:4] for key, value in found.items()} == {key: value[:4] for key, value in expected.items()}
    for result, numbers in tally.results().items():
        assert numbers.received == received[result] and numbers.labelled == labelled[result]
        assert count_authors(numbers.authors) == len(authors[result])
    assert tally.results().keys() == received.keys()


@given(st.lists(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=20), max_size=6))
def test_distinct_authors_are_counted_exactly_over_windows(windows: list[list[tuple[str, str]]]) -> None:
    import numpy

    packed = [numpy.array([author_hash(*pair) for pair in pairs], "<u8").tobytes() for pairs in windows]
    assert count_authors(unite_authors(b"", packed)) == len({pair for pairs in windows for pair in pairs})


def test_authors_that_are_written_the_same_have_different_hashes() -> None:
    assert author_hash("a", "b_c") != author_hash("a_b", "c")
    assert author_hash("a", "") != author_hash("", "a")
