"""The check of the servers: whether they are reached, allow what is needed, and are encrypted."""

import re
from collections.abc import AsyncGenerator, AsyncIterator

from jobs.deployment import Deployment
from jobs.errors import AudienceError, DatabaseError
from jobs.model.finding import Finding
from jobs.model.wording import counted
from jobs.queue.client import REDIS_ERRORS, open_redis, redis_failure, tls_version
from jobs.queue.permissions import WritesRefused, missing_permissions
from jobs.services.overview import read_fleet
from jobs.storage import task_search
from jobs.storage.connection import Session, connect
from jobs.storage.endpoint import Server, is_loopback
from jobs.storage.grants import (
    OUTPUT_PRIVILEGES,
    grant_statement,
    granted_privileges,
    ignores_read_only,
    read_grants,
)
from jobs.storage.input_table import describe_input, is_indexed
from jobs.storage.schema import existing_columns
from jobs.storage.server import read_tls_version, read_variables, read_version, stored_name

_MIN_VERSION = (10, 6)  # the first with SKIP LOCKED

_TOO_MANY_CONNECTIONS = 1040
# More connections, or statements in an hour, than the server allows each account, or this one.
_ACCOUNT_LIMIT = (1203, 1226)


async def check_input(deployment: Deployment) -> AsyncGenerator[Finding, None]:
    """Yield what there is to say about the input server and the input table."""
    try:
        async with connect(deployment.input) as session:
            yield await _check_input_table(session, deployment)
            yield await _check_encryption(session, deployment.input, "INPUT_TLS")
    except DatabaseError as error:
        yield Finding("input", "error", str(error), _advice(error, "INPUT"))


def _advice(error: DatabaseError, server: str) -> str:
    """Return what to do if a server cannot be connected to."""
    if error.code == _TOO_MANY_CONNECTIONS:
        return "raise max_connections on the server, or close other connections"
    if error.code in _ACCOUNT_LIMIT:
        return f"raise this limit of the account {server}_USER"
    return f"check {server}_HOST, {server}_PORT, {server}_USER, {server}_PASSWORD"


async def _check_input_table(session: Session, deployment: Deployment) -> Finding:
    schema, table = deployment.settings.input_schema, deployment.settings.input_table
    if not schema:
        return Finding("input", "warning", "no default schema", "set INPUT_SCHEMA, or give --target-schema each time")
    grant = grant_statement(("SELECT",), schema, deployment.settings.input_user)
    try:
        await describe_input(session, schema, table, "author_name")
    except DatabaseError as error:
        if not error.denied:
            raise
        return Finding("input", "error", str(error), grant)
    except AudienceError as error:
        return Finding("input", "error", str(error), f"check INPUT_SCHEMA and INPUT_TABLE; {grant}")
    if not await is_indexed(session, schema, table):
        advice = f"CREATE INDEX post_time ON `{table}` (post_time)"
        return Finding("input", "warning", f"{schema}.{table} can be read, but only as a whole", advice)
    return Finding("input", "ok", f"{deployment.input}, {schema}.{table} can be read")


async def _check_encryption(session: Session, server: Server, setting: str) -> Finding:
    version = await read_tls_version(session)
    return _encryption(str(server), server.host, version, f"set {setting}=required")


def _encryption(name: str, host: str, version: str, advice: str) -> Finding:
    """Return the finding for a connection's TLS version, "" for none, to a server on this host."""
    if version:
        return Finding("tls", "ok", f"{name}: {version}")
    if is_loopback(host):
        return Finding("tls", "ok", f"{name}: not encrypted, but local to this machine")
    return Finding(
        "tls", "warning", f"{name}: not encrypted, so it can be read on the network", f"{advice}; see docs/security.md"
    )


async def check_output(deployment: Deployment) -> AsyncGenerator[Finding, None]:
    """Yield what there is to say about the output server, its schema and its tasks."""
    schema = deployment.settings.output_schema
    try:
        async with deployment.output_session() as session:
            yield await _check_version(session, deployment)
            yield await _check_encryption(session, deployment.output, "OUTPUT_TLS")
            async for finding in _check_output_variables(session):
                yield finding
            yield await _check_output_grants(session, deployment)
            columns = await existing_columns(session, schema, "state")
            if not columns:
                yield Finding("state", "ok", f"no state table in {schema} yet; the first task creates it")
            elif "production_due" not in columns:
                yield Finding(
                    "state", "warning", f"the state table in {schema} is of v2.1", "the next task migrates it"
                )
            else:
                yield Finding("state", "ok", f"the state table in {schema} exists")
                async for finding in _check_tasks(session, schema):
                    yield finding
    except DatabaseError as error:
        yield Finding("output", "error", str(error), _advice(error, "OUTPUT"))


