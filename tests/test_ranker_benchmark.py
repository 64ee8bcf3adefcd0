"""The benchmark of the ranker keeps working; of its figures only that they are there, and the memory, is looked at."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "score_ranker.py"


def test_the_benchmark_of_the_ranker_gives_its_figures() -> None:
    run = subprocess.run([sys.executable, str(SCRIPT), "--quick", "--json"], capture_output=True, text=True, check=True)
    figures = json.loads(run.stdout.splitlines()[-1])
    assert figures["served, float32, encoded, C = 32"] > 0
    assert figures["2 processes, encoded, C = 32, peak MB"] < 500
