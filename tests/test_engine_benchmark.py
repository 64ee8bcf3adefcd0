"""The engine's benchmarks run; what they measure on a tiny slice is no figure."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def told(script: str, *arguments: str) -> Any:
    """What a script says as JSON."""
    command = [sys.executable, str(BENCHMARKS / script), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_engine_benchmark_runs_and_reports_every_figure() -> None:
    (cell,) = told("engine_speed.py", "--quick", "--ranker", "shipped")
    assert cell["ranker"] == "shipped"
    assert cell["events"] > 0
    assert cell["rank_jobs"] > 0
    assert cell["sends"] > 0
    assert cell["events_per_second"] > 0
    assert cell["bound_per_second"] > cell["events_per_second"]


def test_two_shards_share_the_stream_and_decide_all_of_it() -> None:
    (run,) = told("engine_shards.py", "--quick", "--shards", "2")
    assert sum(part["users"] for part in run["parts"]) == 400
    assert sum(part["events"] for part in run["parts"]) == 1600
    assert all(part["decisions"] > 0 for part in run["parts"])
    assert run["events_per_second"] > 0


def test_the_benchmark_of_a_million_users_closes_and_opens_its_store() -> None:
    found = told("million_users.py", "--quick")
    assert found["lived"]["users"] == found["opened"]["users"] == found["disk"]["states"] == 300
    assert found["lived"]["inputs"] == found["disk"]["inputs"] == 900
    assert found["disk"]["plans"] >= 300


def test_states_of_a_store_that_an_earlier_version_left_are_measured() -> None:
    (size,) = told("state_size.py", str(Path(__file__).parent / "fixtures" / "engine_store_1.sqlite"))
    assert size["users"] > 0
    assert 0 < size["median"] <= size["p95"] <= size["largest"] < size["in_memory"]
