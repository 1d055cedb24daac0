"""`make faults`: every fault, as often as it takes to believe it; a table of what came of it.

ONLY=words runs the faults whose names hold them; SHORT=1 as often as `make test` does.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import mariadb as of_mariadb
from tests.faults import redis as of_redis
from tests.faults import tasks as of_tasks
from tests.faults import workers as of_workers
from tests.faults.deployment import Fault, Trial, World, world

FAULTS = [*of_workers.FAULTS, *of_redis.FAULTS, *of_mariadb.FAULTS, *of_tasks.FAULTS]


_MOST_NOTES = 5


def main() -> int:
    only, short = os.environ.get("ONLY", ""), bool(os.environ.get("SHORT"))
    seed = int(os.environ.get("SEED", "1"))
    inexact = 0
    started = time.monotonic()
    print("| fault | tried | exact | longest recovery, s |\n|---|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory(prefix="audience-faults-") as name, world(Path(name)) as its:
        for fault in FAULTS:
            if only not in fault.name or (short and not fault.short):
                continue
            trials = [
                run(fault, its, random.Random(f"{seed} {fault.name} {number}"), number)
                for number in range(fault.short if short else fault.trials)
            ]
            exact = sum(trial.exact for trial in trials)
            inexact += len(trials) - exact
            longest = max(trial.seconds for trial in trials)
            print(f"| {fault.name} | {len(trials)} | {exact} | {longest:.1f} |", flush=True)
            noted = [(number, trial) for number, trial in enumerate(trials) if trial.note]
            for number, trial in noted[:_MOST_NOTES]:
                print(f"    trial {number}: {trial.note}", file=sys.stderr, flush=True)
        if inexact and os.environ.get("KEEP_LOG"):
            Path(os.environ["KEEP_LOG"]).write_bytes((its.folder / "worker.log").read_bytes())
    print(f"\n{inexact} inexact; {(time.monotonic() - started) / 60:.0f} minutes")
    return 1 if inexact else 0


def run(fault: Fault, its: World, rng: random.Random, number: int) -> Trial:
    """One try; what it does not expect is as bad as what is not exact."""
    try:
        return asyncio.run(fault.disturb(its, rng, number))
    except Exception as error:
        its.mend()
        return Trial(False, 0, f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.exit(main())
