"""The compiled luck is the luck of `tactful.draws`."""

import numpy as np

from tactful import draws
from tactful.simulator.luck import uniforms


def test_compiled_draws_equal_the_hash_draws_bit_by_bit() -> None:
    keys = np.array([draws.key(f"u{i}") for i in range(500)], dtype=np.uint64)
    times = np.arange(500) * 3_600_000_000 - 7
    for seed in (0, 7, -1, 2**63):
        np.testing.assert_array_equal(uniforms(seed, keys, 12, "visit"), draws.uniform(seed, keys, 12, "visit"))
        np.testing.assert_array_equal(uniforms(seed, keys, times, "a"), draws.uniform(seed, keys, times, "a"))
