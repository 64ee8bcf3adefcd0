"""The engine's benchmarks run; what they measure on a tiny slice is no figure."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def quick(script: str, *arguments: str) -> list[dict[str, Any]]:
    """What a script says of its tiny slice."""
    command = [sys.executable, str(BENCHMARKS / script), "--quick", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_engine_benchmark_runs_and_reports_every_figure() -> None:
    (cell,) = quick("engine_speed.py", "--ranker", "shipped")
    assert cell["ranker"] == "shipped"
    assert cell["events"] > 0
    assert cell["rank_jobs"] > 0
    assert cell["sends"] > 0
    assert cell["events_per_second"] > 0
    assert cell["bound_per_second"] > cell["events_per_second"]


def test_two_shards_share_the_stream_and_decide_all_of_it() -> None:
    (run,) = quick("engine_shards.py", "--shards", "2")
    assert sum(part["users"] for part in run["parts"]) == 400
    assert sum(part["events"] for part in run["parts"]) == 1600
    assert all(part["decisions"] > 0 for part in run["parts"])
    assert run["events_per_second"] > 0
