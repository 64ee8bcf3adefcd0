"""A typed front for numba, so that compiled loops pass `mypy --strict` without an override.

Only private functions are kernels: each stands behind a typed public function that documents shapes and units.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])
_LOOSE = {"reassoc", "contract", "nsz"}  # NaN and infinity keep their meaning


def kernel(function: F) -> F:
    """Compiles a loop to machine code, cached on disk beside its source.

    The test run wraps annotated functions with run-time shape checks; a kernel must be compiled without
    that wrapper, so it is unwrapped first.
    """
    return cast(F, numba.njit(cache=True, nogil=True)(inspect.unwrap(function)))


def parallel_kernel(function: F) -> F:
    """Compiles a loop whose `numba.prange` runs over all cores; each row must write its own cells only."""
    return cast(F, numba.njit(cache=True, nogil=True, parallel=True)(inspect.unwrap(function)))


def summing_kernel(function: F) -> F:
    """Compiles a loop whose sums of floats may be taken in another order, so that they are vectorised.

    A machine gives the same bits run after run; another kind of processor may not.
    """
    return cast(F, numba.njit(cache=True, nogil=True, fastmath=_LOOSE)(inspect.unwrap(function)))


def parallel_summing_kernel(function: F) -> F:
    """Compiles a `summing_kernel` whose `numba.prange` runs over all cores; each row must write its own cells only."""
    return cast(F, numba.njit(cache=True, nogil=True, parallel=True, fastmath=_LOOSE)(inspect.unwrap(function)))


@contextmanager
def at_most_threads(n: int) -> Iterator[None]:
    """Runs parallel kernels on n cores at most: for loops so short that waking the others costs more than it saves."""
    before = numba.get_num_threads()
    numba.set_num_threads(max(1, min(n, before)))
    try:
        yield
    finally:
        numba.set_num_threads(before)
