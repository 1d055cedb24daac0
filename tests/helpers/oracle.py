"""A naive implementation of the contract (docs/contract.md), to check the fast one against."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import re2

from patterns.pattern_set import Pattern

Patterns = Mapping[str, Sequence[tuple[str, str]] | Sequence[str]]
"""The lines of each label: (keyword, match type) pairs for keyword_model, regular expressions for rule_model."""

SourceMap = Mapping[str, str | tuple[str, ...]]
"""The result of each source, or its results."""


@dataclass(frozen=True)
class Post:
    id: str
    s_id: str | None
    s_area_id: str | None
    author: str | None
    title: str | None
    content: str | None
    post_time: datetime


def matches(text: str, pattern: tuple[str, str] | str) -> bool:
    """Return whether a text matches a pattern (docs/contract.md, section "Patterns")."""
    text = text.lower()
    if isinstance(pattern, str):
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        return re2.compile(pattern, options).search(text) is not None
    keyword, match_type = pattern[0].lower(), pattern[1]
    return {
        "partially": keyword in text,
        "exactly": keyword == text,
        "start": text.startswith(keyword),
        "end": text.endswith(keyword),
    }[match_type]


def as_line(pattern: Pattern) -> tuple[str, str] | str:
    """Return a pattern as the oracle takes it."""
    return pattern.text if pattern.match_type == "regex" else (pattern.text, pattern.match_type)


def decide(text: str, patterns: Patterns) -> tuple[str, str] | None:
    """Return the first label, in alphabetical order, with a pattern that matches, and its first such pattern."""
    for label in sorted(patterns):
        for pattern in patterns[label]:
            if matches(text, pattern):
                return label, pattern if isinstance(pattern, str) else " ".join(pattern)
    return None


@dataclass
class Outcome:
    """What a task must end with: the numbers of the state table, and the rows of each production table."""

    received: int
    labelled: int
    votes: dict[str, int]
    """Labelled rows by result; a row counts for each result of its source."""
    result: str
    length_prod_table: str
    uniq_source_author: str
    rate_of_label: str
    production: dict[str, list[tuple[Any, ...]]]


def outcome(
    posts: Iterable[Post],
    patterns: Patterns,
    sources: SourceMap,
    start: datetime,
    end: datetime,
    *,
    column: str = "author",
    default: str = "other",
    integer_id: bool = False,
) -> Outcome:
    """Return the outcome of a task over these posts."""
    received: list[Post] = [
        post
        for post in posts
        if start <= post.post_time <= end and None not in (post.s_id, post.author, getattr(post, column))
    ]
    authors: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    votes: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    latest: dict[tuple[str, str, str], Post] = {}
    known: dict[str, tuple[str, str] | None] = {}
    labelled = 0

    def age(post: Post) -> tuple[datetime, Any]:
        return post.post_time, int(post.id) if integer_id else post.id

    for post in received:
        assert post.s_id is not None and post.author is not None
        named = sources.get(post.s_id, default)
        results = (named,) if isinstance(named, str) else named
        for result in results:
            authors[result].add((post.s_id, post.author))
        text = getattr(post, column)
        if text not in known:
            known[text] = decide(text, patterns)
        decided = known[text]
        if decided is None:
            continue
        labelled += 1
        source_author, panel = f"{post.s_id}_{post.author}", f"/{decided[0]}"
        for result in results:
            votes[result][source_author, panel] += 1
            key = (result, source_author, panel)
            if key not in latest or age(post) > age(latest[key]):
                latest[key] = post

    production: dict[str, list[tuple[Any, ...]]] = {}
    for result in sorted(votes):
        most: Counter[str] = Counter()
        for (source_author, _), count in votes[result].items():
            most[source_author] = max(most[source_author], count)
        production[f"wh_panel_mapping_{result}"] = sorted(
            (row.id, source_author, panel, row.post_time, row.s_id, getattr(row, column))
            for (source_author, panel), count in votes[result].items()
            if count == most[source_author]
            for row in [latest[result, source_author, panel]]
        )
    lengths = [len(rows) for rows in production.values()]
    counts = [len(authors[result]) for result in sorted(votes)]
    return Outcome(
        received=len(received),
        labelled=labelled,
        votes={result: counts.total() for result, counts in votes.items()},
        result=",".join(sorted(votes)),
        length_prod_table=",".join(map(str, lengths)),
        uniq_source_author=",".join(map(str, counts)),
        rate_of_label=",".join(f"{100 * length / count:.2f}" for length, count in zip(lengths, counts, strict=True)),
        production=production,
    )
