"""Faults: each disturbs a running task on real servers, and compares what it leaves with an undisturbed run."""
