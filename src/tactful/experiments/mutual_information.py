"""How much a behaviour at a position tells of the response: mutual information, the ground truth of TIN's section 2."""

import numpy as np
from jaxtyping import Bool, Float64, Int
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment


def information(
    sign: Bool[np.ndarray, "n m"], label: Bool[np.ndarray, " n"], counted: Bool[np.ndarray, "n m"]
) -> Float64[np.ndarray, " m"]:
    """Returns the mutual information in bits between each of m binary signs and the label, over the counted rows.

    `MI(X, Y) = Σ_x Σ_y p(x, y)·log2(p(x, y) / (p(x)·p(y)))` with shares of the rows for probabilities. It is never
    negative; of n rows without any relation it comes out at about 1 / (2 n ln 2). NaN where no row counts.

    Source: TIN (WWW 2024), equation 1.

    >>> x = np.array([[True], [True], [False], [False]])
    >>> information(x, x[:, 0], np.ones_like(x)).tolist()
    [1.0]
    """
    n = counted.sum(axis=0).astype(np.float64)
    found = np.where(n > 0, 0.0, np.nan)
    for said in (sign & counted, ~sign & counted):
        for truth in (label[:, None] & counted, ~label[:, None] & counted):
            both, one, other = ((rows.sum(axis=0) / np.maximum(n, 1.0)) for rows in (said & truth, said, truth))
            expected = one * other
            found += both * np.log2(np.divide(both, expected, out=np.ones_like(both), where=both > 0))
    return found


def match_information(
    history: Int[np.ndarray, "n L"], target: Int[np.ndarray, " n"], label: Bool[np.ndarray, " n"]
) -> Float64[np.ndarray, " L"]:
    """Returns for each position what it tells of the label that the behaviour there is of the target's category.

    Args:
        history: category of each behaviour, newest first; below 1 there is none, or it is not known.
        target: category of the target.
        label: whether there was a response.
    """
    return information(history == target[:, None], label, history > 0)


def category_information(
    history: Int[np.ndarray, "n L"], label: Bool[np.ndarray, " n"], categories: Int[np.ndarray, " C"]
) -> Float64[np.ndarray, "C L"]:
    """Returns what a behaviour of each category at each position tells of the label: one picture of TIN's Figure 1.

    Args:
        history: as in `match_information`, of the rows whose target is of one category.
        label: whether there was a response.
        categories: the rows of the picture.
    """
    return np.stack([information(history == category, label, history > 0) for category in categories])


def pearson(truth: Float64[np.ndarray, " m"], learned: Float64[np.ndarray, " m"]) -> float:
    """Returns the correlation coefficient of two curves, over the places where both are finite.

    Raises:
        InvalidExperiment: for fewer than three places, or a curve that is constant.
    """
    both: NDArray[np.bool_] = np.isfinite(truth) & np.isfinite(learned)
    if both.sum() < 3 or np.ptp(truth[both]) == 0 or np.ptp(learned[both]) == 0:
        raise InvalidExperiment(f"got {both.sum()} places where both curves are known, or a constant curve; need 3")
    return float(np.corrcoef(truth[both], learned[both])[0, 1])
