"""What people could be told about: candidates that come up by chance, hour by hour, whatever is sent."""

import numba
import numpy as np
from jaxtyping import Float64, Int8
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.kernel import parallel_kernel
from tactful.simulator.columns import pick
from tactful.simulator.constants import N_CATEGORIES, N_FAVOURITES, POPULARITY, TYPES
from tactful.simulator.luck import root, uniform_of, uniforms
from tactful.simulator.protocol import FIRST_CANDIDATE, CandidateColumns
from tactful.simulator.users import People

TYPE_NAMES = tuple(t.name for t in TYPES)
APPEAL = np.array([t.appeal for t in TYPES])
_PER_HOUR = np.array([t.per_day / 24.0 for t in TYPES])
_SOCIAL = np.array([t.social for t in TYPES])
_MATCH = np.array([t.match for t in TYPES])
_LIFETIME_US = np.array([t.lifetime_days * DAY_US for t in TYPES], dtype=np.int64)


@parallel_kernel
def _arrivals(
    which: NDArray[np.int8],
    luck: np.uint64,
    hour: int,
    user_key: NDArray[np.uint64],
    social: NDArray[np.float32],
    per_hour: NDArray[np.float64],
    is_social: NDArray[np.bool_],
) -> None:
    """Writes the type of the candidate that comes up for each user in an hour, or -1: at most one."""
    for u in numba.prange(len(which)):
        left = uniform_of(luck, user_key[u], np.int64(hour))
        which[u] = -1
        for t in range(len(per_hour)):
            left -= per_hour[t] * social[u] if is_social[t] else per_hour[t]
            if left < 0.0:
                which[u] = t
                break


def candidates_of_hour(
    seed: int, people: People, favourites: Int8[np.ndarray, "n 3"], hour: int, first_hour: int
) -> CandidateColumns:
    """Returns what came up in a UTC hour (since 1970); numbers count from the world's `first_hour`."""
    n = people.columns.n
    which = np.empty(n, np.int8)
    _arrivals(which, root(seed, "candidate"), hour, people.columns.user_key, people.social, _PER_HOUR, _SOCIAL)
    user = np.flatnonzero(which >= 0)
    keys, kind = people.columns.user_key[user], which[user].astype(np.int16)
    spread = [uniforms(seed, keys, hour, f"candidate {what}") for what in ("time", "match", "pick", "q1", "q2")]
    time, match, which_category, q1, q2 = spread
    created = hour * HOUR_US + (time * HOUR_US).astype(np.int64)
    category = np.where(
        match < _MATCH[kind], _favourite(favourites[user], which_category), popular_category(which_category)
    )
    came = CandidateColumns(
        types=TYPE_NAMES,
        user=user,
        candidate=FIRST_CANDIDATE + (hour - first_hour) * n + user,
        type=kind,
        created_us=created,
        expires_us=created + _LIFETIME_US[kind],
        category=np.where(_MATCH[kind] < 0.0, -1, category).astype(np.int32),
        quality=((q1 + q2) / 2.0).astype(np.float32),
    )
    return pick(came, np.lexsort((user, created)))


def _favourite(favourites: Int8[np.ndarray, "m 3"], pick: Float64[np.ndarray, " m"]) -> Int8[np.ndarray, " m"]:
    place = (pick * N_FAVOURITES).astype(np.int64)
    return favourites[np.arange(len(place)), place]


def popular_category(pick: Float64[np.ndarray, " m"]) -> Int8[np.ndarray, " m"]:
    """Returns categories drawn by popularity from uniform draws."""
    drawn = np.searchsorted(np.cumsum(POPULARITY), pick, side="right")
    return np.minimum(drawn, N_CATEGORIES - 1).astype(np.int8)
