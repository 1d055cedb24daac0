"""The matchers of pattern sets, and what to know of their rules: imported only where patterns are matched."""

from functools import lru_cache

from patterns.match import Matcher
from patterns.matcher import build_matcher
from patterns.pattern_set import PatternSet
from patterns.probe import PROBE_CHARACTERS, SlowRule, SlowTogether, slow_rules, slow_together
from patterns.text_file import shortened

_MAX_WARNINGS = 5


@lru_cache(maxsize=2)
def matcher_of(pattern_set: PatternSet) -> Matcher:
    """Return the matcher of a pattern set. Those used last are kept, because services use one after the other.

    Raises PatternsTooLarge.
    """
    return build_matcher(pattern_set)


def pattern_warnings(pattern_set: PatternSet) -> tuple[str, ...]:
    """Return what to know of patterns before they are used: rules that a probe of 0.2 s finds slow."""
    slow, together = slow_patterns(pattern_set)
    warnings = [
        f"rule {shortened(one.pattern.text)} of label {one.label} {message}" for one, message in slow[:_MAX_WARNINGS]
    ]
    if len(slow) > _MAX_WARNINGS:
        warnings.append(f"{len(slow) - _MAX_WARNINGS:,} more rules are slow")
    return (*warnings, together) if together else tuple(warnings)


@lru_cache(maxsize=4)
def slow_patterns(pattern_set: PatternSet) -> tuple[list[tuple[SlowRule, str]], str | None]:
    """Return the slow rules of a set, each with what to say about it, and what to say if only all together are slow."""
    slow = slow_rules(pattern_set)
    together = None if slow else slow_together(pattern_set)
    messages = [
        f"is slow: it takes {_time_taken(one)}; shorten its repetitions, or let fewer or rarer characters begin them"
        for one in slow
    ]
    found = list(zip(slow, messages, strict=True))
    if together is None:
        return found, None
    return found, (
        f"the {together.rules:,} rules with gaps, such as .{{0,20}}, are slow together: they take"
        f" {_time_taken(together)}; write fewer, or let rarer characters begin them"
    )


def _time_taken(slow: SlowRule | SlowTogether) -> str:
    return (
        f"about {slow.microseconds:,.0f} microseconds for a text of {PROBE_CHARACTERS:,} characters,"
        f" {slow.times:,.0f} times as long as a word"
    )
