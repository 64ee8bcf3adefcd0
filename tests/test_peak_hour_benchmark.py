"""The queue of the page on 500 million users agrees with theory where theory has an answer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "peak_hour.py"


def test_simulated_waits_are_those_of_the_formula_below_nine_tenths_of_use() -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARK, "--users", "20000000", "--json"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["peaks"]) == {"one zone", "one continent", "the world"}
    steady = [row for row in found["served"] if row["way"] == "keyed" and row["use"] < 0.9]
    assert len(steady) >= 3
    for row in steady:
        assert row["mean"] == pytest.approx(row["formula"], rel=0.1)
    bursts = {row["way"]: row for row in found["served"] if row["people"] == "the world"}
    assert bursts["keyed, all plans at midnight"]["percentiles"]["p99"] > 60.0
