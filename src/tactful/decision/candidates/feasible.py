"""What the checks leave of each job's options, in one compiled pass a check over the jobs that have any left.

The checks themselves are in `eligibility.py`; here is only how they are applied.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from tactful.decision.candidates.eligibility import Check
from tactful.decision.reasons import REASON_CODE, Drops, Notes
from tactful.kernel import kernel


def feasible_options(
    alive: Bool[np.ndarray, "n c"], channels: int, met: list[Check], notes: Notes, drops: Drops
) -> tuple[Bool[np.ndarray, "n c h"], Bool[np.ndarray, " n"]]:
    """Applies the checks in order, and returns the options left, and who has any.

    What each check removes first, in the order of places and then channels, is what its reason tells of. A check of
    `rights` tells only where it leaves nothing; one that `refuses` drops the places that it leaves nothing of.

    Args:
        alive: the places that may still be told.
        channels: how many there are.
        met: `eligibility.checks`.
        notes: to which reasons are appended.
        drops: to which places are added that no earlier reason closed.
    """
    left = np.repeat(alive[:, :, None], channels, axis=2)
    options_left = np.count_nonzero(alive, axis=1) * channels
    for check in met:
        if not check.blocked.any():
            continue
        number, limit = check.number.astype(np.float64), check.limit.astype(np.float64)
        _remove(
            check.blocked, number, limit, REASON_CODE[check.code], check.rights, check.refuses, left, options_left,
            notes.code, notes.number, notes.limit, notes.used, drops.code, drops.number, drops.limit,
        )  # fmt: skip
    return left, options_left > 0


@kernel
def _remove(
    blocked: NDArray[np.bool_], number: NDArray[np.float64], limit: NDArray[np.float64], code: int, rights: bool,
    refuses: bool, left: NDArray[np.bool_], options_left: NDArray[Any], note_code: NDArray[Any],
    note_number: NDArray[Any], note_limit: NDArray[Any], notes_used: NDArray[Any], drop_code: NDArray[Any],
    drop_number: NDArray[Any], drop_limit: NDArray[Any],
) -> None:  # fmt: skip
    """Takes what a check blocks out of what is left of each job, and notes its reason; a job without options is over.

    A dimension of 1 of `blocked`, `number` and `limit` stands for all jobs, places or channels.
    """
    by_job, by_place, by_channel = blocked.shape[0] > 1, blocked.shape[1] > 1, blocked.shape[2] > 1
    for r in range(left.shape[0]):
        row = r if by_job else 0
        if options_left[r] == 0 or not (by_place or by_channel or blocked[row, 0, 0]):
            continue
        told, why, bound = False, 0.0, 0.0
        for c in range(left.shape[1]):
            place = c if by_place else 0
            if not (by_channel or blocked[row, place, 0]):
                continue
            gone, stays = False, False
            for h in range(left.shape[2]):
                if not left[r, c, h]:
                    continue
                if not blocked[row, place, h if by_channel else 0]:
                    stays = True
                    continue
                left[r, c, h], gone = False, True
                options_left[r] -= 1
                if not told:
                    told, why, bound = True, _of_option(number, r, c, h), _of_option(limit, r, c, h)
            if refuses and gone and not stays and drop_code[r, c] == 0:
                drop_code[r, c], drop_number[r, c], drop_limit[r, c] = code, why, bound
        if told and (options_left[r] == 0 or not rights) and notes_used[r] < note_code.shape[1]:
            last = notes_used[r]
            note_code[r, last], note_number[r, last], note_limit[r, last] = code, why, bound
            notes_used[r] += 1


@kernel
def _of_option(values: NDArray[np.float64], r: int, c: int, h: int) -> float:
    value: float = values[min(r, values.shape[0] - 1), min(c, values.shape[1] - 1), min(h, values.shape[2] - 1)]
    return value
