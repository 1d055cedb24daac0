"""The tables that are measured: generated posts, their first quarter, and many times as many.

The same arguments give the same posts. A table that is complete says so in its comment, so that a later run on the
same folder, of this commit or another, uses it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from console.demo import posts
from console.demo.servers import PrivateServers

QUARTER = "quarter"
MANY = "many"
MAX_GROWTH = 10


@dataclass(frozen=True)
class Tables:
    """The tables for a number of posts. `growth` is how many times as many MANY has; 0: there is no such table."""

    servers: PrivateServers
    rows: int
    growth: int
    report: Callable[[str], None]

    def prepare(self) -> None:
        """Make the tables that are missing, or that have another number of posts."""
        if not 0 <= self.growth <= MAX_GROWTH:
            raise ValueError(f"GROWTH: expected 2 to {MAX_GROWTH}, not {self.growth}")
        of = f"{self.rows} posts of seed {posts.SEED}"
        self._make(posts.TABLE, of, self._generate)
        self._make(QUARTER, f"first quarter of {of}", self._copy_first_quarter)
        if self.growth:
            self._make(MANY, f"{self.growth} times {of}", self._multiply)

    def _make(self, table: str, content: str, make: Callable[[], None]) -> None:
        sql = "SELECT table_comment FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
        with self.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql, (posts.SCHEMA, table))
            if cursor.fetchone() == (content,):
                self.report(f"{table}: {content}, as an earlier run left it")
                return
            self.report(f"{table}: making the {content}")
            make()
            cursor.execute(f"ALTER TABLE {posts.SCHEMA}.{table} COMMENT = %s", (content,))

    def _generate(self) -> None:
        with self.servers.connect() as connection:
            posts.fill(connection, self.rows, lambda _: None)

    def _copy_first_quarter(self) -> None:
        """As many authors, equally skewed, a quarter of the rows."""
        quarter = posts.START + (posts.END - posts.START) / 4
        self._fill_from_posts(QUARTER, "SELECT *", f"WHERE post_time < '{quarter}'")

    def _multiply(self) -> None:
        """Copy each post `growth` times, each time with another source, and so by another author.

        The number of posts of an author, and whether a pattern matches it, are distributed as in the original.
        """
        copy = (
            "SELECT INSERT(id, CHAR_LENGTH(id) - 4, 0, seq), INSERT(s_id, 5, 1, seq), s_area_id, author, title,"
            f" content, LEAST(post_time + INTERVAL seq SECOND, '{posts.END}')"
        )
        self._fill_from_posts(MANY, copy, f"STRAIGHT_JOIN mysql.seq_0_to_{self.growth - 1}")

    def _fill_from_posts(self, table: str, select: str, rest: str) -> None:
        name = f"{posts.SCHEMA}.{table}"
        self.servers.execute(
            f"DROP TABLE IF EXISTS {name}",
            f"CREATE TABLE {name} LIKE {posts.SCHEMA}.{posts.TABLE}",
            f"ALTER TABLE {name} DROP INDEX post_time",
            f"INSERT INTO {name} {select} FROM {posts.SCHEMA}.{posts.TABLE} {rest}",
            f"ALTER TABLE {name} ADD INDEX (post_time)",
            f"ANALYZE TABLE {name}",
        )


def copies_of(source: str) -> list[str]:
    """Return a source, and the sources of the copies of its posts in MANY."""
    return [f"{source[:4]}{number}{source[5:]}" for number in range(MAX_GROWTH)]
