"""Days drawn by the engine's own exploration, judged by the path estimates: intervals hold what is known exactly.

Made-up people with three jobs a day and two options each, whose utilities are uniform; who gets s messages comes with
the chance .1 + .15 s. So silence is worth .1, the best option once a day .25, the higher price .1 + .45·(1 − .7²).
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.decision.policy import explore
from tactful.decision.policy.channel import Choice, choose
from tactful.experiments.ope import snips
from tactful.experiments.ope_paths import mixed_path_chance, path_chance

LOGS, PEOPLE, JOBS = 400, 600, 3
SHARES = (0.55, 0.15, 0.15, 0.15)
PRICES = (0.3, 0.5, 0.7)
TRUTH = {"nothing": 0.1, "best": 0.25, "higher price": 0.1 + 0.45 * (1.0 - 0.7**2)}


def _chosen(utility: NDArray[np.float64], price: float) -> Choice:
    n, m, _ = utility.shape
    order = np.broadcast_to(np.arange(m, dtype=np.uint64), (n, m))
    everything, rank = np.ones((n, m, 1), dtype=np.bool_), np.zeros((n, m, 1), dtype=np.int64)
    return choose(utility, np.full((n, 1), price), everything, order, rank)


@pytest.fixture(scope="module")
def days() -> dict[str, NDArray[np.float64]]:
    """All logs at once: the chance of each day under the log and under each policy, and whether she came."""
    n, rng = LOGS * PEOPLE, np.random.default_rng(11)
    key = rng.integers(0, 2**63, n).astype(np.uint64)
    start = np.full(n, 20_000 * 86_400_000_000, dtype=np.int64)
    bucket, _ = explore.bucket(9, key, start, SHARES)
    order = np.broadcast_to(np.arange(2, dtype=np.uint64), (n, 2))
    by_bucket, by_price, sends = np.ones((n, JOBS, 4)), np.ones((n, JOBS)), np.zeros(n)
    for job in range(JOBS):
        low, mid, high = (_chosen(utility, price) for utility in [rng.random((n, 2, 1))] for price in PRICES)
        feasible, spent = np.ones((n, 2, 1), dtype=np.bool_), sends > 0
        action = explore.act(9, key, start + job, bucket, low, high, mid, feasible, order, spent)
        by_bucket[:, job] = action.by_bucket
        by_price[:, job] = np.where(high.sends, action.candidate == high.candidate, action.candidate < 0)
        sends += action.candidate >= 0
    return {
        "logged": mixed_path_chance(by_bucket, np.array(SHARES)),
        "nothing": path_chance(by_bucket[:, :, 3]),
        "best": path_chance(by_bucket[:, :, 2]),
        "higher price": path_chance(by_price),
        "came": (rng.random(n) < 0.1 + 0.15 * sends).astype(np.float64),
    }


@pytest.mark.parametrize("policy", list(TRUTH))
def test_intervals_hold_the_truth_19_times_of_20(days: dict[str, NDArray[np.float64]], policy: str) -> None:
    people = np.arange(PEOPLE)
    found = [
        snips(days["came"][rows], days["logged"][rows], days[policy][rows], people)
        for rows in np.split(np.arange(LOGS * PEOPLE), LOGS)
    ]
    error = np.std([one.value for one in found]) / np.sqrt(LOGS)
    assert np.mean([one.value for one in found]) == pytest.approx(TRUTH[policy], abs=4 * error)
    assert 0.92 <= np.mean([one.low <= TRUTH[policy] <= one.high for one in found]) <= 0.98
