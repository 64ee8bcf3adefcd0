"""The allocator's benchmarks run; what they measure on a tiny slice is no figure."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def printed(script: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_allocate_benchmark_runs_and_reports_every_figure() -> None:
    figures = printed("allocate_speed.py", "--users", "2000", "--highs", "200")
    assert [cell["what"] for cell in figures["speeds"]] == [
        "one read",
        "allocate",
        "allocate_at_price",
        "allocate_by_group, 3 groups",
        "allocate, memory-mapped file",
    ]
    assert all(cell["seconds"] > 0 for cell in figures["speeds"])
    assert figures["highs"]["times_faster"] > 1
    assert abs(figures["highs"]["value_to_bound"]) < 1e-3


def test_no_rule_gains_more_than_the_allocator() -> None:
    rules = printed("volume_rules.py", "--users", "500")
    assert len(rules) == 4 * 2 * 3
    assert all(rule["lost_share"] > -1e-3 for rule in rules)
