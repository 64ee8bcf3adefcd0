"""A small shift of the price: what each job would have done, from the jitter of the threshold.

A job takes the lower or the higher of two prices by a fair coin. Where both do the same, so does any price between;
where they differ, each did what was done half of the time. So a price between the two is answered, and none beyond.
"""

from collections.abc import Sequence

import numpy as np

from tactful.decision.policy.explore import BUCKETS
from tactful.errors import NotIdentifiable
from tactful.events.event_type import EventType
from tactful.features.join import Touches
from tactful.training.evaluation.findings import Trials
from tactful.training.evaluation.jobs import Jobs
from tactful.training.evaluation.rewards import answers


def of_price(
    jobs: Jobs, touches: Touches, types: Sequence[EventType], until_us: int, shift: float, jitter: float
) -> Trials:
    """Returns the jobs of production as trials of the prices in force against prices that lie a little off.

    Args:
        jobs: of a store.
        touches: all engagements of their people.
        types: the event types.
        until_us: what came later is not known.
        shift: of the price in quantile, within the jitter; between, prices are interpolated.
        jitter: `exploration.jitter` of the log.

    Raises:
        NotIdentifiable: a shift beyond the jitter, or no job of production.
    """
    if jitter <= 0.0 or not abs(shift) <= jitter:
        raise NotIdentifiable(
            f"got a shift of {shift:+g} in quantile, expected one within the jitter of the log, {jitter:g}: other "
            "prices were never tried; raise exploration.jitter, or judge by an experiment"
        )
    jobs = jobs.only(np.flatnonzero(jobs.bucket == BUCKETS.index("production")))
    if not len(jobs):
        raise NotIdentifiable("got no rank job of production; let the engine run")
    end = jobs.high if shift >= 0.0 else jobs.low
    target = jobs.does(jobs.mid + abs(shift) / jitter * (end - jobs.mid))
    logged = jobs.by_bucket[:, BUCKETS.index("production")]
    reward, known = answers(jobs, touches, types, until_us)
    sent = (jobs.sent >= 0).astype(np.float64)
    return Trials(
        user=jobs.user,
        logged=logged,
        present=logged,
        target=(target == jobs.sent).astype(np.float64),
        reward={**reward, "sent": sent},
        known={**known, "sent": np.ones(len(jobs), dtype=np.bool_)},
        left_out=jobs.left_out,
    )
