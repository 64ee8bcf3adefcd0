"""Fresh logs where the truth is exact: Hillstrom's covariates, outcomes drawn from a fitted model."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from off_policy.bandit import Bandit, expected, fitted_chances, logging_policies, target_policies
from off_policy.cells import CoverageCell, short
from off_policy.estimators import ESTIMATORS, estimated
from off_policy.halves import POLICIES
from tactful.experiments.ope import Estimate
from tactful.experiments.ope_intervals import Way, bernstein, bootstrap, delta, share

PAIRS: Final = ((0, 1), (1, 3), (1, 8), (2, 1), (3, 3), (3, 8))
"""Logging policies from mild to sharp; targets that send one mail to all, choose surely, and draw."""
SIZES: Final = (500, 2000)
BOOTSTRAP_DRAWS: Final = 200
_PLANS: Final = {
    "delta": ESTIMATORS,
    "Wilson": ("SNIPS",),
    "bootstrap": ("SNIPS",),
    "Bernstein": ("IPS",),
}
_WITH_BOOTSTRAP: Final = 500
"""Rows of the logs of which the bootstrap is tried: it is for small ones."""


def cells(bandit: Bandit, pair: tuple[int, int], rows: int, logs: int) -> Iterator[CoverageCell]:
    """Yields the cells of one pair of policies and one size of log."""
    policy, target = pair
    truth_by_action = fitted_chances(bandit)
    logging = logging_policies(bandit.known, POLICIES)[policy]
    judged = target_policies(bandit.known)[target]
    truth = float((judged * truth_by_action).sum(axis=1).mean())
    most_weight = float((judged / logging).max())
    plans = {way: names for way, names in _PLANS.items() if way != "bootstrap" or rows == _WITH_BOOTSTRAP}
    found: dict[tuple[str, str], list[Estimate]] = {(way, name): [] for way, names in plans.items() for name in names}
    for number in range(logs):
        rng = np.random.default_rng([75, policy, target, rows, number])
        log, chance, aim = _fresh(bandit, logging, judged, truth_by_action, rows, rng)
        model = expected(log, rng)
        ways = _ways(rng, most_weight)
        for way, name in found:
            found[way, name].append(estimated(name, log.reward, chance, aim, log.action, model, ways[way]))
    for (way, name), estimates in found.items():
        yield _cell(policy, target, rows, way, name, np.array(estimates), truth)


def _ways(rng: np.random.Generator, most_weight: float) -> dict[str, Way]:
    return {
        "delta": delta,
        "Wilson": share,
        "bootstrap": bootstrap(rng, BOOTSTRAP_DRAWS),
        "Bernstein": bernstein(0.0, most_weight),
    }


def _fresh(
    bandit: Bandit,
    logging: NDArray[np.float64],
    judged: NDArray[np.float64],
    truth: NDArray[np.float64],
    rows: int,
    rng: np.random.Generator,
) -> tuple[Bandit, NDArray[np.float64], NDArray[np.float64]]:
    """A log of customers drawn with replacement; with the chance of each logged action, and the target's of all."""
    who = rng.integers(0, len(bandit), rows)
    action = (rng.random(rows)[:, None] > logging[who].cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward = (rng.random(rows) < truth[who, action]).astype(np.float64)
    return Bandit(bandit.known[who], action, reward), logging[who, action], judged[who]


def _cell(
    policy: int, target: int, rows: int, way: str, name: str, found: NDArray[np.float64], truth: float
) -> CoverageCell:
    value, low, high, ess = found.T
    return CoverageCell(
        policy=policy,
        target=target,
        rows=rows,
        logs=len(found),
        way=way,
        estimator=name,
        covered=short(float(((low <= truth) & (truth <= high)).mean())),
        bias=short(float(value.mean() - truth)),
        error=short(float(value.std(ddof=1))),
        width=short(float((high - low).mean())),
        ess=short(float(ess.mean())),
    )
