"""The state table and the task_* tables: created by the first task, migrated from v2.1 in place."""

from jobs.errors import OutputUnreachable
from jobs.storage.connection import Session, quote
from jobs.storage.schema import (
    Column,
    Key,
    Table,
    changing,
    ensure_schema,
    ensure_tables,
    existing_columns,
    has_primary_key,
    require_transactions,
)

# v2.1's seventeen columns, then ours (docs/contract.md, "State table"). A number of v2.1 keeps its type.
_STATE = [
    Column("task_id", "text", 64, "NOT NULL"),
    Column("stat", "text", 32),
    Column("prod_stat", "text", 32),
    Column("model_type", "text", 64),
    Column("predict_type", "text", 64),
    Column("date_range", "text", 128),
    Column("target_table", "text", 64),
    Column("create_time", "time"),
    Column("peak_memory", "number"),
    Column("length_receive_table", "integer"),
    Column("length_output_table", "integer"),
    Column("length_prod_table", "text", 16_383),
    Column("result", "text", 16_383),
    Column("uniq_source_author", "text", 16_383),
    Column("rate_of_label", "text", 16_383),
    Column("run_time", "number"),
    Column("check_point", "time", 6),
    Column("queue", "text", 64),
    Column("countdown", "integer"),
    Column("start_time", "time", 6),
    Column("end_time", "time", 6),
    Column("source_table", "text", 64),
    Column("output_schema", "text", 64),
    Column("pattern_hash", "text", 64),
    Column("windows", "integer"),
    Column("windows_done", "integer"),
    Column("error", "text", 16_383),
    Column("generation", "integer"),
    Column("started_at", "time", 6),
    Column("production_due", "time", 6),
    Column("heartbeat", "time", 6),
    Column("deployment", "text", 64),
    Column("input_server", "text", 320),
    Column("input_server_id", "text", 320),
    Column("waiting_for", "text", 16_383),
    Column("units", "integer"),
    Column("units_done", "integer"),
    Column("cleaned_at", "time", 6),
    Column("schedule", "text", 64),
]

_TASK_ID = Column("task_id", "text", 32, "NOT NULL")

_DEFINITION = [
    _TASK_ID,
    Column("patterns", "LONGBLOB"),
    Column("sources", "LONGBLOB"),
    Column("input", "LONGBLOB"),
]

_PATTERNS = [
    Column("pattern_hash", "text", 64, "NOT NULL"),
    Column("patterns", "LONGBLOB"),
]

_WINDOW = [
    _TASK_ID,
    Column("number", "INT NOT NULL"),
    Column("start_time", "time", 6, "NOT NULL"),
    Column("end_time", "time", 6, "NOT NULL"),
    Column("from_key", "LONGTEXT"),
    Column("before_key", "LONGTEXT"),
    Column("uncut", "BOOLEAN NOT NULL DEFAULT FALSE"),
    Column("done", "BOOLEAN NOT NULL DEFAULT FALSE"),
    Column("received", "integer"),
    Column("labelled", "integer"),
    Column("attempts", "INT NOT NULL DEFAULT 0"),
    Column("retry_at", "time", 6),
]

_RESULT = [
    _TASK_ID,
    Column("number", "INT NOT NULL"),
    Column("result", "text", 64, "NOT NULL"),
    Column("labelled", "integer", suffix="NOT NULL"),
    Column("label_rows", "integer", suffix="NOT NULL DEFAULT 0"),
    Column("hits", "LONGBLOB"),
]

_UNIT = [
    _TASK_ID,
    Column("number", "INT NOT NULL"),
    Column("result", "text", 64, "NOT NULL"),
    Column("first_slice", "INT NOT NULL"),
    Column("last_slice", "INT NOT NULL"),
    Column("done", "BOOLEAN NOT NULL DEFAULT FALSE"),
    Column("votes", "integer"),
    Column("produced", "integer"),
    Column("attempts", "INT NOT NULL DEFAULT 0"),
    Column("retry_at", "time", 6),
]

_AUTHOR = [
    _TASK_ID,
    Column("slice", "INT NOT NULL"),
    Column("number", "INT NOT NULL"),
    Column("part", "INT NOT NULL"),
    Column("result", "text", 64, "NOT NULL"),
    Column("authors", "LONGBLOB"),
    Column("patterns", "LONGBLOB"),
]

_HIT = [
    _TASK_ID,
    Column("result", "text", 64, "NOT NULL"),
    Column("hits", "LONGBLOB"),
]

