"""Unsigned 64-bit keys as the signed integers SQLite holds: key - 2**63, so that both sort alike."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int64

_HALF = 1 << 63


def signed(key: int) -> int:
    """Returns the stored form of a key, 0 .. 2**64 - 1.

    >>> signed(0) < signed(1) < signed(2**64 - 1)
    True
    """
    return key - _HALF


def unsigned(stored: int) -> int:
    """Returns the key of a stored form.

    >>> unsigned(signed(2**64 - 1)) == 2**64 - 1
    True
    """
    return stored + _HALF


def signed_column(keys: Iterable[int]) -> Int64[np.ndarray, " n"]:
    """Returns the stored forms of many keys.

    Raises:
        OverflowError: for a key outside 0 .. 2**64 - 1.

    >>> signed_column([0, 2**63]).tolist() == [-(2**63), 0]
    True
    """
    return (np.array(list(keys), dtype=np.uint64) ^ np.uint64(_HALF)).view(np.int64)
