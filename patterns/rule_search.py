"""Searching many regular expressions in a text: which of them match, in time linear in the text's length.

Most rules are in one RE2 set, whose automaton has a state for each combination of half-matched rules. Rules with
gaps, such as `a.{0,20}b`, are different: with many of them, nearly every character of a text leads to a new state.
They are searched in blocks, behind a filter: one pass finds the literals that a match requires, and only rules whose
literals are all present are searched, each by its own automaton. In short texts, rules that begin with `^` and repeat
only classes are searched by a second set.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import filterfalse
from typing import Any

import re2

# A repetition of more than three characters that may be anything. Where it is found in error, as in `\.*`, the
# rule is searched more slowly, with the same result.
_GAP = re.compile(r"(?:[.\])}]|\\[CDSW]|\\[pP]\w)(?:[*+]|\{\d+,\}|\{(?:\d+,)?(?:\d\d+|[4-9])\})")
# A repetition of a class such as \P{Han} or [^\p{L}], unlike one of any character, usually ends at the first character
# of what follows. So rules that match only at the start of a text, and repeat nothing but classes, have few
# combinations in one of _SHORT_BYTES, such as a name: for 200 of them, a set takes 3 us and blocks take 50.
_CLASS_GAP = re.compile(r"(?:\\[pP](?:\w|\{\^?\w+\})|\[(?:[^^\]]|\^\\p)[^\]]*\])(?:[*+]|\{\d*,?\d*\})")
_SHORT_BYTES = 200
# Where few rules are half-matched, as is usual, a set is faster than a filter: 200 rules, 33 of them with gaps, take
# 1.9 us for 70 characters instead of 3.4 us. Where most are, this many take 13 ms for 2,000 characters, not 0.4 ms.
_MAX_GAPS_IN_SET = 50

# The memory for the automata of a set, and of all blocks. They grow as texts are searched.
_RE2_BYTES = 256 * 2**20
# A rule's share of it, at least and at most. With less, its search is several times slower; 8 MB is RE2's default.
_MIN_RULE_BYTES = 2**15
_MAX_RULE_BYTES = 8 * 2**20
# A rule whose program does not fit into its share gets more, up to this for all rules together.
_MAX_RE2_BYTES = 2**30
# The automaton of a filter has 8 MB. The literals of 10,000 bytes of rules fit; those of 16,000 do not, and a
# text then takes 50 ms. A longer rule is no better behind a filter of its own than in the set.
_BLOCK_BYTES = 4_000
# A rule in a block takes 6 to 10 kB. More rules than this are in one set, where a rule takes a fifth of that.
_MAX_IN_BLOCKS = 16_000


class RuleSearch:
    """Searches texts for rules, which are numbered from 0. Raises re2.error if they are too large together.

    Texts are in lower case, as UTF-8: what `fold` returns.
    """

    def __init__(self, rules: Sequence[str]) -> None:
        self._none = len(rules)
        self._sets, self._blocks = _arrange(list(enumerate(rules)))

    def first_of_each(self, folded: Sequence[bytes]) -> list[int]:
        """Return the lowest number of a rule that matches, or the number of rules, for each text."""
        first, *others = [rules.first_of_each(folded) for rules in self._sets]
        for other in others:
            first = list(map(min, first, other))
        for block in self._blocks:
            for index, text in enumerate(folded):
                if first[index] > block.numbers[0] and (hits := block.hits(text)):
                    first[index] = min(first[index], hits[0])
        return first

    def hits(self, folded: bytes) -> list[int]:
        """Return the number of every rule that matches, in order."""
        numbers = [number for rules in self._sets for number in rules.hits(folded)]
        for block in self._blocks:
            numbers += block.hits(folded)
        return sorted(number for number in numbers if number != self._none)


def rule_options() -> Any:
    """Return the RE2 options that a rule is compiled with."""
    options = re2.Options()
    options.case_sensitive = False  # the text is in lower case, so a rule's capitals would never match
    options.log_errors = False
    return options


def has_gap(rule: str) -> bool:
    """Return whether a rule repeats, more than three times, what may be any character of many."""
    return _GAP.search(rule) is not None


_Rules = Sequence[tuple[int, str]]
"""Rules, each after its number."""


def _arrange(rules: _Rules) -> "tuple[list[_RuleSet], list[_RuleBlock]]":
    """Return the sets and the blocks that hold the rules. Raises re2.error if they are too large."""
    none = len(rules)
    if len(rules) > _MAX_IN_BLOCKS:
        return [_RuleSet(rules, none)], []
    gaps = [(number, rule) for number, rule in rules if len(rule.encode()) <= _BLOCK_BYTES and has_gap(rule)]
    anchored, others = _blocks(list(filter(_is_anchored, gaps))), _blocks(list(filterfalse(_is_anchored, gaps)))
    # Rules that require no literal are the worst in a set, because any text half-matches them.
    unfiltered = {number for block in (*anchored, *others) for number in block.unfiltered()}
    if len(gaps) - len(unfiltered) <= _MAX_GAPS_IN_SET:
        gaps = [(number, rule) for number, rule in gaps if number in unfiltered]
        anchored, others = _blocks(list(filter(_is_anchored, gaps))), _blocks(list(filterfalse(_is_anchored, gaps)))
    apart = {number for number, _ in gaps}
    try:
        sets = [_RuleSet([(number, rule) for number, rule in rules if number not in apart], none)]
        if anchored:
            sets.append(_RuleSet(list(filter(_is_anchored, gaps)), none, anchored))
        return sets, others
    except re2.error:  # too large for a set
        return [_RuleSet([], none)], _blocks(rules)


def _is_anchored(numbered: tuple[int, str]) -> bool:
    return numbered[1].startswith("^") and not has_gap(_CLASS_GAP.sub("", numbered[1]))


class _RuleSet:
    """Rules in one automaton. Raises re2.error if it is too large.

    If there are `blocks` of the same rules, texts of more than _SHORT_BYTES are searched in these.
    """

    def __init__(self, rules: _Rules, none: int, blocks: "Sequence[_RuleBlock]" = ()) -> None:
        self._rules = rules
        self._longest = _SHORT_BYTES if blocks else None
        if blocks:
            self._blocks = blocks
        self._numbers = [*(number for number, _ in rules), none]
        # If a set exceeds its memory while matching, RE2 reports that nothing matches. The empty regex matches
        # every text, so its index is missing only then.
        self._witness = len(rules)
        self._set = re2.Set.SearchSet(_options(_RE2_BYTES))
        for rule in [*(rule for _, rule in rules), ""]:
            self._set.Add(rule)
        self._set.Compile()

    def first_of_each(self, folded: Sequence[bytes]) -> list[int]:
        """Return the lowest number of a rule that matches, or `none`, for each text."""
        numbers, none, witness = self._numbers, self._numbers[-1], self._witness
        search = self._set.Match if self._longest is None else self._search
        return [
            none
            if indexes == [witness]  # as for most texts
            else numbers[min(indexes)]
            if indexes and witness in indexes
            else min(self.hits(text))
            for text, indexes in zip(folded, map(search, folded), strict=True)
        ]

    def hits(self, folded: bytes) -> list[int]:
        """Return the numbers of the rules that match, in any order, and `none`."""
        indexes = self._search(folded)
        if self._witness in indexes:
            return [self._numbers[index] for index in indexes]
        return [*(number for block in self._blocks for number in block.hits(folded)), self._numbers[-1]]

    def _search(self, folded: bytes) -> Sequence[int]:
        """Return the indexes of the rules that match, and the witness; nothing if the set cannot tell."""
        if self._longest is not None and len(folded) > self._longest:
            return ()
        return self._set.Match(folded) or ()

    @cached_property
    def _blocks(self) -> "Sequence[_RuleBlock]":
        return _blocks(self._rules)


class _RuleBlock:
    """Rules behind a filter on the literals that they require. Raises re2.error if a rule is too large."""

    def __init__(self, rules: _Rules, rule_bytes: int) -> None:
        self.numbers = [number for number, _ in rules]
        self.bytes = 0
        """The memory that the automata of its rules may take."""
        self._filter = re2.Filter()
        for _, rule in rules:
            self.bytes += self._add(rule, rule_bytes)
        self._filter.Compile()

    def _add(self, rule: str, rule_bytes: int) -> int:
        """Add a rule, and return the memory that it may take."""
        while True:
            try:
                self._filter.Add(rule, _options(rule_bytes))
                return rule_bytes
            except re2.error:
                if rule_bytes >= _MAX_RULE_BYTES:
                    raise
                rule_bytes = min(4 * rule_bytes, _MAX_RULE_BYTES)

    def hits(self, folded: bytes) -> list[int]:
        """Return the numbers of the rules that match, in order."""
        return [self.numbers[index] for index in self._filter.Match(folded) or ()]

    def unfiltered(self) -> set[int]:
        """Return the numbers of the rules that require no literal."""
        return {self.numbers[index] for index in self._filter.Match(b"", potential=True) or ()}


def _blocks(rules: _Rules) -> list[_RuleBlock]:
    """Return the rules in blocks, in order. Raises re2.error if they are too large."""
    rule_bytes = min(max(_RE2_BYTES // max(len(rules), 1), _MIN_RULE_BYTES), _MAX_RULE_BYTES)
    blocks: list[_RuleBlock] = []
    for part in _parts(rules):
        blocks.append(_RuleBlock(part, rule_bytes))
        if sum(block.bytes for block in blocks) > _MAX_RE2_BYTES:
            raise re2.error("the automata are too large")
    return blocks


def _parts(rules: _Rules) -> Iterator[_Rules]:
    """Cut the rules into parts of _BLOCK_BYTES, except for the last rule of a part."""
    part: list[tuple[int, str]] = []
    size = 0
    for numbered in rules:
        part.append(numbered)
        size += len(numbered[1].encode())
        if size > _BLOCK_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _options(max_bytes: int) -> Any:
    options = rule_options()
    options.never_capture = True
    options.max_mem = max_bytes
    return options
