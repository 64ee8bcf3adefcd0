"""What the allocator is asked, checked once, and what it finds; shared by the files behind `allocate.py`."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float64, Int64, UInt8
from numpy.typing import NDArray

from tactful.errors import InvalidScores

MOST = 255
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Problem:
    """Curves and costs from the least budget on, and the group of each user; contiguous and read-only.

    Attributes:
        value: [budgets, n]; row 0 is the least budget, `k_min`.
        cost: like `value`; [0, 0] where a budget costs its number of sends.
        group: [n]; [1] where there is one group.
        sizes: users in each group.
    """

    value: NDArray[np.floating]
    cost: NDArray[np.floating]
    k_min: int
    group: UInt8[np.ndarray, " users"]
    sizes: Int64[np.ndarray, " g"]

    @property
    def users(self) -> int:
        """Their number."""
        return int(self.value.shape[1])

    @property
    def costs_sends(self) -> bool:
        """Whether a budget costs its number of sends."""
        return len(self.cost) == 0

    @property
    def base(self) -> Float64[np.ndarray, " g"]:
        """What row 0 costs each group where rows are counted as costs: the rest is counted from there."""
        return self.sizes * float(self.k_min if self.costs_sends else 0)

    def refuse_from(self, invalid: int) -> None:
        """Raises `InvalidScores` if a pass met an invalid user, whom it names."""
        if invalid < self.users:
            raise InvalidScores(
                f"got NaN, an infinite number or a falling cost for user {invalid}, "
                "expected finite values, and finite costs >= 0 that do not fall with the budget"
            )


@dataclass(frozen=True)
class Solution:
    """Budgets counted from the least one; by group their cost (beyond `Problem.base`), their worth and the price."""

    budget: UInt8[np.ndarray, " n"]
    spent: Float64[np.ndarray, " g"]
    worth: Float64[np.ndarray, " g"]
    price: Float64[np.ndarray, " g"]


def keys(price: NDArray[np.float64]) -> NDArray[np.int64]:
    """The keys of gains per cost (see `_passes.py`)."""
    return np.ascontiguousarray(price + 0.0).view(np.int64)


def prices(key: NDArray[np.int64]) -> NDArray[np.float64]:
    """The gains per cost that have these keys."""
    return np.ascontiguousarray(key).view(np.float64)


def frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """A contiguous read-only view, of a copy if the array is laid out otherwise: one compiled loop serves all."""
    view = np.ascontiguousarray(array)[...]
    view.flags.writeable = False
    return view
