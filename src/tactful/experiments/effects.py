"""What arms do to metrics, from `Sums`: differences of means and of ratios, relative lifts, and CUPED.

Each function compares arms pairwise: `treated` has one row an arm, `control` as many, or one for all. The p-values are
two-sided; intervals are confidence intervals for one look, at a time that was fixed before (`sequential` has those that
hold at every look).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments.distributions import student_quantile, student_tail
from tactful.experiments.interval import Interval
from tactful.experiments.sums import Sums


class Effects(NamedTuple):
    """Estimated differences, one an arm, their standard errors, and the degrees of freedom of these (inf: normal)."""

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    degrees: NDArray[np.float64]

    def intervals(self, level: float = 0.95) -> list[Interval]:
        """Returns the confidence interval of each."""
        quantiles = [student_quantile((1.0 + level) / 2.0, float(d)) for d in self.degrees]
        half = np.array(quantiles) * self.error
        ends = np.stack([self.value, self.value - half, self.value + half], axis=1)
        return [Interval(*row) for row in ends.tolist()]

    def p(self) -> Float[np.ndarray, " arms"]:
        """Returns the p-value of each against "no difference"; 1 where both arms are constant and equal."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.nan_to_num(np.abs(self.value) / self.error, nan=0.0, posinf=np.inf)
        return np.array([2.0 * student_tail(float(x), float(d)) for x, d in zip(t, self.degrees, strict=True)])


def mean_difference(treated: Sums, control: Sums, metric: int) -> Effects:
    """Returns the differences of a metric's means a user, with Welch's degrees of freedom.

    `Var = s_t²/n_t + s_c²/n_c`, `d = Var² / (s_t⁴/(n_t²(n_t − 1)) + s_c⁴/(n_c²(n_c − 1)))`.

    Source: Welch, "The generalization of Student's problem when several different population variances are involved",
    Biometrika 34, 1947.

    Raises:
        InvalidExperiment: for an arm with fewer than two users.
    """
    own, other = treated.variance(metric) / treated.n, control.variance(metric) / control.n
    spread = own**2 / (treated.n - 1) + other**2 / (control.n - 1)
    degrees = np.where(spread > 0.0, (own + other) ** 2 / np.where(spread > 0.0, spread, 1.0), np.inf)
    return Effects(treated.mean[:, metric] - control.mean[:, metric], np.sqrt(own + other), degrees)


def ratio_difference(treated: Sums, control: Sums, numerator: int, denominator: int) -> Effects:
    """Returns the differences of `Σy / Σx`, such as clicks a send, by the delta method.

    `Var(Σy/Σx) ≈ (s_y² − 2R·s_xy + R²·s_x²) / (n·x̄²)`. The user is the unit, for the sends of one user are alike.

    Source: Deng, Knoblich and Lu, "Applying the delta method in metric analytics", KDD 2018.

    Raises:
        InvalidExperiment: for an arm with fewer than two users, or a denominator that sums to 0.
    """
    own, own_variance = ratios(treated, numerator, denominator)
    other, other_variance = ratios(control, numerator, denominator)
    return _normal(own - other, own_variance + other_variance)


def ratios(
    sums: Sums, numerator: int, denominator: int
) -> tuple[Float[np.ndarray, " arms"], Float[np.ndarray, " arms"]]:
    """Returns `Σy / Σx` of each arm and the variance of that (delta method).

    Raises:
        InvalidExperiment: as `ratio_difference`.
    """
    x, y = sums.mean[:, denominator], sums.mean[:, numerator]
    spread_x, spread_y = sums.variance(denominator), sums.variance(numerator)
    if not x.all():
        raise InvalidExperiment("got a ratio whose denominator sums to 0; there is nothing to divide by")
    value = y / x
    rest = spread_y - 2.0 * value * sums.covariance(numerator, denominator) + value**2 * spread_x
    return value, np.maximum(rest, 0.0) / (sums.n * x**2)


def relative_lift(treated: Sums, control: Sums, metric: int) -> Effects:
    """Returns `x̄_t / x̄_c − 1` of a metric's means a user, by the delta method: .02 is 2 % more.

    `Var ≈ s_t²/(n_t·x̄_c²) + x̄_t²·s_c²/(n_c·x̄_c⁴)`. For a control whose mean is within some three standard errors of 0
    a relative lift says little; look at the difference.

    Raises:
        InvalidExperiment: for an arm with fewer than two users, or a control whose mean is 0.
    """
    own, other = treated.variance(metric) / treated.n, control.variance(metric) / control.n
    return _lift(treated.mean[:, metric], own, control.mean[:, metric], other)


def relative_ratio_lift(treated: Sums, control: Sums, numerator: int, denominator: int) -> Effects:
    """Returns `R_t / R_c − 1` of ratios `Σy / Σx`, such as clicks a send, by the delta method.

    Raises:
        InvalidExperiment: as `ratio_difference`, and for a control whose ratio is 0.
    """
    return _lift(*ratios(treated, numerator, denominator), *ratios(control, numerator, denominator))


def cuped(sums: Sums, covariates: Sequence[int]) -> Sums:
    """Returns the sums of all metrics with what pre-period covariates foretell of them taken out.

    `y − θᵀ(x − x̄)` with `θ = S_xx⁻¹ S_xy`, one θ for all arms from the scatter within them, and x̄ the mean over all
    users: the difference of means is then the coefficient of a regression on arm and covariates. The metrics keep
    their level and their places; covariates that say nothing new, or are constant, do no harm.

    Source: Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data", WSDM 2013.

    Args:
        sums: of metrics and covariates.
        covariates: columns that were counted before the experiment began; nothing that an arm can have touched.
    """
    x = list(covariates)
    within = sums.scatter.sum(axis=0)
    scale = np.sqrt(np.diag(within)[x])
    scale[scale == 0.0] = 1.0
    theta = np.linalg.pinv(within[np.ix_(x, x)] / np.outer(scale, scale), rcond=1e-10, hermitian=True)
    theta = (theta @ (within[x] / scale[:, None])) / scale[:, None]
    theta[:, x] = 0.0
    by = np.eye(len(within))
    by[:, x] -= theta.T
    overall = sums.total().sum(axis=0) / max(int(sums.n.sum()), 1)
    return sums.changed(by, theta.T @ overall[x])


def _lift(
    own: NDArray[np.float64],
    own_variance: NDArray[np.float64],
    base: NDArray[np.float64],
    base_variance: NDArray[np.float64],
) -> Effects:
    if not base.all():
        raise InvalidExperiment("got a relative lift over a control whose mean is 0; there is nothing to divide by")
    share = own / base
    return _normal(share - 1.0, (own_variance + share**2 * base_variance) / base**2)


def _normal(value: NDArray[np.float64], variance: NDArray[np.float64]) -> Effects:
    return Effects(value, np.sqrt(variance), np.full(len(value), np.inf))
