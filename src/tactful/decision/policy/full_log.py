"""Which decisions are logged in full: with what a ranker read of them, so that they can be learned from.

What was randomised is always kept. Of the rest a share of the sends, since one in ten teaches almost as much as all,
and all that happens to a few users: what the sends alone cannot tell is what was held. Draws are hashes, and the
chance of each is known exactly. Not here: what is kept of a decision (`features/ranking_snapshot.py`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from tactful import draws
from tactful.decision.policy.explore import BUCKETS

_PRODUCTION, _RANDOM_SEND = BUCKETS.index("production"), BUCKETS.index("random_send")


@dataclass(frozen=True, eq=False)
class FullLog:
    """What is kept of each decision: all that was read of the candidate at hand, of the `whole` pool, or nothing.

    `probability` is the chance of being kept, given what was decided; those with 0 never are.
    """

    kept: Bool[np.ndarray, " n"]
    whole: Bool[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]


def full_log(
    seed: int,
    user_key: UInt64[np.ndarray, " n"],
    at_us: Int[np.ndarray, " n"],
    bucket: Int[np.ndarray, " n"],
    sends: Bool[np.ndarray, " n"],
    logged_sends: float,
    full_history: float,
) -> FullLog:
    """Returns which decisions are logged in full.

    Args:
        seed: the run's seed.
        user_key: user keys.
        at_us: instant of each decision.
        bucket: of its user-day, an index into `explore.BUCKETS`; all but production are kept, and of random sends the
            whole pool.
        sends: whether it is a send.
        logged_sends: share of the sends of production, drawn one by one.
        full_history: share of the users of whom every decision is kept with the whole pool, drawn once for ever.
    """
    historic = draws.uniform(seed, user_key, 0, "full history") < full_history
    sampled = draws.uniform(seed, user_key, at_us, "logged send") < logged_sends
    explored = bucket != _PRODUCTION
    by_draw = np.where(sends, full_history + (1 - full_history) * logged_sends, full_history)
    return FullLog(
        kept=explored | historic | (sends & sampled),
        whole=historic | (bucket == _RANDOM_SEND),
        probability=np.where(explored, 1.0, by_draw),
    )
