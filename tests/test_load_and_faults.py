"""A short form of the run under load: a kill, a provider that fails, and every event and message accounted for."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "load_and_faults.py"
SHORT = ("--minutes", "0.25", "--kills", "1", "--people", "200", "--calibrate", "2", "--json")


def test_nothing_acknowledged_is_lost_or_sent_twice_though_provider_and_service_fail() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *SHORT], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    book = report["ledger"]
    assert book["problems"] == []
    assert book["acknowledged"] == book["sent"] + book["dropped"] + book["pooled"] + book["rejected"] > 1000
    assert len(report["restarts"]) == 1
    assert book["messages"]["delivered"] > 0
