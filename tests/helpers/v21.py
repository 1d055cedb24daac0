"""Tables as v2.1 leaves them."""

from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, post

OLD_TASK = "7c7bd38c410a11ecb688d45d6456a14d"
COLUMNS = (
    "stat, prod_stat, model_type, predict_type, date_range, target_table, create_time, peak_memory,"
    " length_receive_table, length_output_table, result, run_time, check_point"
)
"""The columns of the state table that migration leaves as they are."""

_STATE_TABLE = """
CREATE TABLE {output}.state (
  task_id VARCHAR(32) NOT NULL, stat VARCHAR(32) NOT NULL, prod_stat VARCHAR(10), model_type VARCHAR(32) NOT NULL,
  predict_type VARCHAR(32) NOT NULL, date_range TEXT, target_table VARCHAR(32) NOT NULL, create_time DATETIME NOT NULL,
  peak_memory FLOAT NOT NULL, length_receive_table INT, length_output_table INT, length_prod_table INT, result TEXT,
  uniq_source_author INT, rate_of_label FLOAT, run_time FLOAT, check_point DATETIME) CHARACTER SET utf8
"""
_INSERT = (
    "INSERT INTO {output}.state VALUES (%s, 'SUCCESS', 'finish', 'keyword_model', 'author', 'a - b', 'wh_fb_ex',"
    " %s, 1.5, 16992036, 2030847, 236705, 'fbfans', 1672893, 14.15, 170.345, '2020-01-02 03:04:05')"
)


def leave_behind(deployment: TestDeployment, *rows: tuple[str | None, str]) -> None:
    """Create the state table of v2.1 with these tasks (id, create_time), and posts for new tasks."""
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(
        [post(1, "Annie", "2020-06-01 00:00:00"), post(2, "志明", "2020-06-01 00:00:00", "WH_F0116")]
    )
    deployment.write_anything("CREATE DATABASE {output}")
    deployment.write_anything(_STATE_TABLE)
    for row in rows:
        deployment.write_anything(_INSERT, *row)
