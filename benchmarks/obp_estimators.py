"""What Open Bandit Pipeline's estimators say of made-up logs, for a test that ours say the same to 1e-9.

Runs in an environment of its own, for that package pins what ours does not:

    python3 -m venv /tmp/obp && /tmp/obp/bin/pip install obp==0.4.1
    /tmp/obp/bin/python benchmarks/obp_estimators.py > tests/fixtures/obp_estimates.json

The logs are drawn by numpy's PCG64 from stated seeds; the test draws the same ones.
"""

import json
import sys

import numpy as np
from numpy.typing import NDArray
from obp.ope import (
    DirectMethod,
    DoublyRobust,
    InverseProbabilityWeighting,
    SelfNormalizedInverseProbabilityWeighting,
    SwitchDoublyRobust,
)

CLIPS = (1.5, 4.0)


def log(seed: int, rows: int = 1000, actions: int = 4) -> dict[str, NDArray[np.float64]]:
    """Returns chances [rows, actions] of a logging and a target policy, expected rewards, logged actions, rewards."""
    rng = np.random.Generator(np.random.PCG64(seed))
    logging, target = (power / power.sum(axis=1, keepdims=True) for power in rng.random((2, rows, actions)) ** 2 + 0.01)
    expected = rng.random((rows, actions))
    action = np.minimum((rng.random(rows)[:, None] > logging.cumsum(axis=1)).sum(axis=1), actions - 1)
    reward = (rng.random(rows) < expected[np.arange(rows), action]).astype(np.float64)
    return {"logging": logging, "target": target, "expected": expected * 0.8, "action": action, "reward": reward}


def estimates(seed: int) -> dict[str, float]:
    """Returns the package's estimates of one log."""
    made = log(seed)
    rows = len(made["reward"])
    told = {"reward": made["reward"], "action": made["action"], "action_dist": made["target"][:, :, None]}
    scored = {"pscore": made["logging"][np.arange(rows), made["action"]]}
    model = {"estimated_rewards_by_reg_model": made["expected"][:, :, None]}
    found = {
        "ips": InverseProbabilityWeighting().estimate_policy_value(**told, **scored),
        "snips": SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**told, **scored),
        "dm": DirectMethod().estimate_policy_value(**told, **model),
        "dr": DoublyRobust().estimate_policy_value(**told, **scored, **model),
    }
    own = made["target"][np.arange(rows), made["action"]]
    for most in CLIPS:
        clipped = {"pscore": np.maximum(scored["pscore"], own / most)}  # 0.4.1 does not clip by itself
        found[f"clipped_ips {most}"] = InverseProbabilityWeighting().estimate_policy_value(**told, **clipped)
        found[f"switch_dr {most}"] = SwitchDoublyRobust(tau=most).estimate_policy_value(**told, **scored, **model)
    return {name: float(value) for name, value in found.items()}


if __name__ == "__main__":
    json.dump({str(seed): estimates(seed) for seed in range(3)}, sys.stdout, indent=1)
