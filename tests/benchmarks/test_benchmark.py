"""The benchmark runs and writes its figures. It asserts nothing about time: that is for a person to judge."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KEYS = (
    *("rows", "floor_s", "label_s_1", "label_s_2", "production_s", "ratio_to_floor_2", "production_share"),
    *("worker_peak_mb", "growth_4x_time", "growth_4x_memory", "content_keyword_rows_s", "content_rules_rows_s"),
    "small_task_behind_large_s",
)


@pytest.mark.timeout(300)
def test_the_benchmark_runs_and_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    changes = {"ROWS": "20000", "BENCH_JSON": str(file), "PROCESSES": "1,2"}
    command = [sys.executable, "-m", "tests.benchmarks"]
    done = subprocess.run(command, env=os.environ | changes, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    assert figures["rows"] == 20_000
    assert all(figures[key] > 0 for key in KEYS)
    assert "2 processes" in done.stdout
