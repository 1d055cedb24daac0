"""A probe of rules: which of them, and whether all together, take long to search, measured within a bounded time."""

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import re2

from patterns.match import PatternsTooLarge
from patterns.matcher import build_matcher, fold
from patterns.pattern_set import Label, Pattern, PatternSet
from patterns.rule_search import has_gap, rule_options

PROBE_CHARACTERS = 2_000
"""The length of the texts that a rule is tried on."""

# Most rules take 6 to 10 us a text, like a word: their automaton reads a byte in a nanosecond, as long as it finds
# each state among those that it has made. With a gap of 20 between frequent characters it takes up to 32 times as
# long. Above this, it makes a state for most characters, and one such rule costs as much as all others of a set.
SLOW_TIMES = 40.0

SLOW_TOGETHER_TIMES = 200.0
"""Rules that together take this many times as long as a word are slow: 2 ms a text."""

# If some of the rules are slow together, all of them are.
_MOST_TOGETHER = 2_000
# The automata of rules grow most in the first texts.
_WARM_UP, _MEASURED = 2, 5

# Every tenth character is one of the rule's own. If it has two, each is as frequent as 的 in Chinese texts.
_OWN_CHARACTERS = PROBE_CHARACTERS // 10
_TEXTS = 4
_TRIES_OF_WORD = 50
_WORD = "雅婷"
# In a rule, these stand for no characters.
_SYNTAX = re.compile(
    r"\\[pP]\{\^?\w+\}|\\[pP]\w|\\x\{\w+\}|\\[A-Za-z0-9]|\{\d*,?\d*\}|\(\?[A-Za-z:^-]*|[\\\[\](){}|.*+?^$]"
)
_HAN = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得于著下自之年過發後作里用道行所然家"
    "種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機"
)
_LATIN = (
    *("the", "of", "and", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are", "as", "with", "his"),
    *("they", "at", "be", "this", "from", "have", "or", "by", "one", "had", "not"),
)


@dataclass(frozen=True, slots=True)
class SlowRule:
    """A rule that takes much longer than usual."""

    label: str
    line: int
    """The line in the label's file, from 1."""
    pattern: Pattern
    microseconds: float
    """The time of a search through a text of PROBE_CHARACTERS."""
    times: float
    """How many times as long as the search for a word takes."""


@dataclass(frozen=True, slots=True)
class SlowTogether:
    """Rules with gaps that take long together, though each by itself does not."""

    rules: int
    microseconds: float
    times: float


def slow_rules(pattern_set: PatternSet, seconds: float = 0.2) -> list[SlowRule]:
    """Return the rules that take at least SLOW_TIMES as long as the search for a word, the slowest first.

    Each rule is searched alone, through texts of frequent Han and Latin words and the rule's own characters,
    and the quickest of several searches counts, in CPU time. Through other texts it may take less, or more.
    Rules with gaps are tried first; what is left after `seconds`, of CPU time too, is not tried. A keyword_model has no
    slow patterns.
    """
    if pattern_set.model_type != "rule_model":
        return []
    deadline = time.thread_time() + seconds
    texts = _Texts()
    usual = _usual_seconds(texts)
    found = []
    for label, line, pattern in sorted(pattern_set.lines(), key=lambda of_line: not has_gap(of_line[2].text)):
        if time.thread_time() > deadline:
            break
        taken = _search_seconds(pattern.text, texts, enough=SLOW_TIMES * usual)
        if taken >= SLOW_TIMES * usual:
            found.append(SlowRule(label, line, pattern, taken * 1e6, taken / usual))
    return sorted(found, key=lambda slow: -slow.microseconds)


def slow_together(pattern_set: PatternSet, seconds: float = 0.2) -> SlowTogether | None:
    """Return how slow the rules with gaps are together, or None if they take less than SLOW_TOGETHER_TIMES.

    They are searched as a task searches them, through texts of frequent words and characters of their own, and the
    median of several texts counts. What cannot be measured in about `seconds` of CPU time is not claimed. Rules without
    gaps are left out: they are slow only until their automaton has grown.
    """
    rng = random.Random(1)
    gaps = [pattern for _, pattern in pattern_set if pattern.match_type == "regex" and has_gap(pattern.text)]
    if len(gaps) < 2:
        return None
    some = rng.sample(gaps, min(len(gaps), _MOST_TOGETHER))
    usual = _usual_seconds(_Texts())
    deadline = time.thread_time() + seconds
    try:
        matcher = build_matcher(PatternSet("rule_model", pattern_set.predict_type, (Label("", tuple(some)),)))
    except PatternsTooLarge:  # the whole set is, too
        return None
    taken: list[float] = []
    while len(taken) < _WARM_UP + _MEASURED and (len(taken) <= _WARM_UP or time.thread_time() < deadline):
        text = _mixed(_frequent_words(rng), "".join(map(_own_characters, rng.sample(gaps, min(len(gaps), 50)))), rng)
        started = time.thread_time()
        matcher.match(text)
        taken.append(time.thread_time() - started)
    typical = median(taken[_WARM_UP:])
    if typical < SLOW_TOGETHER_TIMES * usual:
        return None
    return SlowTogether(len(gaps), typical * 1e6, typical / usual)


def _mixed(text: str, own: str, rng: random.Random) -> str:
    """Return a text in which every tenth character is one of its own."""
    characters = list(text)
    for place in rng.sample(range(PROBE_CHARACTERS), _OWN_CHARACTERS):
        characters[place] = rng.choice(own) if own else characters[place]
    return "".join(characters)


def _own_characters(pattern: Pattern) -> str:
    """Return the characters that a rule names."""
    return _SYNTAX.sub("", pattern.text) + ("0123456789" if r"\d" in pattern.text else "")


def _usual_seconds(texts: "_Texts") -> float:
    """Return how long the search for a word takes. A busy machine only makes it longer, so the quickest one counts."""
    return min(_search_seconds(_WORD, texts, enough=0.0) for _ in range(_TRIES_OF_WORD))


def _search_seconds(rule: str, texts: "_Texts", enough: float) -> float:
    """Return how long a rule takes to search the whole of a text; any time below `enough` is near enough.

    Returns 0 for a rule that is too large to be searched alone.
    """
    automaton = re2.Set.SearchSet(rule_options())  # a set does not stop at the first match
    automaton.Add(rule)
    try:
        automaton.Compile()
    except re2.error:
        return 0.0
    taken = []
    for text in texts.of(rule):
        started = time.thread_time()
        automaton.Match(text)
        taken.append(time.thread_time() - started)
        if taken[-1] < enough:
            break
    return min(taken)


class _Texts:
    """Texts that are the same for each rule but for the rule's own characters."""

    def __init__(self) -> None:
        rng = random.Random(1)
        self._texts = [_frequent_words(rng) for _ in range(_TEXTS)]
        self._places = [rng.sample(range(PROBE_CHARACTERS), _OWN_CHARACTERS) for _ in range(_TEXTS)]
        self._choices = [rng.choices(range(1_000), k=_OWN_CHARACTERS) for _ in range(_TEXTS)]

    def of(self, rule: str) -> Iterator[bytes]:
        """Yield the texts for a rule, folded."""
        own = _own_characters(Pattern(rule, "regex"))
        for text, places, choices in zip(self._texts, self._places, self._choices, strict=True):
            characters = list(text)
            if own:
                for place, choice in zip(places, choices, strict=True):
                    characters[place] = own[choice % len(own)]
            yield fold("".join(characters))


def _frequent_words(rng: random.Random) -> str:
    """Return a text of Han and Latin words, half of each."""
    text = ""
    while len(text) < PROBE_CHARACTERS:
        text += "".join(rng.choices(_HAN, k=20)) + "，" + " ".join(rng.choices(_LATIN, k=6)) + " "
    return text[:PROBE_CHARACTERS]
