"""Send or not: a user-day on which the best option goes out once, or nothing, against the days of production.

The bucket is drawn once for a whole UTC day, so a day is one path: its chance is that of its jobs multiplied within
each bucket, and the buckets mixed. A quiet day of production thus counts for silence, too. Days begin at the first job
at which something could be sent; what came in the 24 hours after it is the reward.
"""

from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.decision.policy.explore import BUCKETS
from tactful.experiments.ope_paths import mixed_path_chance, path_chance
from tactful.features.join import Touches, closed
from tactful.training.evaluation.findings import Trials
from tactful.training.evaluation.jobs import Jobs
from tactful.training.evaluation.rewards import ACTIVE, counts_within_a_day

Sending: TypeAlias = Literal["best", "nothing"]
_BUCKET_OF: Final[dict[Sending, int]] = {
    "best": BUCKETS.index("greedy_send"),
    "nothing": BUCKETS.index("greedy_no_send"),
}


def of_sending(
    jobs: Jobs, touches: Touches, until_us: int, sending: Sending, shares: tuple[float, float, float, float]
) -> Trials:
    """Returns user-days as trials of production against sending the best option once, or nothing.

    Args:
        jobs: of a store.
        touches: all engagements of their people.
        until_us: what came later is not known.
        sending: the target.
        shares: of the exploration buckets.
    """
    first, paths = _days(jobs)
    production = path_chance(paths[:, :, BUCKETS.index("production")])
    user, at_us = jobs.user[first], jobs.at_us[first]
    active = counts_within_a_day(user, at_us, touches, ACTIVE)
    known = closed(at_us, np.full(len(first), DAY_US), until_us)
    return Trials(
        user=user,
        logged=mixed_path_chance(paths, np.asarray(shares)),
        present=production,
        target=path_chance(paths[:, :, _BUCKET_OF[sending]]),
        reward={
            "active_24h": (active > 0).astype(np.float64),
            "sessions_24h": counts_within_a_day(user, at_us, touches, ("session",)).astype(np.float64),
        },
        known={"active_24h": known, "sessions_24h": known},
        left_out=jobs.left_out,
    )


def _days(jobs: Jobs) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The first job of each user-day, and the chances of its jobs by bucket; absent jobs have 1."""
    day = jobs.at_us // DAY_US
    begins = np.ones(len(jobs), dtype=np.bool_)
    begins[1:] = (jobs.user[1:] != jobs.user[:-1]) | (day[1:] != day[:-1])
    first, number = np.flatnonzero(begins), np.cumsum(begins) - 1
    place = np.arange(len(jobs)) - first[number]
    paths = np.ones((len(first), int(place.max()) + 1, len(BUCKETS)))
    paths[number, place] = jobs.by_bucket
    return first, paths