_ALERT = [
    Column("alert_id", "text", 32, "NOT NULL"),
    Column("deployment", "text", 64, "NOT NULL"),
    Column("document", "LONGTEXT NOT NULL"),
    Column("created", "time", 6, "NOT NULL"),
    Column("attempts", "INT NOT NULL DEFAULT 0"),
    Column("due_at", "time", 6, "NOT NULL"),
    Column("answer", "text", 1_000),
]

_EVENT = [
    Column("number", "BIGINT NOT NULL AUTO_INCREMENT"),
    _TASK_ID,
    Column("at", "time", 6, "NOT NULL"),
    Column("kind", "text", 32, "NOT NULL"),
    Column("words", "text", 2_000),
]

_BY_TASK = Key(("task_id",), primary=True)
LABEL_JOB_TABLES = [
    Table("task_result", _RESULT, [Key(("task_id", "number", "result"), primary=True)]),
    Table("task_author", _AUTHOR, [Key(("task_id", "slice", "number", "part", "result"), primary=True)]),
    Table("task_hit", _HIT, [Key(("task_id", "result"), primary=True)]),
    Table("task_event", _EVENT, [Key(("number",), primary=True), Key(("task_id",))]),
]
"""What a label job writes to, beside the state and the label tables."""

_TABLES = [
    # The newest tasks, and those that are not finished, are found among any number of old ones.
    Table(
        "state",
        _STATE,
        [
            _BY_TASK,
            Key(("create_time",)),
            Key(("stat", "prod_stat"), prefix=32),
            Key(("schedule", "create_time")),
            # Counts the tasks of a deployment without reading their rows.
            Key(("deployment", "stat", "prod_stat"), prefix=32, whole=("deployment",)),
            # Finds those that are to be cleaned.
            Key(("deployment", "cleaned_at", "heartbeat")),
        ],
    ),
    Table("task_definition", _DEFINITION, [_BY_TASK]),
    Table("task_patterns", _PATTERNS, [Key(("pattern_hash",), primary=True)]),
    Table("task_window", _WINDOW, [Key(("task_id", "number"), primary=True)]),
    *LABEL_JOB_TABLES,
    Table("task_unit", _UNIT, [Key(("task_id", "number"), primary=True)]),
    Table("alert", _ALERT, [Key(("alert_id",), primary=True), Key(("deployment", "due_at"))]),
]


async def ensure_task_tables(session: Session, schema: str) -> None:
    """Create or migrate the schema, the state table and the task_* tables.

    Raises OutputUnreachable if the schema has a foreign table named state, or a table without transactions, and what
    ensure_tables raises.
    """
    await ensure_schema(session, schema)
    await require_transactions(session, schema, [table.name for table in _TABLES])
    existing = await existing_columns(session, schema, "state")
    if existing and "task_id" not in existing:
        raise OutputUnreachable(f"Cannot connect to output schema: {schema}.state is not a state table of this system")
    if existing and not await _has_unique_ids(session, schema):
        async with changing(session, schema):
            if not await _has_unique_ids(session, schema):
                await _make_ids_unique(session, schema)
                await ensure_tables(session, schema, _TABLES)
    await ensure_tables(session, schema, _TABLES)


async def _has_unique_ids(session: Session, schema: str) -> bool:
    return await has_primary_key(session, schema, "state", ["task_id"])


async def _make_ids_unique(session: Session, schema: str) -> None:
    """Prepare a table of v2.1, which had no key, for one: give rows with a shared id, or none, their own.

    The newest row keeps the id; the others become `<id>-2`, `<id>-3`, ...
    """
    state = quote(schema, "state")
    if await session.row(f"SELECT 1 FROM {state} HAVING COUNT(*) > COUNT(DISTINCT task_id)") is None:
        return
    await session.execute(
        f"ALTER TABLE {state} MODIFY COLUMN task_id VARCHAR(64),"
        " ADD COLUMN IF NOT EXISTS migration BIGINT NOT NULL AUTO_INCREMENT UNIQUE",
        seconds=None,
    )
    await session.execute(
        f"""
        UPDATE {state} JOIN (
          SELECT migration, ROW_NUMBER() OVER (PARTITION BY task_id ORDER BY create_time DESC, migration) AS place
          FROM {state}
        ) AS placed USING (migration)
        SET task_id = CONCAT(COALESCE(task_id, 'none'), '-', place)
        WHERE place > 1 OR task_id IS NULL
        """,
        seconds=None,
    )
    await session.execute(f"ALTER TABLE {state} DROP COLUMN migration", seconds=None)
