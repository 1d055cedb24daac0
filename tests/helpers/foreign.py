"""A state table that is not of this system, with hostile values in every column."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.helpers.assertions import HOSTILE_TEXT
from tests.helpers.deployment import TestDeployment, plain

SCHEMA = "somebody's"
KINDS = ("²", HOSTILE_TEXT, "nan", "inf,inf", "9" * 5_000, "1e400", "-1", "0000-00-00", "١٢")
"""What stands in the numeric columns of each task."""

_TABLE = (
    "CREATE TABLE {name}.state (task_id VARCHAR(64), stat TEXT, prod_stat TEXT, date_range TEXT, target_table TEXT,"
    " create_time TEXT, predict_type BLOB, result TEXT, length_prod_table TEXT, uniq_source_author TEXT,"
    " rate_of_label TEXT, windows TEXT, windows_done TEXT, length_receive_table TEXT, run_time TEXT, check_point TEXT,"
    " generation TEXT, heartbeat TEXT, production_due TEXT, error TEXT, queue TEXT, start_time DATETIME, end_time TEXT)"
)
_TEXTS = ("stat", "date_range", "target_table", "predict_type", "error", "queue", "create_time", "result")
_NUMBERS = (
    *("length_prod_table", "uniq_source_author", "rate_of_label", "windows", "windows_done", "check_point"),
    *("length_receive_table", "run_time", "generation", "heartbeat", "production_due", "end_time"),
)


@contextmanager
def foreign_state_table(deployment: TestDeployment) -> Iterator[dict[str, str]]:
    """Create the table in a schema that the output account sees; yield the task ids by what their numbers hold."""
    name = plain(SCHEMA)
    deployment.write_anything(f"CREATE OR REPLACE DATABASE {name} CHARACTER SET utf8mb4")
    deployment.write_anything(_TABLE.replace("{name}", name))
    deployment.write_anything(f"GRANT ALL ON {name}.* TO {deployment.settings.output_user}@'127.0.0.1'")
    tasks = {kind: f"{number:032x}" for number, kind in enumerate(KINDS)}
    for kind, task_id in tasks.items():
        values = {"task_id": task_id, "prod_stat": "finish"}
        values |= dict.fromkeys(_TEXTS, HOSTILE_TEXT) | dict.fromkeys(_NUMBERS, kind)
        places = ", ".join(["%s"] * len(values))
        insert = f"INSERT INTO {name}.state ({', '.join(values)}) VALUES ({places})"
        deployment.write_anything(insert, *values.values())
    try:
        yield tasks
    finally:
        deployment.write_anything(f"DROP DATABASE {name}")
