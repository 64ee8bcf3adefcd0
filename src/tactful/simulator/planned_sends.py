"""Plans of local days as sends of a world: one for each planned slot, the same messages whatever the hours.

What a send is about and through which channel it goes is a hash draw of (user, day, place in the day), so two plans
of as many sends differ in hours only. Who plans is not here.
"""

from typing import Final

import numpy as np
from jaxtyping import Int64, UInt8

from tactful.clock import DAY_US
from tactful.features.context import Zones
from tactful.simulator.columns import joined, pick
from tactful.simulator.luck import uniforms
from tactful.simulator.protocol import CandidateColumns, SendColumns, UserColumns, World

_BOTH: Final = 3
"""Mask of a user who can be told through e-mail and push; else the mask less 1 is her channel."""
_MOST_A_DAY: Final = 32


def first_days(users: UserColumns, start_us: int) -> Int64[np.ndarray, " n"]:
    """Returns the first local day of each user that begins at `start_us` or after it, in days since 1970-01-01."""
    zones = Zones.of(users.zones)
    today = zones.local_day(users.zone, np.full(users.n, start_us))
    begun = zones.day_start_us(users.zone, today) < start_us
    first: Int64[np.ndarray, " n"] = today + begun
    return first


def planned_sends(world: World, start_us: int, plans: UInt8[np.ndarray, "days n 24"], seed: int) -> SendColumns:
    """Returns the sends of plans for consecutive local days from `first_days` on, in the order of their instants.

    Each goes out when its slot begins; a slot holds one at most. It is about one of the candidates that come up for its
    user in these days, and goes through one of the channels that she had at first, each as likely.

    Args:
        world: its truth is not asked for, and it does not move.
        plans: sends in each slot, 0 or 1.
        seed: of the draws.
    """
    users = world.users()
    day, user, slot = np.nonzero(plans)
    place = (np.cumsum(plans, axis=2, dtype=np.int64) - 1)[day, user, slot]
    at_us, _ = Zones.of(users.zones).slot_start_us(users.zone[user], first_days(users, start_us)[user] + day, slot)
    turn, reach = day * _MOST_A_DAY + place, users.reach[user].astype(np.int64)
    about = _about(_all_candidates(world, start_us, len(plans)), users, user, turn, seed)
    coin = uniforms(seed, users.user_key[user], turn, "planned channel") < 0.5
    sends = SendColumns(
        user=user,
        at_us=at_us,
        channel=np.where(reach == _BOTH, coin, reach - 1).astype(np.int8),
        type=about.type,
        category=about.category,
        quality=about.quality,
        candidate=about.candidate,
        decision=np.zeros(len(user), dtype=np.int64),
    )
    sends = pick(sends, np.lexsort((sends.user, sends.at_us)))
    sends.decision[:] = np.arange(len(user))
    return sends


def _all_candidates(world: World, start_us: int, days: int) -> CandidateColumns:
    """Everything that comes up in these days, by user."""
    came = joined([world.candidates(start_us + day * DAY_US, start_us + (day + 1) * DAY_US) for day in range(days)])
    return pick(came, np.lexsort((came.candidate, came.user)))


def _about(
    pool: CandidateColumns,
    users: UserColumns,
    user: Int64[np.ndarray, " m"],
    turn: Int64[np.ndarray, " m"],
    seed: int,
) -> CandidateColumns:
    """A candidate for each send, of those of its user; of anybody's where she has none."""
    first = np.searchsorted(pool.user, np.arange(users.n + 1))
    some = np.diff(first)[user] > 0
    begin, count = np.where(some, first[user], 0), np.where(some, np.diff(first)[user], len(pool.user))
    luck = uniforms(seed, users.user_key[user], turn, "planned content")
    return pick(pool, begin + (luck * count).astype(np.int64))
