"""The benchmarks of the response models keep working; their figures are not looked at here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize(
    ("command", "figure"),
    [
        (["train_responses.py", "--models", "TIN", "--batches", "1", "--turns", "1"], "TIN"),
        (["score_responses.py", "--quick"], "served, float32, C = 32"),
    ],
)
def test_a_benchmark_of_the_response_models_gives_its_figures(command: list[str], figure: str) -> None:
    script, *options = command
    run = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options, "--json"], capture_output=True, text=True, check=True
    )
    assert figure in json.loads(run.stdout.splitlines()[-1])
