"""Corrected p-values, where many arms or metrics are compared: of a hundred comparisons, five pass by luck."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray


def holm(p: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Returns p-values corrected so that any false finding at all has a chance of α at most, whatever their dependence.

    Sorted, `p̃_(i) = max_{j ≤ i} min(1, (n − j + 1)·p_(j))`.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    scaled = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    return _back(np.minimum(scaled, 1.0), order)


def benjamini_hochberg(p: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Returns p-values corrected so that of what is found a share of α at most is false, on average.

    Sorted, `p̃_(i) = min_{j ≥ i} min(1, n·p_(j)/j)`. For independent or positively dependent comparisons, such as arms
    that share a control.

    Source: Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B
    57, 1995.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / (np.arange(len(p)) + 1.0)
    return _back(np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0), order)


def _back(values: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    back = np.empty_like(values)
    back[order] = values
    return back
