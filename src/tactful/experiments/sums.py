"""What an experiment must remember of its users: per arm their number, their means and how these spread.

Everything in `effects` is computed from `Sums` alone. Two parts of a population (days, shards, machines) are merged by
`merged`, so no row is read twice; a linear change of the metrics (`changed`) is one of the sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment


@dataclass(frozen=True, eq=False)
class Sums:
    """The sufficient statistics of m metrics in each arm, users being independent.

    Deviation: `Σx` and `Σxxᵀ` are kept as the mean and as the scatter around it, which says the same and does not lose
    digits where a mean is large beside its spread.

    Attributes:
        n: users of each arm.
        mean: of each metric, 0 in an arm without users.
        scatter: `Σ (x − x̄)(x − x̄)ᵀ` of each arm.
    """

    n: Int64[np.ndarray, " arms"]
    mean: Float64[np.ndarray, "arms m"]
    scatter: Float64[np.ndarray, "arms m m"]

    def __getitem__(self, arms: slice) -> "Sums":
        """Returns some arms."""
        return Sums(self.n[arms], self.mean[arms], self.scatter[arms])

    def total(self) -> Float64[np.ndarray, "arms m"]:
        """Returns `Σx` of each arm."""
        summed: NDArray[np.float64] = self.mean * self.n[:, None]
        return summed

    def variance(self, metric: int) -> Float64[np.ndarray, " arms"]:
        """Returns the sample variance of a metric in each arm (divided by n − 1)."""
        return self.covariance(metric, metric)

    def covariance(self, first: int, second: int) -> Float64[np.ndarray, " arms"]:
        """Returns the sample covariance of two metrics in each arm.

        Raises:
            InvalidExperiment: an arm has fewer than two users.
        """
        if len(self.n) == 0 or self.n.min() < 2:
            raise InvalidExperiment(
                f"got {self.n.min(initial=0)} user(s) in an arm, expected at least 2 to know the spread"
            )
        spread: NDArray[np.float64] = self.scatter[:, first, second] / (self.n - 1)
        return spread

    def changed(self, by: Float64[np.ndarray, "k m"], plus: Float64[np.ndarray, " k"]) -> "Sums":
        """Returns the sums of k other metrics `A·x + b`, as if they had been counted from the users."""
        scatter = np.einsum("km,amj,lj->akl", by, self.scatter, by, optimize=True)
        return Sums(self.n, self.mean @ by.T + plus * (self.n > 0)[:, None], scatter)


def sums_of(rows: Float64[np.ndarray, "n m"], arm: Int64[np.ndarray, " n"], arms: int) -> Sums:
    """Returns the sums of users' metrics.

    Args:
        rows: one row a user; a NaN makes its arm's sums of that metric NaN.
        arm: of each user; users below 0 (`assign.OUTSIDE`) are left out.
        arms: how many there are.

    Raises:
        InvalidExperiment: an arm beyond the last one.

    >>> sums_of(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1]), 2).mean.tolist()
    [[2.0], [5.0]]
    """
    if arm.size and arm.max() >= arms:
        raise InvalidExperiment(f"got arm {arm.max()}, expected 0 to {arms - 1}, or below 0 for users outside")
    inside = arm >= 0
    rows, arm = (rows, arm) if inside.all() else (rows[inside], arm[inside])
    m = rows.shape[1]
    n = np.bincount(arm, minlength=arms).astype(np.int64)
    columns = [np.bincount(arm, rows[:, j], arms) / np.maximum(n, 1) for j in range(m)]
    mean = np.stack(columns, axis=1) if m else np.zeros((arms, 0))
    centred = rows - mean[arm]
    scatter = np.empty((arms, m, m))
    for i in range(m):
        for j in range(i + 1):
            scatter[:, i, j] = scatter[:, j, i] = np.bincount(arm, centred[:, i] * centred[:, j], arms)
    return Sums(n, mean, scatter)


def merged(parts: Sequence[Sums]) -> Sums:
    """Returns the sums of several disjoint sets of users.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
    COMPSTAT 1982: the means' own scatter around the common mean is added to that of the parts.

    Raises:
        InvalidExperiment: no part, or parts of different arms or metrics.
    """
    if len({part.mean.shape for part in parts}) != 1:
        raise InvalidExperiment(
            f"got {len(parts)} parts of (arms, metrics) {sorted({part.mean.shape for part in parts})}, "
            "expected one part or more, all alike"
        )
    n = np.stack([part.n for part in parts])
    means = np.stack([part.mean for part in parts])
    together = n.sum(axis=0)
    mean = np.einsum("pa,pam->am", n, means) / np.maximum(together, 1)[:, None]
    apart = means - mean
    between = np.einsum("pa,pam,paj->amj", n.astype(np.float64), apart, apart, optimize=True)
    return Sums(together, mean, sum((part.scatter for part in parts), between))


def stratified(strata: Sequence[Sums], weight: Float64[np.ndarray, " strata"]) -> Sums:
    """Returns sums whose means are those that every arm would have, were all strata as large in it as `weight` says.

    `x̄_a = Σ_s W_s·x̄_as` with the variance `Σ_s W_s²·s²_as/n_as`, as of post-stratification: where arms grew at other
    times, people who came late are compared with people who came late, and no arm has more of them.

    Args:
        strata: disjoint sets of users, with two or more in every arm.
        weight: W, the share of each; they are made to sum to one.

    Raises:
        InvalidExperiment: as `merged`; a stratum with fewer than two users in an arm, or without weight.

    >>> arm = np.array([0, 0, 1, 1])
    >>> early, late = (sums_of(np.array(x)[:, None], arm, 2) for x in ([4.0, 6, 5, 7], [1.0, 1, 2, 2]))
    >>> stratified([early, late], np.array([0.5, 0.5])).mean[:, 0].tolist()
    [3.0, 4.0]
    """
    together = merged(strata)
    few = min((int(one.n.min()) for one in strata), default=0)
    if few < 2 or weight.min() <= 0.0:
        raise InvalidExperiment(
            f"got {few} user(s) in an arm of a stratum and weights {weight.tolist()}, expected 2 or more and weights "
            "above 0; leave out who is compared with nobody"
        )
    share = weight / weight.sum()
    mean = sum((w * one.mean for w, one in zip(share.tolist(), strata, strict=True)), np.zeros_like(together.mean))
    error = np.zeros_like(together.scatter)
    for w, one in zip(share.tolist(), strata, strict=True):
        error += w**2 * one.scatter / (one.n * (one.n - 1.0))[:, None, None]
    return Sums(together.n, mean, error * (together.n * (together.n - 1.0))[:, None, None])
