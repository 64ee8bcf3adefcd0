"""Our estimators say what Open Bandit Pipeline's do, on the same arrays.

Its figures are those of `benchmarks/obp_estimators.py`, run with obp 0.4.1 in an environment of its own.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.experiments import ope

TOLD = json.loads((Path(__file__).parents[1] / "fixtures" / "obp_estimates.json").read_text(encoding="utf-8"))


def _log(seed: int, rows: int = 1000, actions: int = 4) -> dict[str, NDArray[np.float64]]:
    """The log of `benchmarks/obp_estimators.py`."""
    rng = np.random.Generator(np.random.PCG64(seed))
    logging, target = (power / power.sum(axis=1, keepdims=True) for power in rng.random((2, rows, actions)) ** 2 + 0.01)
    expected = rng.random((rows, actions))
    action = np.minimum((rng.random(rows)[:, None] > logging.cumsum(axis=1)).sum(axis=1), actions - 1)
    at = np.arange(rows), action
    reward = (rng.random(rows) < expected[at]).astype(np.float64)
    q = expected * 0.8
    return {
        "reward": reward,
        "logged_propensity": logging[at],
        "target_propensity": target[at],
        "expected_logged": q[at],
        "expected_target": (target * q).sum(axis=1),
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_estimator_equals_open_bandit_pipelines_to_nine_digits(seed: int) -> None:
    log, unit = _log(seed), np.arange(1000)
    plain = {name: log[name] for name in ("reward", "logged_propensity", "target_propensity")}
    ours = {
        "ips": ope.ips(**plain, unit=unit),
        "snips": ope.snips(**plain, unit=unit),
        "dm": ope.dm(log["expected_target"], unit),
        "dr": ope.dr(**log, unit=unit),
    }
    for most in (1.5, 4.0):
        ours[f"clipped_ips {most}"] = ope.clipped_ips(**plain, unit=unit, most=most)
        ours[f"switch_dr {most}"] = ope.switch_dr(**log, unit=unit, most=most)
    theirs = TOLD[str(seed)]
    assert ours.keys() == theirs.keys()
    for name, found in ours.items():
        assert found.value == pytest.approx(theirs[name], abs=1e-9), name
