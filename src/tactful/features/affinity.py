"""How much of a user's recent behaviour falls in a candidate's category: counts and ages, from the ring."""

from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from tactful.features.content import NEVER_US
from tactful.kernel import kernel


def affinity(
    state: NDArray[Any], category: Int[np.ndarray, "n c"], now_us: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, "n c"], Int[np.ndarray, "n c"]]:
    """Returns, for every category asked about, the user's recent engagements in it and the age of the last.

    Args:
        state: user rows (`history.ROW`), n of them.
        category: categories, -1 for none (count 0).
        now_us: the instant of each row; the age is `content.NEVER_US` where there was none.
    """
    count = np.zeros(category.shape, dtype=np.int64)
    age = np.full(category.shape, NEVER_US, dtype=np.int64)
    if count.size:
        _affinity(state["e_len"], state["e_at"], state["e_category"], category, now_us, count, age)
    return count, age


@kernel
def _affinity(
    e_len: NDArray[Any],
    e_at: NDArray[Any],
    e_category: NDArray[Any],
    category: NDArray[Any],
    now: NDArray[Any],
    count: NDArray[Any],
    age: NDArray[Any],
) -> None:
    for r in range(category.shape[0]):
        for c in range(category.shape[1]):
            wanted = category[r, c]
            if wanted < 0:
                continue
            for j in range(e_len[r]):
                if e_category[r, j] == wanted:
                    count[r, c] += 1
                    age[r, c] = now[r] - e_at[r, j]
