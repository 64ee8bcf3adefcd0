"""What changes hour by hour, and one hour of everyone's life: decay, own visits, visits after a click."""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from jaxtyping import Float32, Int8, Int16, UInt8
from numpy.typing import NDArray

from tactful.kernel import kernel, parallel_kernel
from tactful.simulator.constants import Constants
from tactful.simulator.hours import TABLES, curve_at
from tactful.simulator.luck import root, uniform_of
from tactful.simulator.users import People

OWN, CLICKED = 1, 2
"""Why a session began; 0 is no session."""


@dataclass(frozen=True)
class State:
    """What changes about people; the arrays are written in place.

    `habit` 0..1; `fatigue` the decayed count of messages; `burnout` a loss of log visits (0 unless switched
    on); `recent` 0..1, the interest in `recent_category`; `reach` the channels still open, a bitmask; `stay`
    scales own visits once channels are closed (1 at first); `debt` counts coming visits that clicks brought
    forward.
    """

    habit: Float32[np.ndarray, " n"]
    fatigue: Float32[np.ndarray, " n"]
    burnout: Float32[np.ndarray, " n"]
    recent: Float32[np.ndarray, " n"]
    recent_category: Int8[np.ndarray, " n"]
    reach: UInt8[np.ndarray, " n"]
    stay: Float32[np.ndarray, " n"]
    debt: Int16[np.ndarray, " n"]


@kernel
def own_visits(
    visits: NDArray[Any],
    habit: NDArray[Any],
    fatigue: NDArray[Any],
    burnout: NDArray[Any],
    stay: NDArray[Any],
    constants: Constants,
) -> NDArray[Any]:
    """Visits a day of one's own: v * (1 + lift * habit) * stay * exp(-tires * fatigue - burnout).

    One formula for one user (scalars, inside a kernel) and for all (arrays).
    """
    keen = visits * (1.0 + constants.habit_lift * habit) * stay
    comes: NDArray[Any] = keen * np.exp(-constants.fatigue_tires * fatigue - burnout)
    return comes


def stay_share(
    visits: Float32[np.ndarray, " m"],
    closed: Float32[np.ndarray, " m"],
    constants: Constants,
) -> Float32[np.ndarray, " m"]:
    """Returns the share of own visits that remains when a share `closed` (0..1) of one's channels is closed.

    (1 - loss / (1 + visits / leaving_visits)) ** closed: a frequent visitor comes anyway.
    """
    kept = 1.0 - constants.leaving_loss / (1.0 + visits / constants.leaving_visits)
    share: Float32[np.ndarray, " m"] = np.power(kept, closed).astype(np.float32)
    return share


def live_hour(
    state: State,
    people: People,
    constants: Constants,
    seed: int,
    hour: int,
    offsets: Int16[np.ndarray, " zones"],
    clicked: Int8[np.ndarray, " n"],
) -> Int8[np.ndarray, " n"]:
    """Lives through one UTC hour (since 1970) and returns why each user had a session: 0, OWN or CLICKED.

    Everything decays by an hour; who clicks has a session; who does not may come by herself, with chance
    1 - exp(-own visits in that hour), unless that visit was brought forward. At most one session an hour.
    """
    sessions = np.empty(people.columns.n, np.int8)
    _live(
        sessions,
        clicked,
        root(seed, "visit"),
        hour,
        offsets,
        people.columns.zone,
        people.columns.user_key,
        people.visits,
        people.archetype_a,
        people.archetype_b,
        people.mix,
        people.shift_hours,
        state.habit,
        state.fatigue,
        state.burnout,
        state.recent,
        state.stay,
        state.debt,
        TABLES,
        constants,
    )
    return sessions


@parallel_kernel
def _live(
    sessions: NDArray[np.int8],
    clicked: NDArray[np.int8],
    luck: np.uint64,
    hour: int,
    offsets: NDArray[np.int16],
    zone: NDArray[np.int16],
    user_key: NDArray[np.uint64],
    visits: NDArray[np.float32],
    archetype_a: NDArray[np.int8],
    archetype_b: NDArray[np.int8],
    mix: NDArray[np.float32],
    shift: NDArray[np.int8],
    habit: NDArray[np.float32],
    fatigue: NDArray[np.float32],
    burnout: NDArray[np.float32],
    recent: NDArray[np.float32],
    stay: NDArray[np.float32],
    debt: NDArray[np.int16],
    tables: NDArray[np.float32],
    constants: Constants,
) -> None:
    habit_keeps = np.float32(np.exp(-1.0 / (24.0 * constants.habit_days)))
    fatigue_keeps = np.float32(np.exp(-1.0 / (24.0 * constants.fatigue_days)))
    burnout_keeps = np.float32(np.exp(-1.0 / (24.0 * constants.burnout_days)))
    recent_keeps = np.float32(np.exp(-1.0 / (24.0 * constants.recent_days)))
    for u in numba.prange(len(sessions)):
        habit[u] *= habit_keeps
        fatigue[u] *= fatigue_keeps
        burnout[u] *= burnout_keeps
        recent[u] *= recent_keeps
        local_hour = (hour * 60 + offsets[zone[u]]) // 60
        curve = curve_at(tables, archetype_a[u], archetype_b[u], mix[u], shift[u], local_hour)
        a_day = own_visits(visits[u], habit[u], fatigue[u], burnout[u], stay[u], constants)
        comes = uniform_of(luck, user_key[u], np.int64(hour)) < 1.0 - np.exp(-a_day * curve / 24.0)
        if clicked[u]:
            sessions[u] = CLICKED
            if not comes and constants.moved_share > 0.0:
                debt[u] += 1
        elif comes and debt[u] > 0:
            debt[u] -= 1
            sessions[u] = 0
        else:
            sessions[u] = OWN if comes else 0
        if sessions[u]:
            habit[u] += constants.habit_gain * (1.0 - habit[u])
