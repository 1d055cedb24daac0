"""Memory of this process."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def memory() -> float:
    """Return the memory that this process has now, in MB; its peak where the system does not say."""
    return _from_status("VmRSS:") or peak_memory()


def peak_memory() -> float:
    """Return the most memory that this process has had, in MB."""
    # Not ru_maxrss where there is VmHWM: it survives fork and exec, so it may be a large parent's.
    from_status = _from_status("VmHWM:")
    if from_status is not None:
        return from_status
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _from_status(name: str) -> float | None:
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 2**10
    return None
