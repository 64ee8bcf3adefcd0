"""The benchmark of the HTTP service runs, or says what it needs; what it measures in a second is no figure."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import which

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "http_ingest.py"


def test_http_benchmark_runs_and_finds_what_was_acknowledged_or_says_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--seconds", "1", "--rounds", "1", "--only", "API alone", "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if which("wrk") is None:
        assert "apt-get install wrk" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    single, batch = json.loads(done.stdout)
    assert (single["batch"], batch["batch"]) == (1, 100)
    assert single["refused"] == batch["refused"] == 0
    assert batch["events_per_cpu_second"] > single["events_per_cpu_second"] > 0
