"""Which candidates the programme keeps account of, so that none of them is told twice.

A slot follows one candidate from its first step to its last, then another; the programme remembers which of the slots'
candidates have been told. Candidates that find no slot may be told again and again, so the likeliest clicked go first.
"""

import numpy as np
from numpy.typing import NDArray

from tactful.kernel import kernel
from tactful.simulator.bound_setting import Setting

NO_SLOT = -1


@kernel
def fill_slots(
    u: int,
    setting: Setting,
    likeliest: NDArray[np.float64],
    slot: NDArray[np.int64],
    begins: NDArray[np.bool_],
) -> None:
    """Gives slots to one person's candidates, the likeliest clicked first.

    Args:
        likeliest: [candidates] best chance of a click on each of hers.
        slot: [candidates] its slot, or NO_SLOT.
        begins: [steps, slots] whether a slot takes up a candidate in a step.
    """
    pool, per_step = setting.pool, setting.calendar.step_hours
    steps, slots = begins.shape
    taken = np.zeros((slots, steps), np.bool_)
    slot[:], begins[:] = NO_SLOT, False
    for i in np.argsort(-likeliest):
        row = pool.first[u] + i
        begin = max(pool.from_hour[row], 0) // per_step
        end = min(pool.last_hour[row] // per_step + 1, steps)
        for k in range(slots):
            if slot[i] == NO_SLOT and likeliest[i] > 0.0 and not taken[k, begin:end].any():
                slot[i] = k
                taken[k, begin:end] = True
                begins[begin, k] = True
