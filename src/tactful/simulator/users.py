"""Who lives in the default world: one frozen struct of arrays, drawn once from the seed.

What changes hour by hour is `State` in `activity.py`; what people answer is `answers.py`.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, Int64, UInt64

from tactful import draws
from tactful.clock import DAY_US
from tactful.simulator.constants import ARCHETYPES, N_CATEGORIES, N_FAVOURITES, POPULARITY, Constants
from tactful.simulator.luck import uniforms
from tactful.simulator.protocol import UserColumns

ZONES = (
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Tokyo",
)
_ZONE_SHARE = (0.15, 0.25, 0.15, 0.12, 0.15, 0.10, 0.08)
_REACH_SHARE = {1: 0.35, 2: 0.25, 3: 0.40}
"""Email only, push only, both (bits of `UserColumns.reach`)."""
SIGN_UP_DAYS = 28
NO_HOURS = len(ARCHETYPES)
"""The archetype after the last: every hour is like another."""
_QUIET_STARTS = (21 * 60, 22 * 60, 23 * 60)
_QUIET_ENDS = (6 * 60, 7 * 60, 8 * 60)


@dataclass(frozen=True)
class People:
    """What does not change about people, row by row.

    `visits` is visits a day at no habit; `attention` the chance to open an e-mail at no fatigue; `affinity`
    scales the relevance of every category; `sensitivity` scales the chance to leave; `social` scales the rate
    of social candidates; `archetype_*`, `mix` and `shift_hours` make the personal week (see `hours.py`).
    """

    columns: UserColumns
    visits: Float32[np.ndarray, " n"]
    attention: Float32[np.ndarray, " n"]
    affinity: Float32[np.ndarray, " n"]
    sensitivity: Float32[np.ndarray, " n"]
    social: Float32[np.ndarray, " n"]
    archetype_a: Int8[np.ndarray, " n"]
    archetype_b: Int8[np.ndarray, " n"]
    mix: Float32[np.ndarray, " n"]
    shift_hours: Int8[np.ndarray, " n"]


def make_people(seed: int, n_users: int, start_us: int, constants: Constants) -> People:
    """Returns `n_users` people; the first n of a larger world are not the same people as a world of n."""
    rng = np.random.default_rng(seed)
    log_visits = constants.visits_spread * rng.standard_normal(n_users)
    noise = constants.attention_spread * rng.standard_normal(n_users)
    cares = 2.0 / (1.0 + np.exp(-constants.attention_slope * log_visits))
    attention = constants.attention * cares * np.exp(noise)
    knows = -constants.affinity_middle - constants.affinity_slope * log_visits
    affinity = constants.affinity_top / (1.0 + np.exp(knows))
    columns = _columns(rng, n_users, start_us)
    new = uniforms(seed, columns.user_key, 0, "newcomer") < constants.newcomers
    return People(
        columns=_signed_up(columns, new, seed, start_us),
        visits=(constants.visits * np.exp(log_visits)).astype(np.float32),
        attention=np.minimum(attention, 0.9).astype(np.float32),
        affinity=affinity.astype(np.float32),
        sensitivity=(
            np.exp(-constants.leave_power * log_visits) * np.where(new, constants.newcomer_leaves, 1.0)
        ).astype(np.float32),
        social=np.clip(np.exp(constants.social_power * log_visits), 0.3, 2.0).astype(np.float32),
        archetype_a=_archetypes(rng, n_users, constants),
        archetype_b=_archetypes(rng, n_users, constants),
        mix=rng.uniform(0.5, 1.0, n_users).astype(np.float32),
        shift_hours=rng.integers(-2, 3, n_users).astype(np.int8),
    )


def _archetypes(rng: np.random.Generator, n_users: int, constants: Constants) -> Int8[np.ndarray, " n"]:
    drawn = rng.integers(0, len(ARCHETYPES), n_users).astype(np.int8)
    return np.full_like(drawn, NO_HOURS) if constants.flat_hours else drawn


def _columns(rng: np.random.Generator, n_users: int, start_us: int) -> UserColumns:
    reach = rng.choice(list(_REACH_SHARE), n_users, p=list(_REACH_SHARE.values()))
    return UserColumns(
        zones=ZONES,
        zone=rng.choice(len(ZONES), n_users, p=_ZONE_SHARE).astype(np.int16),
        reach=reach.astype(np.uint8),
        signup_us=(start_us - rng.integers(30, 1500, n_users) * DAY_US).astype(np.int64),
        quiet_start=rng.choice(_QUIET_STARTS, n_users).astype(np.int16),
        quiet_end=rng.choice(_QUIET_ENDS, n_users).astype(np.int16),
        user_key=np.array([draws.key(f"u{i:06d}") for i in range(n_users)], dtype=np.uint64),
    )


def _signed_up(columns: UserColumns, new: Bool[np.ndarray, " n"], seed: int, start_us: int) -> UserColumns:
    """The columns, in which newcomers sign up on a day of the first `SIGN_UP_DAYS`."""
    day = (uniforms(seed, columns.user_key, 0, "sign-up") * SIGN_UP_DAYS).astype(np.int64)
    return replace(columns, signup_us=np.where(new, start_us + day * DAY_US, columns.signup_us))


def first_favourites(seed: int, n_users: int) -> Int8[np.ndarray, "n 3"]:
    """Returns the favourite categories of everyone at the start, dearest first; popular ones are likelier."""
    rng = np.random.default_rng([seed, 1])
    keys = rng.exponential(size=(n_users, N_CATEGORIES)) / POPULARITY
    return np.argsort(keys, axis=1)[:, :N_FAVOURITES].astype(np.int8)


def drift(
    favourites: Int8[np.ndarray, "n 3"],
    user_key: UInt64[np.ndarray, " n"],
    seed: int,
    week: int,
    drift_per_week: float,
) -> Int8[np.ndarray, "n 3"]:
    """Returns the favourites a week later: each was replaced with the given chance, by any category."""
    after = favourites.copy()
    for place in range(favourites.shape[1]):
        moved = uniforms(seed, user_key, week, f"drift {place}") < drift_per_week
        fresh = uniforms(seed, user_key, week, f"drift to {place}") * N_CATEGORIES
        after[moved, place] = fresh[moved].astype(np.int8)
    return after


def relevance(
    category: Int64[np.ndarray, " m"],
    favourites: Int8[np.ndarray, "m 3"],
    affinity: Float32[np.ndarray, " m"],
    recent: Float32[np.ndarray, " m"],
    constants: Constants,
) -> Float64[np.ndarray, " m"]:
    """Returns how much each user cares for each category, 0..1.

    affinity * (0.6, 0.42, 0.29 for a favourite by rank, or 0.12) + 0.3 * recent interest in it; plain
    messages (category -1) have a relevance of their own. `recent` is the recent interest *in that category*, 0..1.
    """
    base = np.full(len(category), constants.other_relevance)
    for place in range(favourites.shape[1] - 1, -1, -1):
        base[favourites[:, place] == category] = constants.favourite_relevance * constants.favourite_falls**place
    base[category < 0] = constants.plain_relevance
    relevant: Float64[np.ndarray, " m"] = affinity * base + constants.recent_relevance * recent
    return relevant.clip(0.0, 1.0)
