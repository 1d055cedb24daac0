"""Posts for tests: odd ones by the thousand, and single ones with defaults; patterns that match them."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.helpers.oracle import Patterns, Post

SOURCES = {"WH_F0045": "fbfans", "WH_F0116": "Dcard", "WH_F0001": "Ptt"}
"""The result of each source, as TestDeployment writes the sources file."""

PATTERNS: Patterns = {
    "female": [("雅婷", "partially"), ("ann", "start"), ("小美", "exactly"), ("i̇", "start"), ("\\'", "partially")],
    "male": [("志明", "partially"), ("sun", "exactly"), ("tan", "end"), ("ß", "partially"), ("美", "end")],
    "團體": [("fan club", "partially"), (" 官方", "end")],
}

RULES: Patterns = {
    "female": ["my (husband|boyfriend)", "我老公", "^姐妹"],
    "male": ["my (wife|girlfriend)", "我老婆", r"\bDAD\b"],
}

_AUTHORS = [
    *("林雅婷", "Annie", "ANNIE", "annie", "Sun", "sun", " Sun", "Sun ", "Sun\t", "Ann Tan", "王小明", "陳志明"),
    *("小美", "小美 ", "İpek", "ipek", "Groß", "GROSS", "O'Brien", "back\\slash", "\\'; DROP TABLE state; --", "%s%%"),
    *(
        '"quoted"',
        "",
        " ",
        "a_b",
        "_",
        "🐱雅婷🐱",
        "\x1b[31mAnn",
        "[/red]",
        "\u202eannA",
        "\x00Ann",
        "=cmd()",
        "\x02sun\x03",
    ),
    *("Fan Club", "x 官方", "e\u0301", "é", "Tan", "tan", "taN ", "ａｎｎ", "很長" * 100),
]
_TEXTS = [
    "My Husband said",
    "我老婆說",
    "I am a dad",
    "",
    "nothing",
    "姐妹們",
    "我老公和我老婆",
    "dad\nmy wife",
    "\x00",
]
START, END = datetime(2020, 3, 1), datetime(2020, 6, 1)
RANGE = {"start_time": str(START), "end_time": str(END)}
"""The range of the odd posts, as values of a request."""


def post(number: int, author: str | None, time: str, s_id: str | None = "WH_F0045", **more: Any) -> Post:
    """Return a post with defaults for what a test does not care about."""
    values: Mapping[str, Any] = {"s_area_id": "area", "title": "title", "content": "content"} | more
    return Post(id=str(number), s_id=s_id, author=author, post_time=datetime.fromisoformat(time), **values)


def odd_posts(count: int, seed: int = 1) -> list[Post]:
    """Return posts in and around [START, END]: NULLs, rows on the edges, equal times, odd names."""
    rng = random.Random(seed)
    sources = ["WH_F0045", "WH_F0045", "WH_F0116", "WH_F0001", "WH_F9999", "wh_f0045", "O'Neil`s", None]
    authors: list[str | None] = [*_AUTHORS, *(f"author {number}" for number in range(300)), None]
    seconds = int((END - START).total_seconds())
    posts = []
    for number in range(count):
        moment = rng.choice(
            (
                START + timedelta(seconds=rng.randrange(seconds)),
                START + timedelta(seconds=rng.randrange(seconds)),
                START + timedelta(days=rng.randrange(90)),
                rng.choice((START, END, START - timedelta(seconds=1), END + timedelta(seconds=1))),
            )
        )
        posts.append(
            Post(
                id=str(number),
                s_id=rng.choice(sources),
                s_area_id=rng.choice(("A1", "ann area", None)),
                author=rng.choice(authors),
                title=rng.choice((*_TEXTS, None)),
                content=rng.choice((*_TEXTS, None)),
                post_time=moment,
            )
        )
    rng.shuffle(posts)
    return posts
