"""Large input tables: made by the server in seconds, with the outcome of a task over them by GROUP BY."""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from jobs.model.task import Task
from jobs.model.task_request import TaskRequest
from tests.faults.deployment import FINAL_SECONDS, FaultDeployment, Trial
from tests.helpers.posts import SOURCES, START

SPREAD = "ELT(1 + MOD(n DIV 4, 4), 'WH_F0045', 'WH_F0116', 'WH_F0001', 'WH_F9999')"
"""The SQL of a source that spreads the authors over four results."""

# Three names in four have a label.
_AUTHOR = "ELT(1 + MOD(n, 4), CONCAT('Ann ', n), CONCAT(n, ' tan'), CONCAT('志明', n), CONCAT('x', n))"
_PANEL = (
    "CASE WHEN LEFT(author, 4) = 'Ann ' THEN '/female'"
    " WHEN RIGHT(author, 4) = ' tan' OR LEFT(author, 2) = '志明' THEN '/male' END"
)
_RESULT = (
    "CASE s_id "
    + " ".join(f"WHEN '{source}' THEN '{result}'" for source, result in SOURCES.items())
    + " ELSE 'other' END"
)
_COLUMNS = "id, source_author, panel, create_time, field_content, match_content"


@dataclass(frozen=True)
class LargePosts:
    """A table of the input schema with this many posts by this many authors.

    Post `seq` is `seq` seconds after START, so the latest post of an author has the greatest id. `source` is the SQL
    of a post's source, of its number `seq` and the number `n` of its author.
    """

    deployment: FaultDeployment
    table: str
    rows: int
    authors: int
    source: str = SPREAD
    source_width: int = 16
    author_width: int = 32

    def write(self) -> None:
        """Create the table, and one with the production rows that a task over it must end with."""
        run, name = self.deployment.write_anything, f"{{input}}.{self.table}"
        run(
            f"CREATE OR REPLACE TABLE {name} (id BIGINT PRIMARY KEY, s_id VARCHAR({self.source_width}) NOT NULL,"
            f" author VARCHAR({self.author_width}) NOT NULL, post_time DATETIME NOT NULL)"
            " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
        )
        run(
            f"INSERT INTO {name} SELECT seq, {self.source}, {_AUTHOR}, '{START}' + INTERVAL seq SECOND"
            f" FROM (SELECT seq, MOD(seq, {self.authors}) AS n FROM mysql.seq_1_to_{self.rows}) AS numbers"
        )
        run(f"ALTER TABLE {name} ADD INDEX (post_time)")
        run(f"ANALYZE TABLE {name}")
        run(
            f"CREATE OR REPLACE TABLE {name}_outcome CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin AS"
            f" SELECT CAST(id AS CHAR) AS id, CONCAT(s_id, '_', author) AS source_author, {_PANEL} AS panel,"
            f" post_time AS create_time, s_id AS field_content, author AS match_content, posts, {_RESULT} AS result"
            f" FROM (SELECT MAX(id) AS id, COUNT(*) AS posts FROM {name} GROUP BY s_id, author) AS latest"
            f" JOIN {name} USING (id)"
        )

    def request(self, **values: object) -> TaskRequest:
        """Return the request of a task over all posts of the table."""
        return self.deployment.request(
            target_table=self.table,
            start_time=str(START),
            end_time=str(START + timedelta(seconds=self.rows)),
            **values,
        )

    async def finished(self, task_id: str, since: float, seconds: float = FINAL_SECONDS) -> Trial:
        """Wait until a task over the table is in a final state, and return the trial. Raises TimeoutError."""
        task = await self.deployment.ended(task_id, seconds)
        recovered = time.monotonic() - since
        note = await asyncio.to_thread(self.differences, task)
        return Trial(not note, recovered, note)

    def differences(self, task: Task) -> str:
        """Say in what a task differs from a finished one with the exact outcome; "" if in nothing."""
        if task.prod_stat != "finish":
            return f"{task.stat}, {task.prod_stat}, {task.error}"
        found = {figures.result: (figures.authors, figures.produced) for figures in task.result_figures}
        wrong = [] if found == self._figures else [f"figures {found}, not {self._figures}"]
        counts = (task.length_receive_table, task.length_output_table)
        if counts != (self.rows, self._labelled):
            wrong.append(f"{counts} rows read and labelled, not {(self.rows, self._labelled)}")
        for result, (_, expected) in self._figures.items():
            production = f"SELECT {_COLUMNS} FROM {{output}}.wh_panel_mapping_{result} WHERE task_id = %s"
            missing = (
                f"SELECT {_COLUMNS} FROM {{input}}.{self.table}_outcome WHERE result = %s AND panel IS NOT NULL"
                f" EXCEPT {production}"
            )
            rows, absent = self._count(production, task.task_id), self._count(missing, result, task.task_id)
            if (rows, absent) != (expected, 0):
                wrong.append(f"{result}: {rows} production rows, {absent} of {expected} missing")
        return "; ".join(wrong)

    @cached_property
    def _figures(self) -> dict[str, tuple[int, int]]:
        """The authors and the production rows of each result."""
        sql = f"SELECT result, COUNT(*), COUNT(panel) FROM {{input}}.{self.table}_outcome GROUP BY result"
        return {result: (authors, produced) for result, authors, produced in self.deployment.rows(sql)}

    @cached_property
    def _labelled(self) -> int:
        sql = f"SELECT SUM(posts) FROM {{input}}.{self.table}_outcome WHERE panel IS NOT NULL"
        return int(self.deployment.rows(sql)[0][0])

    def _count(self, query: str, *arguments: object) -> int:
        return int(self.deployment.rows(f"SELECT COUNT(*) FROM ({query}) AS counted", *arguments)[0][0])
