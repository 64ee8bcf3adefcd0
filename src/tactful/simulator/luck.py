"""The hash draws of `tactful.draws`, compiled: the same luck, inside loops or for a few rows at a time.

Every arm of an experiment meets the same (seed, user, hour, purpose) and so the same luck.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int64, UInt64
from numpy.typing import NDArray

from tactful import draws
from tactful.kernel import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


def uniforms(
    seed: int, user_key: UInt64[np.ndarray, " m"], time: int | Int64[np.ndarray, " m"], purpose: str
) -> Float64[np.ndarray, " m"]:
    """Returns `draws.uniform(seed, user_key, time, purpose)`, bit by bit, at a tenth of the cost for few rows."""
    out = np.empty(len(user_key))
    _fill(out, root(seed, purpose), user_key, np.full(len(user_key), time) if isinstance(time, int) else time)
    return out


@lru_cache(maxsize=1024)
def root(seed: int, purpose: str) -> np.uint64:
    """Returns the word from which all draws of a (seed, purpose) descend."""
    return np.uint64(_mix(np.uint64((seed & 0xFFFFFFFFFFFFFFFF) ^ draws.key("purpose:" + purpose))))


@kernel
def _mix(x: np.uint64) -> np.uint64:
    """The finaliser of SplitMix64 on one word, as in `draws`."""
    x = x + _GOLDEN
    x = (x ^ (x >> _S30)) * _M1
    x = (x ^ (x >> _S27)) * _M2
    return x ^ (x >> _S31)


@kernel
def uniform_of(root: np.uint64, user_key: np.uint64, time: np.int64) -> float:
    """One draw in [0, 1) inside a compiled loop, given root(seed, purpose)."""
    h = _mix(_mix(root ^ user_key) ^ np.uint64(time))
    return np.float64(h >> _S11) * _UNIT


@kernel
def _fill(out: NDArray[np.float64], root: np.uint64, user_key: NDArray[np.uint64], time: NDArray[np.int64]) -> None:
    for i in range(len(out)):
        out[i] = uniform_of(root, user_key[i], time[i])
