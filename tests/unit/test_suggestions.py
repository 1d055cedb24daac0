"""Suggestions: honest figures, few false ones, and nothing where labels are random."""

import random
from fractions import Fraction
from math import comb

from hypothesis import given, settings
from hypothesis import strategies as st

from patterns.evaluation import NONE
from patterns.frequent import frequent
from patterns.intervals import binomial_tail
from patterns.lint import lint
from patterns.pattern_set import Label, PatternSet
from patterns.suggestions import Suggestions, suggest
from tests.helpers.oracle import Patterns, decide, matches
from tests.unit.test_matcher import keyword_set

EMPTY = keyword_set({"female": [], "male": []})
LETTERS = "甲乙丙丁戊己庚辛壬癸"


def random_lines(rng: random.Random, count: int, share: float) -> list[tuple[int, str, str]]:
    """Return texts whose labels do not depend on them: female with this probability, else male."""
    return [
        (line, "".join(rng.choices(LETTERS, k=rng.randint(1, 4))), "female" if rng.random() < share else "male")
        for line in range(2, count + 2)
    ]


def test_over_random_labels_nothing_is_suggested() -> None:
    for seed in range(30):
        rng = random.Random(seed)
        found = suggest(EMPTY, random_lines(rng, 2_000, 0.5), precision=0.8, support=20, seed=seed)
        assert found.suggestions == ()


def test_over_random_labels_that_are_just_as_precise_as_requested_hardly_anything_is_suggested() -> None:
    """The hardest case: every sequence may reach the precision by luck, and one in twenty runs may have one."""
    runs = 200
    lucky = 0
    for seed in range(runs):
        rng = random.Random(seed)
        precision = (0.9, 0.95)[seed % 2]
        found = suggest(EMPTY, random_lines(rng, 800, 0.9), label="female", precision=precision, support=10, seed=seed)
        lucky += bool(found.suggestions)
    assert lucky / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_few_sure_suggestions_are_less_precise_than_requested() -> None:
    """Half of the endings are more precise than requested, half are less: few of the sure ones are the latter."""
    shares, precise = [], 0
    for seed in range(20):
        rng = random.Random(seed)
        endings = [chr(0x4E00 + number) for number in range(40)]
        lines = []
        for line in range(2, 20_002):
            number = rng.randrange(60)
            right = rng.random() < (0.98 if number < 20 else 0.92)
            text = f"{line % 7}{endings[number]}" if number < 40 else str(line)
            lines.append((line, text, "female" if right and number < 40 else "male"))
        found = suggest(EMPTY, lines, label="female", precision=0.94, support=20, seed=seed).suggestions
        names = {one.pattern.text[-1:] for one in found if one.sure}
        less_precise = names & set(endings[20:])
        precise += len(names & set(endings[:20]))
        shares.append(len(less_precise) / max(len(names), 1))
    assert precise > 100 and sum(shares) / len(shares) < 0.05


lines_of = st.lists(
    st.tuples(st.text("ab雅婷", max_size=4), st.sampled_from(["female", "male", "robot", NONE])), max_size=60
).map(lambda lines: [(number, text, label) for number, (text, label) in enumerate(lines * 3, start=2)])


@settings(max_examples=300)
@given(lines_of, st.integers(0, 5), st.sampled_from([None, "female", "male", "robot"]))
def test_figures_are_those_of_the_half_that_judges(
    lines: list[tuple[int, str, str]], seed: int, label: str | None
) -> None:
    patterns: Patterns = {"female": [("雅婷", "end")], "male": [("a", "start")]}
    pattern_set = keyword_set(patterns)  # type: ignore[arg-type]
    found = suggest(pattern_set, lines, label=label, precision=0.3, support=2, seed=seed)

    rng = random.Random(seed)
    judging = [line for line in lines if rng.getrandbits(1)]
    order = ["female", "male", "robot"]
    assert found.before.lines == found.after.lines == len(judging)
    for one in found.suggestions:
        hits = [line for line in judging if matches(line[1], (one.pattern.text, one.pattern.match_type))]
        decisions = [decide(text, patterns) for _, text, _ in hits]
        decided = [
            gold
            for (_, _, gold), decision in zip(hits, decisions, strict=True)
            if decision is None or order.index(decision[0]) > order.index(one.label)
        ]
        assert (one.support, one.right) == (len(decided), decided.count(one.label))
        assert (one.adds, one.lines) == (decisions.count(None), len(judging))
        assert label in (None, one.label) and one.support >= 2
        assert one.precision.value is not None and one.precision.value >= 0.3
    check_added(pattern_set, found, order)


