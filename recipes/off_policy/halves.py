"""Half A tells the truth, logs of other policies come from half B: one cell for each dealing and logging policy."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from off_policy.bandit import Bandit, accepted, expected, logging_policies, target_policies
from off_policy.cells import HalfCell, short
from off_policy.estimators import ESTIMATORS, estimated
from tactful.errors import NotIdentifiable
from tactful.experiments.distributions import normal_quantile
from tactful.experiments.ope import Estimate
from tactful.experiments.ope_support import require, support

POLICIES: Final = 20
_THIRD: Final = 1.0 / 3.0
_Z: Final = normal_quantile(0.975)


def cells(bandit: Bandit, seed: int, policies: list[int]) -> Iterator[HalfCell]:
    """Yields the cells of one dealing of the halves."""
    rng = np.random.default_rng([73, seed])
    order = rng.permutation(len(bandit))
    half = len(bandit) // 2
    a, b = bandit.only(order[:half]), bandit.only(order[half:])
    chances, targets = logging_policies(b.known, POLICIES), target_policies(b.known)
    truth = _uniform(a)
    uniform = _uniform(b)
    for policy in policies:
        draw = np.random.default_rng([74, seed, policy])
        rows = accepted(b, chances[policy], draw)
        log, chance = b.only(rows), chances[policy][rows]
        logged, model = chance[np.arange(len(log)), log.action], expected(log, draw)
        estimates: dict[str, list[tuple[float, float]]] = {name: [] for name in ESTIMATORS}
        ess, refused = [], []
        for target in targets[:, rows]:
            for name in ESTIMATORS:
                found = estimated(name, log.reward, logged, target, log.action, model)
                estimates[name].append(_error(found))
                if name == "IPS":
                    ess.append(short(found.ess))
            refused.append(_refused(logged, target[np.arange(len(log)), log.action]))
        yield HalfCell(seed, policy, len(log), truth, uniform, estimates, ess, refused)


def _uniform(half: Bandit) -> list[tuple[float, float]]:
    """Values of all targets on a half whose actions were drawn uniformly."""
    third, nothing = np.full(len(half), _THIRD), np.zeros((len(half), 3))
    return [
        _error(estimated("SNIPS", half.reward, third, target, half.action, nothing))
        for target in target_policies(half.known)
    ]


def _error(found: Estimate) -> tuple[float, float]:
    return short(found.value), short((found.high - found.low) / (2.0 * _Z))


def _refused(logged: NDArray[np.float64], target: NDArray[np.float64]) -> bool:
    try:
        require(support(logged, target, np.arange(len(logged))))
    except NotIdentifiable:
        return True
    return False
