"""Random draws as hashes: the outcome depends on (seed, user, time, purpose), never on a generator's position.

The scalar and the array form are one function, so a decision made for one user equals the same decision made
in a batch of a million.

Source: the finaliser is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014).
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tactful.kernel import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_EMPTY = blake2b(digest_size=8)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


def key(text: str | bytes) -> int:
    """Returns the 64-bit key of an identifier (0 .. 2**64 - 1), the same on every machine.

    >>> key("user-1") == key(b"user-1")
    True
    """
    state = _EMPTY.copy()  # cheaper than to read what a new one is to be
    state.update(text.encode() if isinstance(text, str) else text)
    return int.from_bytes(state.digest(), "little")


def keys(prefix: str, numbers: Iterable[int]) -> NDArray[np.uint64]:
    """Returns the key of prefix + number for each number: `key` of many ids at once.

    >>> int(keys("c", [3, 14])[1]) == key("c14")
    True
    """
    start = blake2b(prefix.encode(), digest_size=8)
    digests = bytearray()
    for number in numbers:
        state = start.copy()
        state.update(b"%d" % number)
        digests += state.digest()
    return np.frombuffer(bytes(digests), dtype="<u8").astype(np.uint64)


@lru_cache(maxsize=1024)
def _start(seed: int, purpose: str) -> np.uint64:
    """The part of a hash that all users and instants share."""
    return np.uint64(_mix(_as_u64(seed)[0] ^ np.uint64(key("purpose:" + purpose))))


@kernel
def _mix(x: np.uint64) -> np.uint64:
    x = x + _GOLDEN
    x = (x ^ (x >> _S30)) * _M1
    x = (x ^ (x >> _S27)) * _M2
    return x ^ (x >> _S31)


@kernel
def _hash(start: np.uint64, user: NDArray[np.uint64], time: NDArray[np.uint64], found: NDArray[np.uint64]) -> None:
    for i in range(len(found)):
        found[i] = _mix(_mix(start ^ user[i]) ^ time[i])


def _as_u64(x: int | ArrayLike) -> NDArray[np.uint64]:
    """Signed and unsigned integers of any width, as 64 bits, two's complement."""
    array = np.asarray(x)
    if array.dtype == np.uint64:
        return np.atleast_1d(array)
    if isinstance(x, int):
        return np.array([x & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)
    return np.atleast_1d(array.astype(np.int64, copy=False)).view(np.uint64)


def _flat(x: NDArray[np.uint64], shape: tuple[int, ...]) -> NDArray[np.uint64]:
    """Every value in its place, one after the other: the loop is compiled for one layout."""
    return np.ascontiguousarray(x if x.shape == shape else np.broadcast_to(x, shape)).reshape(-1)


def bits(seed: int, user: int | ArrayLike, time: int | ArrayLike, purpose: str) -> NDArray[np.uint64]:
    """Returns 64 random bits for every (user, time); arguments broadcast, a scalar gives an array of one.

    Args:
        seed: the run's seed.
        user: user keys (see `key`), any integer type.
        time: instants in microseconds or period numbers, any integer type.
        purpose: what the draw is for; two purposes are independent.
    """
    users, times = _as_u64(user), _as_u64(time)
    shape = users.shape if users.shape == times.shape else np.broadcast_shapes(users.shape, times.shape)
    found = np.empty(shape, dtype=np.uint64)
    _hash(_start(seed, purpose), _flat(users, shape), _flat(times, shape), found.reshape(-1))
    return found


def uniform(seed: int, user: int | ArrayLike, time: int | ArrayLike, purpose: str) -> NDArray[np.float64]:
    """Returns uniform draws in [0, 1) for every (user, time), 53 bits each.

    >>> one = uniform(7, 42, 1_000, "bucket")
    >>> many = uniform(7, np.array([41, 42], dtype=np.uint64), 1_000, "bucket")
    >>> bool(one[0] == many[1])
    True
    """
    return (bits(seed, user, time, purpose) >> _S11).astype(np.float64) * (2.0**-53)
