"""`make faults`: tries every fault many times, and prints a table of the outcomes.

ONLY=words runs the faults whose name contains these words; SHORT=1 tries each as often as `make test` does.
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.deployment import NotTried, fault_deployment
from tests.faults.trials import FAULTS, run

_MAX_NOTES = 5


def main() -> int:
    only, short = os.environ.get("ONLY", ""), bool(os.environ.get("SHORT"))
    seed = int(os.environ.get("SEED", "1"))
    inexact = 0
    not_tried = []
    started = time.monotonic()
    print("| fault | tried | exact | longest recovery, s |\n|---|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory(prefix="audience-faults-") as name, fault_deployment(Path(name)) as deployment:
        for fault in FAULTS:
            if only not in fault.name or (short and not fault.short):
                continue
            try:
                trials = [
                    run(fault, deployment, random.Random(f"{seed} {fault.name} {number}"), number)
                    for number in range(fault.short if short else fault.trials)
                ]
            except NotTried as reason:
                not_tried.append(f"{fault.name}: {reason}")
                print(f"| {fault.name} | 0 | - | - |", flush=True)
                continue
            exact = sum(trial.exact for trial in trials)
            inexact += len(trials) - exact
            longest = max(trial.seconds for trial in trials)
            print(f"| {fault.name} | {len(trials)} | {exact} | {longest:.1f} |", flush=True)
            noted = [(number, trial) for number, trial in enumerate(trials) if trial.note]
            for number, trial in noted[:_MAX_NOTES]:
                print(f"    trial {number}: {trial.note}", file=sys.stderr, flush=True)
        if inexact and os.environ.get("KEEP_LOG"):
            logs = sorted(deployment.folder.rglob("worker.log"))
            Path(os.environ["KEEP_LOG"]).write_bytes(b"".join(log.read_bytes() for log in logs))
    for fault_and_reason in not_tried:
        print(f"\nNOT TRIED: {fault_and_reason}")
    print(f"\n{inexact} inexact; {len(not_tried)} not tried; {(time.monotonic() - started) / 60:.0f} minutes")
    return 1 if inexact else 0


if __name__ == "__main__":
    sys.exit(main())
