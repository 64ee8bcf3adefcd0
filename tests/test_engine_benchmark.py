"""The engine's benchmark runs; what it measures on a tiny slice is no figure."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "engine_speed.py"


def test_engine_benchmark_runs_and_reports_every_figure() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--quick", "--json", "--ranker", "shipped"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (cell,) = json.loads(done.stdout)
    assert cell["ranker"] == "shipped"
    assert cell["events"] > 0
    assert cell["rank_jobs"] > 0
    assert cell["sends"] > 0
    assert cell["events_per_second"] > 0
    assert cell["bound_per_second"] > cell["events_per_second"]
