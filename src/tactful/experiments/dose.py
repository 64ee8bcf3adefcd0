"""What each dose, such as the number of messages, does to an outcome: curve and slope, from random or observed doses.

`contributions` gives every user a row whose column means are the curve: the naive means, inverse propensities (IPW) and
the doubly robust estimator (DR) are the same formula with other arguments. `curve` and `slope` put intervals around it.
`regression` is least squares on doses and covariates. One row is one user, so repeated sends cannot narrow an interval.

Not here: models of outcome and propensity. They are handed in, cross-fitted, else the intervals are too narrow.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments.distributions import normal_quantile
from tactful.experiments.stats import Interval, ratio


def contributions(
    dose: Int[np.ndarray, " n"],
    outcome: Float[np.ndarray, " n"],
    probability: Float[np.ndarray, " n"],
    predicted: Float[np.ndarray, "n doses"] | None = None,
    *,
    doses: int | None = None,
) -> Float[np.ndarray, "n doses"]:
    """Returns each user's contribution to the mean outcome at every dose, were all users given it.

    `φ_k = f_k(x) + 1{D = k}·w·(Y − f_k(x)) / mean(1{D = k}·w)` with `w = 1/π(D|x)`: weights are normalised within a
    dose. Without a prediction, f_k is the weighted mean outcome at dose k: that is IPW, and with equal probabilities
    the naive mean. The mean is right if either f or π is; without f, only if π is. A dose that nobody received has
    the prediction alone, or NaN without one.

    Args:
        dose: what each user received, 0, 1, ...
        outcome: Y, finite.
        probability: π(D|x), the chance of the dose she received, given her covariates; a factor that is the same for
            all users of a dose does not matter.
        predicted: f, the outcome predicted for every dose, from a model that did not see the user.
        doses: number of columns, if there is no prediction (default: the largest dose + 1).

    Raises:
        InvalidExperiment: for a dose outside the columns, a probability that is not positive, or an outcome that is
            not finite.

    Source: Robins, Rotnitzky and Zhao, "Estimation of regression coefficients when some regressors are not always
    observed", Journal of the American Statistical Association, 1994.

    >>> one_each = contributions(np.array([0, 0, 1]), np.array([1.0, 3.0, 5.0]), np.ones(3))
    >>> one_each.mean(axis=0).tolist()
    [2.0, 5.0]
    """
    columns = predicted.shape[1] if predicted is not None else int(dose.max()) + 1 if doses is None else doses
    if dose.min() < 0 or dose.max() >= columns:
        raise InvalidExperiment(f"got doses from {dose.min()} to {dose.max()}, expected 0 to {columns - 1}")
    if not (probability > 0.0).all():
        raise InvalidExperiment(f"got a probability of {probability.min()} for a dose that was received; clip it")
    if not np.isfinite(outcome).all():
        raise InvalidExperiment(f"got {np.sum(~np.isfinite(outcome))} outcomes that are not finite; leave them out")
    weight = 1.0 / probability
    total = np.bincount(dose, weight, columns)
    if predicted is None:
        means = np.bincount(dose, weight * outcome, columns) / np.where(total > 0.0, total, np.nan)
        predicted = np.broadcast_to(means, (len(dose), columns))
    terms = predicted.copy()
    rows = np.arange(len(dose))
    terms[rows, dose] += weight * (outcome - predicted[rows, dose]) * len(dose) / total[dose]
    return terms


def curve(terms: Float[np.ndarray, "n doses"], level: float = 0.95) -> list[Interval]:
    """Returns the mean outcome at every dose, from `contributions`, or from predictions alone (the g-formula).

    The interval of a g-formula knows the users' spread but not the model's error: it is too narrow.

    Raises:
        InvalidExperiment: for fewer than two users.
    """
    return [_mean(column, level) for column in terms.T]


def slope(terms: Float[np.ndarray, "n doses"], share: Float[np.ndarray, " doses"], level: float = 0.95) -> Interval:
    """Returns the outcome gained a unit of dose: the straight line through the curve, doses weighted by their shares.

    `β = Σ_k c_k·m_k` with c from `line`. With naive contributions and the observed shares it is the least squares
    slope. Doses of share 0 are left out, so a dose that nobody received may be.

    Raises:
        InvalidExperiment: for shares on fewer than two doses, or on one that has no estimate.
    """
    used = share > 0.0
    if not np.isfinite(terms[:, used]).all():
        raise InvalidExperiment("got a share for a dose that nobody received; set it to 0 or predict that dose")
    return _mean(terms[:, used] @ line(share)[used], level)


def line(share: Float[np.ndarray, " doses"]) -> Float[np.ndarray, " doses"]:
    """Returns what each point of a curve counts in its slope: `c_k = s_k·(k − k̄) / Σ_j s_j·(j − k̄)²`.

    Raises:
        InvalidExperiment: for shares on fewer than two doses.

    >>> line(np.array([0.5, 0.5])).tolist()
    [-1.0, 1.0]
    """
    if (share > 0.0).sum() < 2:
        raise InvalidExperiment(f"got shares on {(share > 0.0).sum()} dose(s), expected at least 2 to draw a line")
    k = np.arange(len(share), dtype=np.float64)
    weighted = share * (k - float((share * k).sum() / share.sum()))
    coefficient: NDArray[np.float64] = weighted / float((weighted * k).sum())
    return coefficient


def regression(
    doses: Float[np.ndarray, "n m"],
    outcome: Float[np.ndarray, " n"],
    covariates: Float[np.ndarray, "n f"] | None = None,
    level: float = 0.95,
) -> list[Interval]:
    """Returns the least squares coefficients of m doses, next to a constant and covariates, one interval each.

    With one column, the slope; with a 0/1 column a send day, the contrast within each day. Errors are robust to unequal
    variance (White's HC1); covariates that repeat each other do no harm.

    Raises:
        InvalidExperiment: for fewer users than columns, or doses that are a combination of the other columns.
    """
    n, m = doses.shape
    others = np.ones((n, 1)) if covariates is None else np.column_stack([np.ones(n), covariates])
    if n <= m + others.shape[1]:
        raise InvalidExperiment(f"got {n} users for {m + others.shape[1]} columns, expected more users")
    rest = doses - others @ np.linalg.lstsq(others, doses, rcond=None)[0]
    if np.linalg.svd(rest, compute_uv=False)[-1] <= 1e-8 * np.linalg.norm(doses):
        raise InvalidExperiment("got doses that are a combination of the covariates; drop the covariate that says them")
    inverse = np.linalg.inv(rest.T @ rest)
    value = inverse @ (rest.T @ outcome)
    unexplained = outcome - others @ np.linalg.lstsq(others, outcome, rcond=None)[0] - rest @ value
    score = (rest * unexplained[:, None]) @ inverse
    factor = n / (n - m - others.shape[1])
    half = normal_quantile((1.0 + level) / 2.0) * np.sqrt(factor * (score**2).sum(axis=0))
    return [Interval(float(v), float(v - h), float(v + h)) for v, h in zip(value, half, strict=True)]


def _mean(terms: NDArray[np.float64], level: float) -> Interval:
    return ratio(terms, np.ones(len(terms)), level)
