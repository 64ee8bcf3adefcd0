"""Vocabularies: which raw ids a model knows, numbered without gaps. Whatever it never met in training is id 0."""

import numpy as np
from jaxtyping import Int, Int32


def vocabulary(
    raw: Int[np.ndarray, "n F"], met: Int[np.ndarray, " n"], fewest: int = 2
) -> tuple[Int32[np.ndarray, "n F"], tuple[int, ...]]:
    """Returns each field's ids as 1, 2, ... in the order of the raw ones, 0 for the unknown, and the fields' sizes.

    Args:
        raw: ids of n items (or of n samples) in F fields; a negative id is *not known*.
        met: how often each row was met in training, 0 for one that only validation or test holds.
        fewest: an id that was met less often becomes 0. With 2, ids met once teach the model what 0 is worth; with 1
            nothing in training is unknown, and 0 keeps its random weights.

    Returns:
        The ids, and for each field how many there are, 0 included.

    >>> ids, sizes = vocabulary(np.array([[7, 5], [9, 5], [8, -1]]), np.array([2, 2, 0]))
    >>> ids.tolist(), sizes
    ([[1, 1], [2, 1], [0, 0]], (3, 2))
    """
    ids = np.zeros(raw.shape, dtype=np.int32)
    sizes = []
    for field, column in enumerate(raw.T):
        values, place = np.unique(column, return_inverse=True)
        often = np.bincount(place, met, minlength=len(values)) >= max(fewest, 1)
        number = np.where(often & (values >= 0), np.cumsum(often & (values >= 0)), 0)
        ids[:, field] = number[place]
        sizes.append(int(number.max(initial=0)) + 1)
    return ids, tuple(sizes)
