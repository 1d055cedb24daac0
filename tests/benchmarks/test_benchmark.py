"""The benchmark runs and writes its figures. It asserts nothing about time: that is for a person to judge."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KEYS = {
    *("rows", "floor_s", "label_s_1", "label_s_2", "rows_s_1", "rows_s_2", "production_s", "production_share"),
    *("ratio_to_floor_1", "ratio_to_floor_2", "worker_peak_mb", "workers_cpu_s", "server_cpu_s"),
    *("growth_4x_time", "growth_4x_memory", "growth_2x_time", "growth_2x_memory"),
    *("content_keyword_rows_s", "content_keyword_peak_mb", "content_rules_rows_s", "content_rules_peak_mb"),
    *("small_task_behind_large_s", "small_215k_s", "small_1k_s", "create_wait_extra_s"),
    *("wide_texts_mb", "slow_rules_longest_pause_s", "export_rows_per_second", "export_mb"),
    *("preview_s", "preview_rules_s", "preview_2x_s", "preview_rules_2x_s"),
    *("lint_100k_s", "diff_s", "evaluate_1m_s", "hits_cost_percent"),
    *(f"many_tasks_{look}_s" for look in ("list", "status", "board", "metrics", "reconciler", "sweep")),
    *("beside_deletions_alone_s", "beside_deletions_s", "longest_deletion_s"),
}


@pytest.mark.timeout(300)
def test_the_benchmark_writes_its_figures_and_uses_the_posts_that_a_run_has_left(tmp_path: Path) -> None:
    figures, output = run_benchmark(tmp_path, GROWTH="2")
    assert figures.keys() == KEYS
    assert figures["rows"] == 20_000
    # What counting hits costs a task this small is less than the noise.
    assert all(figure > 0 for key, figure in figures.items() if key != "hits_cost_percent")
    assert "2 processes" in output
    assert "as an earlier run left it" not in output

    figures, output = run_benchmark(tmp_path, GROWTH="2", ONLY="the floor")
    assert figures.keys() == {"rows", "floor_s"}
    assert output.count("as an earlier run left it") == 3


def run_benchmark(folder: Path, **changes: str) -> tuple[dict[str, float], str]:
    """Run the benchmark on 20,000 posts in this folder, and return its figures and its output."""
    file = folder / "figures.json"
    changes |= {"ROWS": "20000", "BENCH_JSON": str(file), "BENCH_FOLDER": str(folder / "kept"), "PROCESSES": "1,2"}
    command = [sys.executable, "-m", "tests.benchmarks"]
    done = subprocess.run(command, env=os.environ | changes, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text()), done.stdout
