"""Generated posts: plausible authors, Traditional Chinese and Latin, over several sources. Reproducible."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate, islice
from pathlib import Path

from pymysql import Connection
from pymysql.cursors import Cursor

from patterns.files import read_pattern_file

SCHEMA = "demo_posts"
TABLE = "ts_page_content"
START = datetime(2020, 1, 1)
END = datetime(2021, 1, 1)
SEED = 20211109

Post = tuple[str, str, str, str | None, str, str, datetime]
"""id, s_id, s_area_id, author, title, content, post_time."""

# Keyword files that do not change, unlike the project's pattern files: the same posts are generated whatever
# the patterns become.
NAMES_FOLDER = Path(__file__).parent / "author_names"

ROWS_PER_AUTHOR = 14
BATCH_ROWS = 5_000

# The sources, and how many of a thousand posts are theirs. No sources file names the last one.
_SOURCES = {"WH_F0045": 480, "WH_F0116": 180, "WH_F0001": 160, "WH_F0047": 90, "WH_F0002": 60, "WH_F0777": 30}


def _words(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


_SURNAMES = "陳林黃張李王吳劉蔡楊許鄭謝洪郭邱曾廖賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾游彭詹胡施沈"
_LATIN_SURNAMES = _words("Chen Lin Huang Chang Lee Wang Wu Liu Tsai Yang Hsu Kuo Chiu Liao Lai Chou Yeh Tan Ooi Lim Ng")
# Given names that are not in NAMES_FOLDER.
_OTHER_GIVEN = _words("大山 小樹 海音 一帆 雲起 之恆 如是 若水 知行 無名 望舒 青禾 南星 行之 予安 未央")
_NICKNAMES = _words("小魚 阿貓 路人 海綿 布丁 奶茶 夜貓 旅人 柴犬 芋圓 星塵 月光 鍵盤 吃貨 老王 工程師 上班族 考生")
_LATIN_NICKNAMES = _words("sky moon coder foodie traveler night ocean pixel coffee runner ghost panda tiger cloud")

_OPENINGS = _words("今天 昨天 剛剛 上週 請問 其實 終於 聽說 週末 早上 晚上 最近")
_TOPICS = _words("這家餐廳 新的手機 那部電影 捷運站旁的店 公司的專案 東部的旅行 家裡的貓 這場比賽 這本書 這個活動")
_VERDICTS = _words("真的很不錯 讓人有點失望 比想像中好 價格不便宜 下次還會再來 推薦給大家 不太適合我 排隊排了很久")
_ASIDES = _words("我老公也說好|我老婆覺得普通|my wife loved it|我是一個媽媽|當兵的時候也吃過|as a mother I agree", "|")


def make_posts(rows: int, seed: int = SEED) -> Iterator[Post]:
    """Generate posts in the order of their times; the same arguments give the same posts.

    Authors are skewed: few write hundreds of posts, most write one or two. The project's own rules label
    the names of a quarter. One post in a thousand has no author.
    """
    rng = random.Random(seed)
    authors = _authors(rng, max(rows // ROWS_PER_AUTHOR, 1))
    weights = list(accumulate((rank + 3) ** -0.9 for rank in range(len(authors))))
    step = (END - START) / rows
    chosen: Iterator[tuple[str, str]] = iter(())
    for number in range(rows):
        if number % BATCH_ROWS == 0:
            chosen = iter(rng.choices(authors, cum_weights=weights, k=BATCH_ROWS))
        s_id, author = next(chosen)
        post_time = START + step * number + timedelta(seconds=rng.random() * step.total_seconds())
        title, content = _text(rng)
        yield (
            f"{int(post_time.timestamp())}{number:09d}_{s_id[-4:]}",
            s_id,
            f"{s_id}_{rng.randrange(40):02d}",
            None if rng.random() < 0.001 else author,
            title,
            content,
            post_time.replace(microsecond=0),
        )


def fill(connection: "Connection[Cursor]", rows: int, report: Callable[[int], None]) -> None:
    """Replace the table by one with this many posts. Reports the number of rows as it grows."""
    insert = f"INSERT INTO {SCHEMA}.{TABLE} VALUES (%s, %s, %s, %s, %s, %s, %s)"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {SCHEMA}")
        cursor.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{TABLE}")
        cursor.execute(
            f"CREATE TABLE {SCHEMA}.{TABLE} (id VARCHAR(64) PRIMARY KEY, s_id VARCHAR(32), s_area_id VARCHAR(64),"
            " author VARCHAR(255), title VARCHAR(500), content TEXT, post_time DATETIME, INDEX (post_time))"
            " CHARACTER SET utf8mb4"
        )
        posts = make_posts(rows)
        done = 0
        while batch := list(islice(posts, BATCH_ROWS)):
            cursor.execute("START TRANSACTION")
            cursor.executemany(insert, batch)
            cursor.execute("COMMIT")
            done += len(batch)
            report(done)
        cursor.execute(f"ANALYZE TABLE {SCHEMA}.{TABLE}")


def _authors(rng: random.Random, count: int) -> list[tuple[str, str]]:
    """Return this many different authors. The most common names run out first."""
    authors: dict[tuple[str, str], None] = {}
    while len(authors) < count:
        authors[_author(rng)] = None
    return list(authors)


def _author(rng: random.Random) -> tuple[str, str]:
    """Return a source, and the name of one of its authors."""
    s_id = rng.choices(list(_SOURCES), weights=list(_SOURCES.values()))[0]
    return s_id, rng.choices((_han_name, _latin_name, _nickname), weights=(40, 20, 40))[0](rng)


def _han_name(rng: random.Random) -> str:
    known = rng.random() < 0.35
    return rng.choice(_SURNAMES) + rng.choice(_known_names()[0] if known else _OTHER_GIVEN)


def _latin_name(rng: random.Random) -> str:
    known = rng.random() < 0.5
    given = rng.choice(_known_names()[1]).title() if known else rng.choice(_LATIN_NICKNAMES).title() + "ette"
    names = [given, rng.choice(_LATIN_SURNAMES)]
    return " ".join(names if rng.random() < 0.7 else reversed(names))


def _nickname(rng: random.Random) -> str:
    word = rng.choice(_NICKNAMES if rng.random() < 0.6 else _LATIN_NICKNAMES)
    return f"{word}{rng.choice(('', '_', '.', ' 🐱'))}{rng.randrange(100_000)}"


def _text(rng: random.Random) -> tuple[str, str]:
    title = rng.choice(_OPENINGS) + rng.choice(_TOPICS)
    parts = [f"{rng.choice(_OPENINGS)}去看了{rng.choice(_TOPICS)}，{rng.choice(_VERDICTS)}。" for _ in range(3)]
    if rng.random() < 0.1:
        parts.append(rng.choice(_ASIDES))
    return title, "".join(parts)


@cache
def _known_names() -> tuple[list[str], list[str]]:
    """Return the given names in NAMES_FOLDER: Han ones, Latin ones."""
    files = sorted(NAMES_FOLDER.glob("*.txt"))
    keywords = [pattern.text for file in files for pattern in read_pattern_file(file, "keyword_model")[0]]
    names = [keyword for keyword in dict.fromkeys(keywords) if keyword.strip() == keyword]
    return [name for name in names if not name.isascii()], [name for name in names if name.isascii()]
