"""Hillstrom's customers as a bandit of three actions, policies drawn at random over their covariates, and logs of them.

Nothing here looks at an outcome but `expected`, which a doubly robust estimate learns from its own log.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

ACTIONS: Final = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
"""A third of the customers got each, by chance."""
_FLOOR: Final = 0.1
"""Share of uniform choice in every logging policy: no action has less than a thirtieth."""
_SHARPNESS: Final = (0.5, 1.0, 2.0, 3.0)
_RIDGE: Final = 1.0
_STEPS: Final = 25


@dataclass(frozen=True, eq=False)
class Bandit:
    """n customers: what was known of each (a column of ones first), which mail she got, whether she visited."""

    known: Float64[np.ndarray, "n d"]
    action: Int64[np.ndarray, " n"]
    reward: Float64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.action)

    def only(self, rows: NDArray[np.int64]) -> "Bandit":
        """Returns some of the customers."""
        return Bandit(self.known[rows], self.action[rows], self.reward[rows])


def read(folder: Path, every: int = 1) -> Bandit:
    """Returns the customers, or one in `every`."""
    table = pq.read_table(folder / "hillstrom" / "hillstrom.parquet")
    column = {name: table[name].to_numpy() for name in table.column_names}
    plain = [column["recency"], np.log(column["history"]), column["mens"], column["womens"], column["newbie"]]
    places = (("zip_code", "Rural"), ("zip_code", "Urban"), ("channel", "Multichannel"), ("channel", "Web"))
    known = np.column_stack([*plain, *(column[name] == value for name, value in places)]).astype(np.float64)
    known = (known - known.mean(axis=0)) / known.std(axis=0)
    action = np.array([ACTIONS.index(name) for name in column["segment"]], dtype=np.int64)
    whole = Bandit(np.column_stack([np.ones(len(known)), known]), action, column["visit"].astype(np.float64))
    return whole.only(np.arange(len(whole))[::every])


def logging_policies(known: Float64[np.ndarray, "n d"], number: int = 20) -> Float64[np.ndarray, "p n a"]:
    """Returns chances of softmax policies over random linear scores, from mild to sharp, each with a uniform part."""
    rng = np.random.default_rng(71)
    third = 1.0 / len(ACTIONS)
    found = [
        _FLOOR * third + (1.0 - _FLOOR) * _softmax(known, rng, _SHARPNESS[place % len(_SHARPNESS)])
        for place in range(number)
    ]
    return np.stack(found)


def target_policies(known: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "t n a"]:
    """Returns chances of ten policies: one for each action alone, three that choose surely, four that draw."""
    rng = np.random.default_rng(72)
    alone = [np.broadcast_to(np.eye(len(ACTIONS))[a], (len(known), len(ACTIONS))) for a in range(len(ACTIONS))]
    sure = [np.eye(len(ACTIONS))[_softmax(known, rng, 1.0).argmax(axis=1)] for _ in range(3)]
    drawn = [_softmax(known, rng, sharpness) for sharpness in _SHARPNESS]
    return np.stack([*alone, *sure, *drawn])


def accepted(bandit: Bandit, chance: Float64[np.ndarray, "n a"], rng: np.random.Generator) -> NDArray[np.int64]:
    """Returns the rows of a log of another policy, by rejection from uniform choices.

    A row stays with chance `π(a|x) / max π`: of those that stay, actions are as the policy would have drawn them, and
    customers as they were.
    """
    own = chance[np.arange(len(bandit)), bandit.action]
    return np.flatnonzero(rng.random(len(bandit)) < own / chance.max())


def expected(bandit: Bandit, rng: np.random.Generator) -> Float64[np.ndarray, "n a"]:
    """Returns the reward that a ridge regression for each action expects, fitted on the other half of the log."""
    fold = rng.integers(0, 2, len(bandit))
    found = np.zeros((len(bandit), len(ACTIONS)))
    for held in range(2):
        for action in range(len(ACTIONS)):
            rows = (fold != held) & (bandit.action == action)
            x, y = bandit.known[rows], bandit.reward[rows]
            weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y)
            found[fold == held, action] = bandit.known[fold == held] @ weights
    return found


def fitted_chances(bandit: Bandit) -> Float64[np.ndarray, "n a"]:
    """Returns chances of a visit under each action by logistic regressions: a truth that is known exactly."""
    found = np.zeros((len(bandit), len(ACTIONS)))
    for action in range(len(ACTIONS)):
        rows = bandit.action == action
        weights = _logistic(bandit.known[rows], bandit.reward[rows])
        found[:, action] = 1.0 / (1.0 + np.exp(-bandit.known @ weights))
    return found


def _logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Newton's method with a small ridge."""
    weights: NDArray[np.float64] = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-x @ weights))
        curvature = (x * (p * (1.0 - p))[:, None]).T @ x + _RIDGE * np.eye(x.shape[1])
        weights = weights + np.linalg.solve(curvature, x.T @ (y - p) - _RIDGE * weights)
    return weights


def _softmax(known: NDArray[np.float64], rng: np.random.Generator, sharpness: float) -> NDArray[np.float64]:
    scores = known @ rng.normal(size=(known.shape[1], len(ACTIONS))) * sharpness / np.sqrt(known.shape[1])
    powers: NDArray[np.float64] = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
