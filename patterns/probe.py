"""A probe of rules: which of them take much longer to search than usual, measured within a bounded time."""

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import re2

from patterns.matcher import fold, has_gap, rule_options
from patterns.pattern_set import PatternSet

PROBE_CHARACTERS = 2_000
"""The length of the texts that a rule is tried on."""

# Most rules take 6 to 10 us a text, like a word: their automaton reads a byte in a nanosecond, as long as it finds
# each state among those that it has made. With a gap of 20 between frequent characters it takes up to 32 times as
# long. Above this, it makes a state for most characters, and one such rule costs as much as all others of a set.
SLOW_TIMES = 40.0

# Every tenth character is one of the rule's own. If it has two, each is as frequent as 的 in Chinese texts.
_OWN_CHARACTERS = PROBE_CHARACTERS // 10
_TEXTS = 4
_TRIES_OF_WORD = 10
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
    rule: str
    microseconds: float
    """The time of a search through a text of PROBE_CHARACTERS."""
    times: float
    """How many times as long as the search for a word takes."""


def slow_rules(pattern_set: PatternSet, seconds: float = 0.2) -> list[SlowRule]:
    """Return the rules that take at least SLOW_TIMES as long as the search for a word, the slowest first.

    Each rule is searched alone, through texts of frequent Han and Latin words and the rule's own characters,
    and the quickest of several searches counts, in CPU time. Through other texts it may take less, or more.
    Rules with gaps are tried first; what is left after `seconds` is not tried. A keyword_model has no slow
    patterns.
    """
    if pattern_set.model_type != "rule_model":
        return []
    deadline = time.monotonic() + seconds
    texts = _Texts()
    # A busy machine only ever makes a search longer, so the quickest of many is the true one.
    usual = min(_search_seconds(_WORD, texts, enough=0.0) for _ in range(_TRIES_OF_WORD))
    rules = [(label.name, pattern.text) for label, pattern in pattern_set]
    found = []
    for label, rule in sorted(rules, key=lambda of_label: not has_gap(of_label[1])):
        if time.monotonic() > deadline:
            break
        taken = _search_seconds(rule, texts, enough=SLOW_TIMES * usual)
        if taken >= SLOW_TIMES * usual:
            found.append(SlowRule(label, rule, taken * 1e6, taken / usual))
    return sorted(found, key=lambda slow: -slow.microseconds)


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
        own = _SYNTAX.sub("", rule) + ("0123456789" if r"\d" in rule else "")
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
