"""Faults of MariaDB, and of the network to it."""

import asyncio
import random
import time
from collections.abc import Callable

from pymysql import OperationalError

from jobs.storage.endpoint import LOCK_SECONDS
from tests.faults.deployment import Fault, FaultDeployment, Trial
from tests.faults.proxy import Proxy, proxy
from tests.helpers.running import until


async def restarted(deployment: FaultDeployment, rng: random.Random, trial: int) -> Trial:
    """MariaDB is stopped or killed in the middle of a task, and started again."""
    with deployment.workers(2):
        task_id = await deployment.create()
        await deployment.progress(task_id, rng.randrange(1, 40))
        if trial % 2:
            server = deployment.servers._mariadb
            assert server is not None
            server.kill()
            server.wait()
        else:
            deployment.servers.stop_mariadb()
        await asyncio.sleep(rng.random() * 3)
        deployment.servers.start_mariadb()
        return await deployment.finished(task_id, time.monotonic(), seconds=60)


def killed(what: str, command: str, user: str) -> Fault:
    async def disturb(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
        """A busy connection is killed, up to five times in a task."""
        hits = 0
        with deployment.workers(2):
            task_id = await deployment.create()
            await deployment.progress(task_id, 1)
            hits = await asyncio.to_thread(_kill_five, deployment, command, getattr(deployment.settings, user), rng)
            trial = await deployment.finished(task_id, time.monotonic(), seconds=60)
        return trial if hits else Trial(False, trial.seconds, "no busy connection was found")

    return Fault(what, disturb, trials=10, short=1)


def _kill_five(deployment: FaultDeployment, command: str, user: str, rng: random.Random) -> int:
    hits = 0
    deadline = time.monotonic() + 5
    sql = "SELECT id FROM information_schema.processlist WHERE user = %s AND command = 'Query'"
    with deployment.servers.connect() as connection, connection.cursor() as cursor:
        while hits < 5 and time.monotonic() < deadline:
            cursor.execute(sql, (user,))
            for (number,) in cursor.fetchall()[:1]:
                try:
                    cursor.execute(f"{command} {number}")
                    hits += 1
                    time.sleep(rng.random() * 0.05)
                except OperationalError:  # the connection has closed meanwhile
                    pass
    return hits


def behind_proxy(name: str, which: str, misbehave: Callable[[Proxy], None], heal: Callable[[Proxy], None]) -> Fault:
    async def disturb(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
        """The proxy misbehaves for five seconds. The time limits of the workers are shortened to 4 s."""
        with proxy(deployment.servers.mariadb_port) as between:
            port = {f"{which.upper()}_PORT": str(between.port)}
            with deployment.worker_with("limits", **port), deployment.worker_with("limits", **port):
                task_id = await deployment.create()
                await deployment.progress(task_id, rng.randrange(1, 30))
                misbehave(between)
                await asyncio.sleep(5)
                heal(between)
                return await deployment.finished(task_id, time.monotonic(), seconds=60)

    return Fault(
        name, disturb, trials=5, short=int(name in ("input: packets swallowed for 5 s", "output: connections cut"))
    )


async def commits_without_reply(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """COMMITs reach the server, but their replies are dropped."""
    with proxy(deployment.servers.mariadb_port) as between:
        port = {"OUTPUT_PORT": str(between.port)}
        with deployment.worker_with("limits", **port), deployment.worker_with("limits", **port):
            task_id = await deployment.create()
            await deployment.progress(task_id, rng.randrange(1, 30))
            between.drop_replies_to_commit(4)
            trial = await deployment.finished(task_id, time.monotonic(), seconds=60)
            return trial if between.replies_dropped == 4 else Trial(False, trial.seconds, "no reply was dropped")


def conflict(code: int, name: str) -> Fault:
    async def disturb(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
        """Every insertion into a label table fails with this error until an attempt at a window has failed."""
        deployment.write_anything(
            "CREATE OR REPLACE TRIGGER {output}.conflict BEFORE INSERT ON {output}.fbfans FOR EACH ROW"
            f" SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'forced'"
        )
        with deployment.workers(2):
            task_id = await deployment.create()
            await until(lambda: deployment.failed_attempts(task_id), 60)
            deployment.write_anything("DROP TRIGGER {output}.conflict")
            return await deployment.finished(task_id, time.monotonic(), seconds=60)

    return Fault(f"{name} ({code}) forced", disturb, trials=3, short=int(code == 1213))


async def deadlocked(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """Another transaction, too large to be the victim, locks the row of the task, then its windows."""
    met = 0
    deployment.write_anything("CREATE OR REPLACE TABLE {output}.task_weight (a INT) ENGINE = InnoDB")
    with deployment.workers(2):
        task_id = await deployment.create()
        await deployment.progress(task_id, 1)
        for _ in range(5):
            with deployment.servers.connect() as connection, connection.cursor() as cursor:
                cursor.execute("START TRANSACTION")
                cursor.execute(
                    deployment.named("INSERT INTO {output}.task_weight SELECT seq FROM mysql.seq_1_to_30000")
                )
                cursor.execute(
                    deployment.named("SELECT 1 FROM {output}.state WHERE task_id = %s FOR UPDATE"), (task_id,)
                )
                await asyncio.sleep(0.2)  # lets the lanes wait for the row
                try:
                    cursor.execute(
                        deployment.named(
                            "SELECT 1 FROM {output}.task_window WHERE task_id = %s AND NOT done FOR UPDATE"
                        ),
                        (task_id,),
                    )
                    met += 1
                finally:
                    cursor.execute("ROLLBACK")
            await asyncio.sleep(rng.random() * 0.1)
        trial = await deployment.finished(task_id, time.monotonic(), seconds=60)
    deployment.write_anything("DROP TABLE {output}.task_weight")
    return trial if deployment.failed_attempts(task_id) else Trial(False, trial.seconds, f"no deadlock in {met}")


async def waited_for(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """Another transaction holds the row of the task until a lane has waited for it for too long."""
    with deployment.workers(2):
        task_id = await deployment.create()
        await deployment.progress(task_id, 1)
        with deployment.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            cursor.execute(deployment.named("SELECT 1 FROM {output}.state WHERE task_id = %s FOR UPDATE"), (task_id,))
            await until(lambda: deployment.failed_attempts(task_id) > 0, seconds=4 * LOCK_SECONDS)
            cursor.execute("ROLLBACK")
        return await deployment.finished(task_id, time.monotonic(), seconds=60)


FAULTS = [
    Fault("MariaDB restarted, by SIGTERM and by SIGKILL", restarted, trials=10, short=1),
    killed("KILL of a reading connection", "KILL", "input_user"),
    killed("KILL QUERY of a reading connection", "KILL QUERY", "input_user"),
    killed("KILL of a writing connection", "KILL", "output_user"),
    behind_proxy(
        "input: packets swallowed for 5 s", "input", lambda between: between.swallow(True), lambda b: b.swallow(False)
    ),
    behind_proxy(
        "output: packets swallowed for 5 s", "output", lambda between: between.swallow(True), lambda b: b.swallow(False)
    ),
    behind_proxy("input: connections cut", "input", lambda between: between.cut(), lambda b: b.cut()),
    behind_proxy("output: connections cut", "output", lambda between: between.cut(), lambda b: b.cut()),
    Fault("replies to COMMIT dropped", commits_without_reply, trials=5, short=1),
    conflict(1213, "deadlock"),
    conflict(1205, "lock wait timeout"),
    conflict(1020, "snapshot conflict"),
    Fault("deadlock (1213) with another transaction", deadlocked, trials=3, short=0),
    Fault("lock wait timeout (1205) of another transaction's lock", waited_for, trials=3, short=0),
]
