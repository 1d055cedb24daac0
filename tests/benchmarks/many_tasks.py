"""How long it takes to look at a state table with very many tasks."""

import time
from collections.abc import Awaitable, Callable
from statistics import median

from jobs import services
from jobs.queue.client import open_redis
from jobs.services.overview import read_board
from jobs.storage.task_tables import ensure_task_tables
from jobs.worker.housekeeping import sweep
from jobs.worker.reconciler import reconcile
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchDeployment

_REPEATS = 5

# One task in a hundred is unfinished or was stopped; all others are done, and were cleaned unless they are recent.
_FILL = """
    INSERT INTO {schema}.state (
      task_id, stat, prod_stat, model_type, predict_type, date_range, target_table, create_time, result,
      length_receive_table, length_output_table, length_prod_table, uniq_source_author, rate_of_label, run_time,
      queue, countdown, start_time, end_time, source_table, output_schema, pattern_hash, windows, windows_done, units,
      units_done, error, generation, started_at, heartbeat, deployment, input_server, input_server_id, cleaned_at)
    SELECT
      MD5(seq), ELT(stat, 'SUCCESS', 'FAILURE', 'ABORTED', 'PENDING'), IF(stat = 1, 'finish', NULL), 'keyword_model',
      'author_name', '2020-01-01 00:00:00 - 2021-01-01 00:00:00', 'wh_fb', NOW() - INTERVAL seq MINUTE,
      'Dcard,Ptt,fbfans', 2376186, 594321, '15812,13544,39217', '61234,56021,154890', '25.82,24.18,25.32', 0.1, 'bench',
      5, '2020-01-01', '2021-01-01', 'ts_page_content', '{schema}', SHA2(seq, 256), 4, IF(stat = 4, 0, 4), 3,
      IF(stat = 1, 3, NULL), IF(stat = 2, REPEAT('what went wrong ', 20), NULL), 1, UTC_TIMESTAMP(6),
      UTC_TIMESTAMP(6) - INTERVAL IF(stat = 4, 0, seq) MINUTE, 'default', 'db1:3306', 'db1 3306 0123456789',
      IF(seq > 10080 AND stat != 4, UTC_TIMESTAMP(6), NULL)
    FROM (SELECT seq, IF(MOD(seq, 100), 1, 2 + MOD(seq DIV 100, 2) + (seq <= 1000)) AS stat
          FROM mysql.seq_1_to_{tasks}) AS tasks
"""


async def look_at(deployment: BenchDeployment, tasks: int) -> dict[str, float]:
    """Return the seconds of each look, the median of several."""
    async with deployment.output_session() as session:
        await ensure_task_tables(session, OUTPUT_SCHEMA)
    deployment.servers.execute(_FILL.format(schema=OUTPUT_SCHEMA, tasks=tasks), f"ANALYZE TABLE {OUTPUT_SCHEMA}.state")
    ((task_id,),) = [(task.task_id,) for task in await services.task_list(deployment, 1)]
    async with open_redis(deployment.settings) as redis:
        looks: dict[str, Callable[[], Awaitable[object]]] = {
            "list": lambda: services.task_list(deployment, 20),
            "status": lambda: services.check_status(deployment, task_id),
            "board": lambda: read_board(deployment),
            "metrics": lambda: services.read_metrics(deployment),
            "reconciler": lambda: reconcile(deployment, redis),
            "sweep": lambda: sweep(deployment),
        }
        return {name: await _seconds(look) for name, look in looks.items()}


async def _seconds(look: Callable[[], Awaitable[object]]) -> float:
    seconds = []
    for _ in range(_REPEATS):
        started = time.monotonic()
        await look()
        seconds.append(time.monotonic() - started)
    return median(seconds)