def check_added(pattern_set: PatternSet, found: Suggestions, order: list[str]) -> None:
    """Assert that no suggested line is superfluous beside the patterns and the other suggestions."""
    old = {label.name: label.patterns for label in pattern_set.labels}
    labels = [
        Label(name, (*old.get(name, ()), *(one.pattern for one in found.suggestions if one.label == name)))
        for name in order
    ]
    added = PatternSet(pattern_set.model_type, pattern_set.predict_type, tuple(labels))
    for warning in lint(added):
        if warning.kind in ("repeated", "shadowed"):
            assert warning.line <= len(old.get(warning.label, ()))


def test_what_is_planted_is_found_for_labels_without_patterns_and_raises_coverage() -> None:
    rng = random.Random(1)
    lines = []
    for line in range(2, 4_002):
        name = "".join(rng.choices(LETTERS, k=2))
        kind = rng.choice(["婷", "志", "?"])
        lines.append(
            (line, {"婷": f"{name}婷", "志": f"志{name}", "?": name}[kind], {"婷": "f", "志": "m", "?": NONE}[kind])
        )
    found = suggest(PatternSet("keyword_model", "author_name", ()), lines)
    assert {(one.label, str(one.pattern)) for one in found.suggestions} == {("f", "婷 end"), ("m", "志 start")}
    assert found.before.coverage.value == 0 and (found.after.coverage.value or 0) > 0.6
    assert found.after.precision.value == 1 and all(one.sure for one in found.suggestions)
    few = suggest(EMPTY, lines[:200]).suggestions
    assert {(one.label, str(one.pattern), one.sure) for one in few} == {
        ("f", "婷 end", False),
        ("m", "志 start", False),
    }
    rules = suggest(PatternSet("rule_model", "author_name", ()), lines)
    assert {(one.label, str(one.pattern)) for one in rules.suggestions} == {("f", "婷$"), ("m", "^志")}
    assert rules.after.coverage == found.after.coverage


@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sampled_from([0.5, 0.75, 0.96875]),
)
def test_the_binomial_tail_is_exact(trial: tuple[int, int], share: float) -> None:
    right, trials = trial
    exact = sum(
        comb(trials, count) * Fraction(share) ** count * (1 - Fraction(share)) ** (trials - count)
        for count in range(right, trials + 1)
    )
    found = binomial_tail(right, trials, share)
    assert abs(found - exact) < 1e-9 or (found == 1 and right <= trials * share)


def test_frequent_sequences_of_texts_without_a_label_have_their_counts_and_examples() -> None:
    texts = [
        *(f"小魚{number}" for number in range(300)),
        *(f"路人{number % 7}" for number in range(100)),
        *["雅婷"] * 500,
    ]
    found = frequent(keyword_set({"female": [("雅婷", "partially")]}), texts)
    assert [(str(one.pattern), one.texts) for one in found[:2]] == [("小魚 start", 300), ("路人 start", 100)]
    assert found[0].share.value == 0.75
    for one in found:
        assert 1 <= len(set(one.examples)) == len(one.examples) <= 3
        assert all(matches(text, (one.pattern.text, one.pattern.match_type)) for text in one.examples)
        assert sum(matches(t, (one.pattern.text, one.pattern.match_type)) for t in texts[:400]) == one.texts
