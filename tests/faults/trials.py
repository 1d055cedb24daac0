"""All faults, and how one is tried."""

import asyncio
import random

from tests.faults import (
    alerts,
    deletion,
    deployments,
    hosts,
    locks,
    mariadb,
    production,
    redis,
    schedules,
    size,
    tasks,
    workers,
)
from tests.faults.deployment import Fault, FaultDeployment, NotTried, Trial

FAULTS = [
    *workers.FAULTS,
    *hosts.FAULTS,
    *redis.FAULTS,
    *mariadb.FAULTS,
    *tasks.FAULTS,
    *production.FAULTS,
    *locks.FAULTS,
    *deployments.FAULTS,
    *schedules.FAULTS,
    *alerts.FAULTS,
    *deletion.FAULTS,
    *size.FAULTS,
]


def run(fault: Fault, deployment: FaultDeployment, rng: random.Random, number: int) -> Trial:
    """Try a fault once. An unexpected exception counts as an inexact outcome. Raises NotTried."""
    try:
        return asyncio.run(fault.disturb(deployment, rng, number))
    except NotTried:
        raise
    except Exception as error:
        deployment.restart_servers()
        return Trial(False, 0, f"{type(error).__name__}: {error}")
