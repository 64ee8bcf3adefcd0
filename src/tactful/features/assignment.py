"""Budgets that were assigned to many users, as columns, and how they are folded into the rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, UInt
from numpy.typing import NDArray

from tactful.kernel import kernel


@dataclass(frozen=True)
class BudgetRows:
    """Assigned budgets as columns, one row each: user's row, when it was accepted, messages a week, content's hash."""

    row: Int[np.ndarray, " m"]
    log_us: Int[np.ndarray, " m"]
    k: Int[np.ndarray, " m"]
    hash: UInt[np.ndarray, " m"]

    @classmethod
    def none(cls) -> "BudgetRows":
        """Returns no budgets."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, nothing, nothing, np.zeros(0, dtype=np.uint64))


def assign(table: NDArray[Any], budgets: BudgetRows) -> None:
    """Folds budgets into the rows: of all that a user was given, the last by (log time, content) stands.

    In force is what the next plan of her day makes of it.

    Args:
        table: user rows; changed in place.
        budgets: in any order.
    """
    if len(budgets.row):
        _assign(
            table["k"], table["k_log"], table["k_hash"], budgets.row, budgets.log_us, budgets.k, budgets.hash
        )  # fmt: skip


@kernel
def _assign(
    k: NDArray[Any], k_log: NDArray[Any], k_hash: NDArray[Any], rows: NDArray[Any], log: NDArray[Any],
    budget: NDArray[Any], content: NDArray[Any],
) -> None:  # fmt: skip
    for i in range(len(rows)):
        r = rows[i]
        if log[i] > k_log[r] or (log[i] == k_log[r] and content[i] > k_hash[r]):
            k[r], k_log[r], k_hash[r] = budget[i], log[i], content[i]