async def _check_tasks(session: Session, schema: str) -> AsyncIterator[Finding]:
    """Yield a finding for each task that waits forever."""
    for task in await task_search.find_unclaimable(session, schema):
        yield Finding(
            "task",
            "warning",
            f"{task.task_id} is {task.stat}, but an earlier release created it, so no worker takes it",
            f"audience abort {task.task_id}; create a task with its range: {task.date_range}",
        )


async def _check_version(session: Session, deployment: Deployment) -> Finding:
    version = await read_version(session)
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if "MariaDB" not in version or numbers < _MIN_VERSION:
        return Finding("output", "error", f"{deployment.output} is {version}", "MariaDB 10.6 or later is needed")
    return Finding("output", "ok", f"{deployment.output} answers, MariaDB {version.split('-')[0]}")


async def _check_output_variables(session: Session) -> AsyncIterator[Finding]:
    """Yield a finding for each variable of the server by which it refuses what a task writes."""
    found = await read_variables(session, "log_bin", "binlog_format", "innodb_force_primary_key", "read_only")
    if found.get("log_bin") == "ON" and found.get("binlog_format") == "STATEMENT":
        yield Finding(
            "output",
            "error",
            "binlog_format is STATEMENT, with which the server refuses READ COMMITTED transactions",
            "SET GLOBAL binlog_format = 'MIXED', and set it in the server's configuration",
        )
    if found.get("innodb_force_primary_key") == "ON":
        yield Finding(
            "output",
            "error",
            "innodb_force_primary_key is ON: the server refuses the production tables, which have no primary key",
            "SET GLOBAL innodb_force_primary_key = OFF, and set it in the server's configuration",
        )

    read_only = found.get("read_only", "OFF")
    if read_only != "OFF" and not ignores_read_only(await read_grants(session)):
        yield Finding(
            "output",
            "error",
            f"read_only is {read_only}: the server refuses everything that a task writes, as a replica does",
            "SET GLOBAL read_only = OFF, or let OUTPUT_HOST name the primary",
        )


async def _check_output_grants(session: Session, deployment: Deployment) -> Finding:
    schema = await stored_name(session, deployment.settings.output_schema)
    granted = granted_privileges(await read_grants(session), schema)
    missing = [privilege for privilege in OUTPUT_PRIVILEGES if privilege not in granted]
    if missing:
        advice = grant_statement(OUTPUT_PRIVILEGES, schema, deployment.settings.output_user)
        return Finding("grants", "error", f"no privilege to {', '.join(missing)} in {schema}", advice)
    return Finding("grants", "ok", f"all privileges that are needed in {schema}")


async def check_redis(deployment: Deployment) -> AsyncGenerator[Finding, None]:
    """Yield what there is to say about Redis and the workers."""
    try:
        async with open_redis(deployment.settings) as redis:
            missing = await missing_permissions(redis)
            version = await tls_version(redis)
    except AudienceError as error:
        yield Finding("redis", "error", str(error), "correct REDIS_URL")
        return
    except WritesRefused as error:
        yield Finding("redis", "error", f"answers, but accepts no writes: {error}", error.advice)
        return
    except REDIS_ERRORS as error:
        yield Finding("redis", "error", redis_failure(error), "start Redis, or check REDIS_URL")
        return
    yield _encryption(
        f"Redis {deployment.redis_address}", deployment.redis_host, version, "begin REDIS_URL with rediss://"
    )
    if missing:
        rules = " ".join(missing)
        yield Finding(
            "redis", "error", f"answers, but does not allow {rules}", f"ACL SETUSER ... {rules}; see docs/security.md"
        )
        return
    yield Finding("redis", "ok", "answers, and allows everything that is needed")
    try:
        fleet = await read_fleet(deployment)
    except AudienceError as error:
        yield Finding("workers", "error", str(error))
        return
    queue = deployment.settings.queue
    count = sum(worker.queue == queue and not worker.silent for worker in fleet.workers)
    if count:
        yield Finding("workers", "ok", f"{count} on queue {queue}")
    else:
        yield Finding("workers", "warning", f"none on queue {queue}", "tasks wait until one runs: audience worker")
    for other in fleet.queues:
        jobs = other.ready + len(other.deferred)
        if jobs and other.name != queue and not fleet.serves(other.name):
            yield Finding(
                "queue",
                "warning",
                f"no worker serves {other.name}, which has {counted(jobs, 'job')}",
                f"abort its tasks, or start one: audience worker --queue {other.name}",
            )
