"""A forest of threshold trees that scores every weekly budget of a user in one walk down each tree.

Here: the arrays of the forest, their checks, and the two walks. Not here: how a forest is grown (`training/`),
how one is read from LightGBM (`lightgbm_text.py`), and what its margins mean (`volume_response.py`).
"""

import numba
import numpy as np
from jaxtyping import Float, Float32, Float64
from numpy.typing import NDArray

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.kernel import at_most_threads, kernel, parallel_kernel

_HEADROOM_BITS = 61  # of 63: a fixed-point sum and the difference of two of them stay inside int64

_BLOCK, _TREES = 1024, 4  # measured: 40 columns of a block (160 KB) and its sums stay in L2, four trees in L1
_ABREAST = 64  # rows that go down a tree together, level by level: their steps do not wait for each other
_NO_KEY_ABOVE = np.iinfo(np.int32).max


class Forest:
    """The sum of many trees: at each split a row goes left if its feature is at most the threshold.

    Leaf values are summed in fixed point (int64 at the largest scale that cannot overflow, finer than 1e-12 of
    the largest margin): sums are the same in any order, budgets with equal leaves get equal bits, and trees
    that are monotone in k stay so exactly.
    """

    def __init__(
        self,
        splits: Float[np.ndarray, "m 4"],
        leaves: Float[np.ndarray, " l"],
        roots: Float[np.ndarray, " trees"],
        n_features: int,
    ) -> None:
        """Takes the trees as arrays of float64, which is how models are saved.

        Args:
            splits: feature, threshold, left child, right child. A child >= 0 is a row of `splits`, further down
                than its parent; a child c < 0 is the leaf ~c.
            leaves: value of each leaf, a margin.
            roots: where each tree starts, written like a child; a tree may be a single leaf.
            n_features: columns of a row that is scored, k included.

        Raises:
            InvalidModel: for nodes, leaves or features out of range, loops, or values that are not finite.
        """
        self.splits, self.leaves, self.roots = (np.array(a, dtype=np.float64) for a in (splits, leaves, roots))
        self.n_features = int(n_features)
        self._check()
        widest = max(float(np.abs(self.leaves).max(initial=0.0)) * len(self.roots), 2.0**-60)
        self._scale = 2.0 ** (_HEADROOM_BITS - int(np.ceil(np.log2(widest))))
        self._fixed = np.rint(self.leaves * self._scale).astype(np.int64)
        self._starts = self.roots.astype(np.int64)
        self._nodes = np.column_stack(
            [self.splits[:, 0], _ordered_bits(_at_most(self.splits[:, 1])), self.splits[:, 2:]]
        ).astype(np.int32)
        self._levels = _with_leaves(self._nodes, len(self.leaves))
        self._depths = _depths(self._nodes, self._starts)

    def scores(self, features: Float32[np.ndarray, "n f"]) -> Float64[np.ndarray, " n"]:
        """Returns the margin of every row: LightGBM's raw score, to rounding.

        Raises:
            InvalidFeatures: for NaN, or another number of columns than the forest has.
        """
        self._check_features(features, self.n_features)
        out = np.empty(len(features))
        tops = np.where(self._starts < 0, len(self.splits) + ~self._starts, self._starts)
        _score(_ordered_bits(features), self._levels, tops, self._depths, self._fixed, self._scale, out)
        return out

    def over_budgets(
        self, features: Float32[np.ndarray, "n f"], k_feature: int, k_max: int
    ) -> Float32[np.ndarray, "b n"]:
        """Returns the margin of every weekly budget 0..k_max for every row, budgets first; b = k_max + 1.

        Each tree is gone down once with the interval of budgets that are still together. It is cut in two only
        at splits on k; a leaf adds its value where its interval begins and takes it back where it ends, and one
        running sum over the budgets gives all margins. Rows go in blocks, each block through a few trees at a
        time, so that both stay in the processor's cache.

        Args:
            features: all columns but k, or all columns, of which k's is not read (left out only if it is last).
            k_feature: the column of k.
            k_max: largest weekly budget, >= 0.

        Raises:
            InvalidFeatures: for NaN, or another number of columns than the forest has.
        """
        if not (0 <= k_feature < self.n_features and k_max >= 0):
            raise InvalidFeatures(
                f"got k_feature {k_feature} and k_max {k_max}, expected a column below {self.n_features} and k_max >= 0"
            )
        without_k = k_feature == self.n_features - 1 and features.shape[1] == k_feature
        self._check_features(features, self.n_features - without_k)
        on_k = self.splits[:, 0] == k_feature
        nodes = self._nodes.copy()
        nodes[on_k, 0] = -1
        nodes[on_k, 1] = np.clip(np.floor(self.splits[on_k, 1]), -1, k_max)
        out = np.empty((k_max + 1, len(features)), dtype=np.float32)
        bits = np.ascontiguousarray(features).view(np.int32)
        with at_most_threads(-(-len(features) // _BLOCK)):
            _over_budgets(bits, nodes, self._starts, self._fixed, self._scale, out)
        return out

    def _check(self) -> None:
        n_splits, n_leaves = len(self.splits), len(self.leaves)
        children, numbers = self.splits[:, 2:], np.arange(n_splits)[:, None]
        pointers = np.concatenate([children.ravel(), self.roots])
        sound = (
            all(np.all(np.isfinite(a)) for a in (self.leaves, pointers, self.splits[:, 0]))
            and not np.any(np.isnan(self.splits[:, 1]))
            and np.all((self.splits[:, 0] >= 0) & (self.splits[:, 0] < self.n_features))
            and np.all((pointers < n_splits) & (pointers >= -n_leaves))
            and np.all((children < 0) | (children > numbers))
        )
        if not sound:
            raise InvalidModel(
                f"got a forest of {n_splits} splits and {n_leaves} leaves that point outside of it, upwards, to a "
                f"feature beyond {self.n_features}, or are not numbers; read or train it again"
            )

    def _check_features(self, features: NDArray[np.float32], expected: int) -> None:
        if features.shape[1] != expected:
            raise InvalidFeatures(f"got rows of {features.shape[1]} features, expected the forest's {expected}")
        refuse_nan(features)


def refuse_nan(features: Float32[np.ndarray, "n f"]) -> None:
    """Passes if every feature is a number.

    Raises:
        InvalidFeatures: with the number of rows that hold NaN, and the first of them.
    """
    if np.isnan(features.min(initial=0.0)):
        rows = np.flatnonzero(np.isnan(features).any(axis=1))
        raise InvalidFeatures(
            f"got NaN in {len(rows)} of {len(features)} rows (first: row {rows[0]}), expected numbers; "
            "make the features with features.volume, which has a value for every empty history"
        )


def _at_most(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above: for a float32 x, `x <= threshold` keeps its truth."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > threshold, below, near).astype(np.float32)


def _ordered_bits(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Float32 as integers of the same order, so that a node is four integers side by side."""
    bits = (np.ascontiguousarray(values) + np.float32(0.0)).view(np.int32)  # -0.0 becomes 0.0
    return bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))


def _with_leaves(nodes: NDArray[np.int32], n_leaves: int) -> NDArray[np.int32]:
    """The nodes, and below them each leaf as a node that leads to itself: a walk may go on at the bottom."""
    n_splits = len(nodes)
    leaf = np.arange(n_splits, n_splits + n_leaves)
    table = np.concatenate(
        [nodes, np.column_stack([np.zeros_like(leaf), np.full_like(leaf, _NO_KEY_ABOVE), leaf, leaf])]
    ).astype(np.int32)
    children = table[:n_splits, 2:]
    table[:n_splits, 2:] = np.where(children < 0, n_splits + ~children, children)
    return table


def _depths(nodes: NDArray[np.int32], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of splits on the longest way down each tree."""
    below = np.zeros(len(nodes) + 1, dtype=np.int64)  # the last stands for every leaf
    for node in range(len(nodes) - 1, -1, -1):
        below[node] = 1 + below[np.maximum(nodes[node, 2:], -1)].max()
    return below[np.maximum(starts, -1)]


@kernel
def _score(
    keys: NDArray[np.int32],
    nodes: NDArray[np.int32],
    tops: NDArray[np.int64],
    depths: NDArray[np.int64],
    leaves: NDArray[np.int64],
    scale: float,
    out: NDArray[np.float64],
) -> None:
    n_splits = len(nodes) - len(leaves)
    at, totals = np.empty(_ABREAST, np.int64), np.empty(_ABREAST, np.int64)
    for first in range(0, len(keys), _ABREAST):
        rows = min(_ABREAST, len(keys) - first)
        totals[:] = 0
        for tree in range(len(tops)):
            at[:] = tops[tree]
            for _ in range(depths[tree]):
                for i in range(rows):
                    node = at[i]
                    at[i] = nodes[node, 2 + (keys[first + i, nodes[node, 0]] > nodes[node, 1])]
            for i in range(rows):
                totals[i] += leaves[at[i] - n_splits]
        for i in range(rows):
            out[first + i] = totals[i] / scale


@parallel_kernel
def _over_budgets(
    bits: NDArray[np.int32],
    nodes: NDArray[np.int32],
    starts: NDArray[np.int64],
    leaves: NDArray[np.int64],
    scale: float,
    out: NDArray[np.float32],
) -> None:
    n, n_columns = bits.shape
    n_budgets = len(out)
    for part in numba.prange((n + _BLOCK - 1) // _BLOCK):
        first = part * _BLOCK
        rows = min(_BLOCK, n - first)
        keys = np.empty((rows, n_columns), np.int32)
        for i in range(rows):
            for j in range(n_columns):
                x = bits[first + i, j]
                x = np.int32(0) if x == np.int32(-2147483648) else x
                keys[i, j] = x ^ ((x >> 31) & np.int32(0x7FFFFFFF))
        steps = np.zeros((rows, n_budgets + 1), np.int64)
        waiting = np.empty((n_budgets, 3), np.int64)  # intervals are disjoint: never more than budgets
        for tree in range(0, len(starts), _TREES):
            for i in range(rows):
                for t in range(tree, min(tree + _TREES, len(starts))):
                    waiting[0, 0], waiting[0, 1], waiting[0, 2] = starts[t], 0, n_budgets - 1
                    n_waiting = 1
                    while n_waiting > 0:
                        n_waiting -= 1
                        node, low, high = waiting[n_waiting, 0], waiting[n_waiting, 1], waiting[n_waiting, 2]
                        while node >= 0:
                            feature, threshold = nodes[node, 0], nodes[node, 1]
                            if feature >= 0:
                                node = nodes[node, 2 + (keys[i, feature] > threshold)]
                            elif high <= threshold:
                                node = nodes[node, 2]
                            elif low > threshold:
                                node = nodes[node, 3]
                            else:
                                waiting[n_waiting, 0] = nodes[node, 3]
                                waiting[n_waiting, 1], waiting[n_waiting, 2] = threshold + 1, high
                                n_waiting += 1
                                node, high = nodes[node, 2], threshold
                        steps[i, low] += leaves[~node]
                        steps[i, high + 1] -= leaves[~node]
        for i in range(rows):
            total = np.int64(0)
            for k in range(n_budgets):
                total += steps[i, k]
                out[k, first + i] = total / scale
