"""What came after an instant: activity of a person within a day, and answers to messages within their windows."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.errors import NotIdentifiable
from tactful.events.event_type import EventType
from tactful.events.records import ACTIVE_KINDS, KINDS, EngagementKind
from tactful.features.join import Sends, Touches, closed, kinds_mask
from tactful.models.protocol import RANK_HEADS
from tactful.training.evaluation.jobs import Jobs
from tactful.training.ranking.labels import count_until, in_order, labels, windows_us

ACTIVE: Final[tuple[EngagementKind, ...]] = tuple(kind for kind in KINDS if kind in ACTIVE_KINDS)


def counts_within_a_day(
    user: Int64[np.ndarray, " n"], at_us: Int64[np.ndarray, " n"], touches: Touches, kinds: Sequence[EngagementKind]
) -> Int64[np.ndarray, " n"]:
    """Returns how many engagements of some kinds each person had in (at, at + 24 h]."""
    chosen = np.flatnonzero((np.left_shift(1, touches.kind) & kinds_mask(kinds)) != 0)
    who, when = in_order(touches.user[chosen], touches.at_us[chosen])
    count: NDArray[np.int64] = count_until(who, when, user, at_us + DAY_US) - count_until(who, when, user, at_us)
    return count


def answers(
    jobs: Jobs, touches: Touches, types: Sequence[EventType], until_us: int
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Bool[np.ndarray, " j"]]]:
    """Returns what came of each job's message by head of `RANK_HEADS`, 0 for a hold, and whether it is known by now.

    Raises:
        NotIdentifiable: a job's type is not declared any more.
    """
    rules = {each.name: each.engagement for each in types}
    if strange := {name for name in jobs.type_name if name not in rules}:
        raise NotIdentifiable(f"got jobs of {sorted(strange)}, types that are not declared any more; declare them")
    window = {name: round(rule.within.total_seconds() * 1e6) for name, rule in rules.items()}
    every = Sends(
        user=jobs.user,
        at_us=jobs.at_us,
        window_us=np.array([window[name] for name in jobs.type_name], dtype=np.int64),
        kinds=np.array([kinds_mask(rules[name].kinds) for name in jobs.type_name], dtype=np.int64),
        channel=jobs.channel,
        decision=jobs.decision,
    )
    rows = np.flatnonzero(jobs.sent >= 0)
    rows = rows[np.lexsort((jobs.decision[rows], jobs.at_us[rows], jobs.user[rows]))]
    sends = Sends(**{name: column[rows] for name, column in vars(every).items()})
    label = np.zeros((len(jobs), len(RANK_HEADS)))
    label[rows] = labels(sends, touches)
    over = windows_us(every)
    reward = {head: label[:, place] for place, head in enumerate(RANK_HEADS)}
    known = {head: closed(every.at_us, over[:, place], until_us) for place, head in enumerate(RANK_HEADS)}
    return reward, known
