"""What the bound's compiled loops read: the calendar of the run, the people at its start, what they could be told.

Candidates are the world's own, known ahead; so are the weeks' favourites. Everything is computed once a bound.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.simulator.activity import stay_share
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.columns import joined, pick
from tactful.simulator.constants import POPULARITY, Constants
from tactful.simulator.hours import TABLES, zone_minutes
from tactful.simulator.luck import root
from tactful.simulator.protocol import CandidateColumns, World
from tactful.simulator.truth import WorldTruth
from tactful.simulator.value import remaining_value

WEEK_HOURS, LOOK_HOURS, MOST_SHIFT = 168, 24, 2
_LONGEST_LIFE_DAYS = 7


class Calendar(NamedTuple):
    """The hours of the run and a day more, counted from its start; `first_hour` counts from 1970.

    `looks_within[channel, archetype, shift, hour of the local week, h]` is what the first h hours after a message add
    to how much she looks at it; all 24 come to 1 on average. `luck` holds the roots of draws.
    """

    first_hour: int
    world_hours: int
    hours: int
    step_hours: int
    offsets: NDArray[np.int16]
    rates: NDArray[np.float32]
    looks_within: NDArray[np.float64]
    popularity: NDArray[np.float64]
    luck: NDArray[np.uint64]


class Persons(NamedTuple):
    """People at the start, row by row; arrays of four have one row a mask of open channels."""

    user_key: NDArray[np.uint64]
    zone: NDArray[np.int16]
    quiet_start: NDArray[np.int16]
    quiet_end: NDArray[np.int16]
    visits: NDArray[np.float32]
    attention: NDArray[np.float32]
    affinity: NDArray[np.float32]
    sensitivity: NDArray[np.float32]
    archetype_a: NDArray[np.int8]
    archetype_b: NDArray[np.int8]
    mix: NDArray[np.float32]
    shift: NDArray[np.int8]
    favourites: NDArray[np.int8]
    habit: NDArray[np.float64]
    fatigue: NDArray[np.float32]
    burnout: NDArray[np.float32]
    recent: NDArray[np.float32]
    recent_category: NDArray[np.int8]
    reach: NDArray[np.uint8]
    stay: NDArray[np.float32]
    left_worth: NDArray[np.float64]
    left_slope: NDArray[np.float64]


class Pool(NamedTuple):
    """Candidates by user: those of user u are rows `first[u]` to `first[u + 1]`, by hour of coming, which counts
    from the start of the run and may lie before it; `last_hour` is the last in which it may be sent."""

    first: NDArray[np.int64]
    from_hour: NDArray[np.int64]
    last_hour: NDArray[np.int64]
    appeal: NDArray[np.float64]
    critical: NDArray[np.bool_]
    category: NDArray[np.int32]
    quality: NDArray[np.float32]


class Setting(NamedTuple):
    """All that the programme reads."""

    calendar: Calendar
    persons: Persons
    pool: Pool
    constants: Constants


def setting(
    world: World,
    truth: WorldTruth,
    days: int,
    step_hours: int,
    appeal: Float64[np.ndarray, " types"],
    critical: Bool[np.ndarray, " types"],
) -> Setting:
    """Returns what the programme reads of a world for `days` from now on."""
    pool = _pool(world, truth, days, appeal, critical)
    return Setting(_calendar(truth, days, step_hours), _persons(truth, days), pool, truth.constants)


def _calendar(truth: WorldTruth, days: int, step_hours: int) -> Calendar:
    hours = 24 * days
    zones = truth.people.columns.zones
    offsets = [zone_minutes(zones, truth.now_us + h * HOUR_US) for h in range(hours + 24)]
    purposes = ("bound comes", "bound source", "bound category", "bound click")
    return Calendar(
        first_hour=truth.now_us // HOUR_US,
        world_hours=(truth.now_us - truth.start_us) // HOUR_US,
        hours=hours,
        step_hours=step_hours,
        offsets=np.stack(offsets),
        rates=TABLES,
        looks_within=_looks_within(truth.constants),
        popularity=np.cumsum(POPULARITY),
        luck=np.array([root(truth.seed, purpose) for purpose in purposes], dtype=np.uint64),
    )


def _looks_within(constants: Constants) -> Float64[np.ndarray, "2 archetypes 5 168 25"]:
    """See `Calendar`: the curve of `answers.chances`, for pure archetypes."""
    within = np.zeros((2, len(TABLES), 2 * MOST_SHIFT + 1, WEEK_HOURS, LOOK_HOURS + 1))
    ahead = np.arange(WEEK_HOURS)[:, None] + np.arange(LOOK_HOURS)
    rest_day = ((ahead // 24 + 3) % 7 >= 5).astype(np.int64)
    for channel, lingers in ((EMAIL, constants.email_lingers_hours), (PUSH, constants.push_lingers_hours)):
        fades = np.exp(-np.arange(LOOK_HOURS) / lingers)
        for shift in range(-MOST_SHIFT, MOST_SHIFT + 1):
            curve = TABLES[:, rest_day, (ahead - shift) % 24] * fades / fades.sum()
            within[channel, :, shift + MOST_SHIFT, :, 1:] = np.cumsum(curve, axis=2)
    return within


def _persons(truth: WorldTruth, days: int) -> Persons:
    people, state, columns = truth.people, truth.state, truth.people.columns
    # A click under way is a session at once.
    missed = (1.0 - state.habit.astype(np.float64)) * (1.0 - truth.constants.habit_gain) ** truth.clicks_under_way
    worth, slope = _left(truth, days)
    return Persons(
        user_key=columns.user_key,
        zone=columns.zone,
        quiet_start=columns.quiet_start,
        quiet_end=columns.quiet_end,
        visits=people.visits,
        attention=people.attention,
        affinity=people.affinity,
        sensitivity=people.sensitivity,
        archetype_a=people.archetype_a,
        archetype_b=people.archetype_b,
        mix=people.mix,
        shift=people.shift_hours,
        favourites=truth.favourites_ahead(truth.now_us + days * DAY_US),
        habit=1.0 - missed,
        fatigue=state.fatigue,
        burnout=state.burnout,
        recent=state.recent,
        recent_category=state.recent_category,
        reach=state.reach,
        stay=_stay(truth),
        left_worth=worth,
        left_slope=slope,
    )


def _stay(truth: WorldTruth) -> NDArray[np.float32]:
    at_first = np.maximum(np.bitwise_count(truth.people.columns.reach), 1)
    closed = [np.clip(1.0 - np.bitwise_count(np.uint8(mask)) / at_first, 0.0, 1.0) for mask in range(4)]
    return np.stack([stay_share(truth.people.visits, c.astype(np.float32), truth.constants) for c in closed])


def _left(truth: WorldTruth, days: int) -> tuple[Float64[np.ndarray, "4 n"], Float64[np.ndarray, "4 n"]]:
    """What remains at the end with no habit, and what full habit adds to it (it is linear), by mask."""
    faded = truth.state.burnout * np.float32(np.exp(-days / truth.constants.burnout_days))
    ends = []
    for habit in (0.0, 1.0):
        habits = np.full(len(faded), habit, np.float32)
        state = type(truth.state)(**(vars(truth.state) | {"habit": habits, "burnout": faded}))
        masks: list[UInt8[np.ndarray, " n"]] = [np.full(len(faded), mask, np.uint8) for mask in range(4)]
        ends.append(np.stack([remaining_value(state, mask, truth.ahead, truth.constants) for mask in masks]))
    return ends[0], ends[1] - ends[0]


def _pool(
    world: World,
    truth: WorldTruth,
    days: int,
    appeal: Float64[np.ndarray, " types"],
    critical: Bool[np.ndarray, " types"],
) -> Pool:
    now_us, end_us = truth.now_us, truth.now_us + days * DAY_US
    begin_us = max(truth.start_us, now_us - _LONGEST_LIFE_DAYS * DAY_US)
    days_us = [(at, min(at + DAY_US, end_us)) for at in range(begin_us, end_us, DAY_US)]
    came = joined([_open_after(world.candidates(*day_us), now_us) for day_us in days_us])
    came = pick(came, np.lexsort((came.created_us, came.user)))
    counts: Int64[np.ndarray, " n"] = np.bincount(came.user, minlength=truth.people.columns.n)
    return Pool(
        first=np.concatenate([[0], np.cumsum(counts)]),
        from_hour=(came.created_us - now_us) // HOUR_US,
        last_hour=(came.expires_us - now_us) // HOUR_US,
        appeal=appeal[came.type],
        critical=critical[came.type],
        category=came.category,
        quality=came.quality,
    )


def _open_after(came: CandidateColumns, now_us: int) -> CandidateColumns:
    return pick(came, came.expires_us > now_us)
