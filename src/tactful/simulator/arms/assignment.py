"""An assignment of messages to people's slots by integer programming: caps, gaps, and a total that couples everybody.

    maximise Σ s_o x_o over x in {0, 1}, an option o being a message in a slot;
    a message goes once; within any gap of a person goes one; a day of hers has at most `cap`; a day of all has a total.

HiGHS solves it through scipy (`pip install 'tactful[plan]'`). People are coupled by the day's total alone, so a crowd
falls apart into blocks, each with its share of the total: what is lost is that no message moves from block to block.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.errors import InvalidExperiment
from tactful.simulator.columns import pick

BLOCK: Final = 1_000
"""People of one programme: solved within a second or so."""
_GAP: Final = 1e-3
_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Options:
    """m options: whose, which of the messages, when, and what that is worth. Columns of one length.

    Attributes:
        person: a number of a person; blocks are made by it.
        message: a number of a message; one of a person's own.
        at_us: when it would go out.
        worth: what is gained if it does; may be negative, then it never goes.
    """

    person: Int64[np.ndarray, " m"]
    message: Int64[np.ndarray, " m"]
    at_us: Int64[np.ndarray, " m"]
    worth: Float64[np.ndarray, " m"]


def assign(
    options: Options, from_us: int, totals: Float64[np.ndarray, " d"], cap: int, gap_us: int, block: int = BLOCK
) -> Bool[np.ndarray, " m"]:
    """Returns which options are taken.

    Args:
        options: within `len(totals)` days of 24 hours from `from_us` on.
        from_us: where the first day begins.
        totals: most messages of each day, over everyone.
        cap: most messages of a person and day.
        gap_us: least time between two messages to one person.
        block: most people of a programme.

    Raises:
        InvalidExperiment: scipy is not there.
    """
    taken = np.zeros(len(options.person), dtype=np.bool_)
    people, who = np.unique(options.person, return_inverse=True)
    for start in range(0, len(people), block):
        mine = np.flatnonzero((who >= start) & (who < start + block))
        share = min(block, len(people) - start) / len(people)
        taken[mine] = _solved(pick(options, mine), from_us, np.floor(totals * share + 0.5), cap, gap_us)
    return taken


def _solved(
    options: Options, from_us: int, totals: Float64[np.ndarray, " d"], cap: int, gap_us: int
) -> Bool[np.ndarray, " m"]:
    try:
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array
    except ImportError as error:
        raise InvalidExperiment("got no scipy, expected HiGHS through it; pip install 'tactful[plan]'") from error
    m = len(options.person)
    day = (options.at_us - from_us) // DAY_US
    groups = [
        (_numbered(options.person, options.message), 1.0),
        (_numbered(options.person, day), float(cap)),
    ]
    row, column, most = [day], [np.arange(m)], [np.maximum(totals, 0.0)]
    for group, limit in groups:
        row.append(group + sum(map(len, most)))
        column.append(np.arange(m))
        most.append(np.full(int(group.max(initial=-1)) + 1, limit))
    window, inside, n_windows = _windows(options, gap_us)
    row.append(window + sum(map(len, most)))
    column.append(inside)
    most.append(np.ones(n_windows))
    rows, columns, upper = (np.concatenate(part) for part in (row, column, most))
    matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(upper), m))
    found = milp(
        -options.worth,
        integrality=np.ones(m),
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(matrix, -np.inf, upper),
        options={"mip_rel_gap": _GAP, "time_limit": _SECONDS},
    )
    if found.x is None:
        return np.zeros(m, dtype=np.bool_)
    taken: NDArray[np.bool_] = found.x > 0.5
    return taken


def _numbered(person: Int64[np.ndarray, " m"], of: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
    """Numbers the pairs (person, of) from 0 on."""
    pairs = np.stack([person, of], axis=1)
    number: NDArray[np.int64] = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    return number


def _windows(options: Options, gap_us: int) -> tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " q"], int]:
    """Returns (window, option) pairs: a window begins at each slot of a person and holds all within the gap after."""
    slot = _numbered(options.person, options.at_us)
    n = int(slot.max(initial=-1)) + 1
    person, at = np.zeros((2, n), dtype=np.int64)
    person[slot], at[slot] = options.person, options.at_us
    window, inside = [slot], [np.arange(len(slot))]
    for back in range(1, n):
        first = slot - back
        within = (first >= 0) & (person[first] == options.person) & (options.at_us - at[first] < gap_us)
        if not within.any():
            break
        window.append(first[within])
        inside.append(np.flatnonzero(within))
    return np.concatenate(window), np.concatenate(inside), n
