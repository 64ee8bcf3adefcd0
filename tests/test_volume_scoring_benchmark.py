"""The benchmark of scoring budgets runs, and its margins are LightGBM's; its speed on a tiny slice is no figure."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "volume_scoring.py"


def test_volume_scoring_benchmark_runs_and_reports_every_figure() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--quick", "--json"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["largest_error"] < 1e-6
    assert figures["ratio"] > 0
    assert figures["forest_users_per_second_all_threads"] > 0
    assert figures["curves_users_per_cpu_second"] > 0
