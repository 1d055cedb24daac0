"""Differences between two pattern sets over rows, against a naive count."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from jobs.model.difference import KINDS, DifferenceCounter, Kind
from patterns.matcher import build_matcher
from patterns.pattern_set import Label, Pattern, PatternSet
from tests.helpers.oracle import decide

lines = st.lists(
    st.tuples(st.sampled_from(["a", "b", "ab", "雅", "c"]), st.sampled_from(["partially", "start", "end", "exactly"])),
    unique=True,
    max_size=4,
)
pattern_maps = st.fixed_dictionaries({"female": lines, "male": lines})
rows = st.lists(st.tuples(st.sampled_from(["s_1", "s_2"]), st.text("abc雅x", max_size=4)), max_size=30)


def pattern_set(patterns: dict[str, list[tuple[str, str]]]) -> PatternSet:
    labels = tuple(
        Label(name, tuple(Pattern(*line) for line in of_label))  # type: ignore[arg-type]
        for name, of_label in sorted(patterns.items())
    )
    return PatternSet("keyword_model", "author_name", labels)


@given(pattern_maps, pattern_maps, rows, st.sampled_from(KINDS), st.integers(1, 30))
def test_each_row_counts_once_by_what_it_gets_before_and_after_and_for_the_patterns_that_decide(
    before: dict[str, list[tuple[str, str]]],
    after: dict[str, list[tuple[str, str]]],
    sample: list[tuple[str, str]],
    listed: Kind,
    limit: int,
) -> None:
    counts: Counter[str] = Counter()
    made: Counter[tuple[str, tuple[str, str], str]] = Counter()
    expected = []
    for source_author, text in sample:
        old, new = decide(text, before), decide(text, after)
        if (old and old[0]) == (new and new[0]):
            counts["same"] += old is not None
            continue
        kind = "gained" if old is None else "lost" if new is None else "changed"
        counts[kind] += 1
        if old:
            made["before", old, kind] += 1
        if new:
            made["after", new, kind] += 1
        if kind == listed:
            expected.append((source_author, text, old and old[1], new and new[1]))
    sets = pattern_set(before), pattern_set(after)
    found = DifferenceCounter(build_matcher(sets[0]), build_matcher(sets[1]), (listed,), limit)
    kinds = Counter(found.add_row(*row) for row in sample)
    one = found.difference("")
    assert (one.same, one.gained, one.lost, one.changed) == tuple(counts[name] for name in ("same", *KINDS))
    assert {kind: kinds[kind] for kind in KINDS} == {kind: counts[kind] for kind in KINDS}
    assert sum(move[2] for move in one.moves) == one.changed
    assert [
        (change.source_author, change.text, change.pattern_before, change.pattern_after) for change in found.changes
    ] == expected[:limit]
    changes = found.pattern_changes(*sets)
    assert {
        (change.side, (change.label, str(change.pattern)), kind): count
        for change in changes
        for kind, count in (("gained", change.gained), ("lost", change.lost), ("changed", change.changed))
        if count
    } == made
    for change in changes:
        line = (change.pattern.text, change.pattern.match_type)
        assert change.in_both == all(line in patterns[change.label] for patterns in (before, after))
