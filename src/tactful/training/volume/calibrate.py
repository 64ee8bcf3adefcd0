"""What everybody's mean response to the budget still lacks, added to a forest as one last tree that asks for k alone.

Boosting with small steps and early stopping takes an effect of k for smaller than it is, above all on a rare outcome:
leaving rose 1.8 times from budget 0 to 10 in a log in which it had risen 2.9 times. Trees tell who differs; the mean
is fitted here, with the forest's margins as the offset, so that the covariates take their part of the noise.
"""

from typing import Final

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from tactful.models.forest import Forest
from tactful.training.volume.grow import Rows

_STEPS: Final = 12
_RIDGE: Final = 1e-3


def with_mean_response(forest: Forest, rows: Rows, rising: bool) -> Forest:
    """Returns the forest with a parabola in k added to its margins, fitted by maximum likelihood.

    `margin'(x, k) = margin(x, k) + b₀ + b₁·k + b₂·k²`: three numbers, so that the noise of single budgets does not
    become a preference for them. If the forest may not fall in k, neither may what is added.

    Args:
        forest: over the columns of `rows`, of which k is the last.
        rows: what it was grown on.
        rising: whether margins may not fall in k.
    """
    k = rows.inputs[:, -1].astype(np.float64)
    budgets = np.arange(int(k.max(initial=0.0)) + 1)
    offset = forest.scores(rows.inputs)
    basis = _powers(k, float(budgets[-1]))
    b = np.zeros(basis.shape[1])
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-(offset + basis @ b)))
        slope = basis.T @ (rows.weight * (rows.label - p)) - _RIDGE * b
        curvature = (basis * (rows.weight * p * (1.0 - p))[:, None]).T @ basis + _RIDGE * np.eye(len(b))
        b = b + np.clip(np.linalg.solve(curvature, slope), -1.0, 1.0)
    added = _powers(budgets.astype(np.float64), float(budgets[-1])) @ b
    if rising:
        people = np.bincount(k.astype(np.int64), rows.weight, minlength=len(budgets))
        added = isotonic_regression(added, weights=people + 1e-9).x
    return _with_tree_on_k(forest, added)


def _powers(k: Float[np.ndarray, " r"], top: float) -> NDArray[np.float64]:
    """1, k and k², scaled to at most 1."""
    share = k / max(top, 1.0)
    return np.stack([np.ones_like(share), share, share**2], axis=1)


def _with_tree_on_k(forest: Forest, added: Float[np.ndarray, " b"]) -> Forest:
    """The forest with one more tree, a chain of splits on the last column: leaf i is for k = i, the last for more."""
    m, leaf, n = len(forest.splits), len(forest.leaves), len(added) - 1
    at = np.arange(n)
    chain = np.stack(
        [np.full(n, forest.n_features - 1), at + 0.5, ~(leaf + at), np.where(at < n - 1, m + at + 1, ~(leaf + n))],
        axis=1,
    ).astype(np.float64)
    root = float(m) if n else float(~leaf)
    return Forest(
        np.concatenate([forest.splits, chain]),
        np.concatenate([forest.leaves, added]),
        np.append(forest.roots, root),
        forest.n_features,
    )
