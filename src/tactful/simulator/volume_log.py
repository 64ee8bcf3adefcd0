"""Some weeks of assigned budgets as the log that volume models learn from; everyone's budget is in it.

The budgets may be drawn at random (`arms/randomised.py`), as training wants them, or set by a rule, as a trap. What is
frozen at each assignment is what an engine freezes: the features before it (`features/volume.py`).
"""

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US, WEEK_US
from tactful.events.records import KINDS
from tactful.features.segments import REACHES
from tactful.features.volume import volume_features
from tactful.kernel import at_most_threads
from tactful.runtime.population import Population
from tactful.runtime.steps import PlanRequest
from tactful.simulator.arms.policy import Policy
from tactful.simulator.closed_loop import USERS_PER_THREAD, Explored, Loop
from tactful.simulator.columns import pick
from tactful.simulator.protocol import TICK_US, EngagementColumns, SendColumns
from tactful.training.volume.log import VolumeLog

_KINDS = [KINDS.index(kind) for kind in ("session", "unsubscribe", "disable")]
"""What is logged of people's acts. An active day is one with a session: an e-mail is opened outside the app, and views
and clicks lie within sessions."""
_COLUMNS = ("user", "start_us", "k", "probability", "randomised", "segment", "features")


def start_before_a_period(now_us: int, days: int, period_weeks: int) -> int:
    """Returns the first instant, not before `now_us`, after which a period of random budgets begins in `days`.

    Periods are counted from 1970. A world that starts then has so many days to warm up.

    >>> start_before_a_period(now_us=0, days=28, period_weeks=8) // WEEK_US
    4
    """
    period_us = period_weeks * WEEK_US
    return -(-(now_us + days * DAY_US) // period_us) * period_us - days * DAY_US


def volume_log(explored: Explored, policy: Policy, days: int) -> VolumeLog:
    """Lives through `days` after an exploration, and returns its assignments; `explored` is left as it is.

    Args:
        explored: ends where a period of `settings.exploration.volume_period_weeks` begins, or earlier: an assignment
            is the first plan of a period.
        policy: draws budgets at random, or has fixed ones.
        days: UTC days that are logged.
    """
    loop = Loop.after(explored, policy)
    assigned = _Assigned(loop.population)
    tally, critical = loop.tally(days, assigned.planned), loop.registry.columns().critical[loop.type_of]
    sends, seen = [SendColumns.none()], []
    with at_most_threads(1 + loop.users.n // USERS_PER_THREAD):
        for _ in range(days * DAY_US // TICK_US):
            sent, _, did = loop.live(tally)
            sends.append(pick(sent, ~critical[sent.type]))
            seen.append(pick(did, np.isin(did.kind, _KINDS)))
    return assigned.log(sends, seen, loop.at_us)


class _Assigned:
    """Notes each user's first plan of a period, with what was known of her then."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self._parts: list[tuple[NDArray[np.generic], ...]] = []

    def planned(self, rows: NDArray[np.int64], request: PlanRequest) -> None:
        """Keeps the assignments among the plans of people who can be reached."""
        fresh = np.flatnonzero(request.new_period)
        state = self._population.table.rows[rows[fresh]]
        reachable = (state["addresses"] & state["opt_in"] & ~state["blocked"]) > 0
        state, fresh = state[reachable], fresh[reachable]
        self._parts.append(
            (
                rows[fresh],
                request.now_us[fresh],
                request.k[fresh],
                request.k_probability[fresh],
                request.k_random[fresh],
                request.past.segment[fresh],
                volume_features(state, request.now_us[fresh]),
            )
        )

    def log(self, sends: list[SendColumns], seen: list[EngagementColumns], until_us: int) -> VolumeLog:
        """Returns the assignments with what was sent under them, and what everyone did."""
        columns = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        found = dict(zip(_COLUMNS, columns, strict=True))
        order = np.lexsort((found["start_us"], found["user"]))
        found = {name: column[order] for name, column in found.items()}
        user, start, segment = (found[name].astype(np.int64) for name in ("user", "start_us", "segment"))
        goes_on = np.append(user[1:] == user[:-1], False)
        end = np.where(goes_on, np.append(start[1:], 0), until_us)
        who, at, kind = (np.concatenate([getattr(s, name) for s in seen]) for name in ("user", "at_us", "kind"))
        by_user = np.lexsort((at, who))
        return VolumeLog(
            user=user,
            start_us=start,
            end_us=end,
            k=found["k"].astype(np.int64),
            probability=found["probability"].astype(np.float64),
            randomised=found["randomised"].astype(np.bool_),
            reach=segment % len(REACHES),
            activity=segment // len(REACHES),
            features=found["features"].astype(np.float32),
            sent=_sent_within(user, start, end, sends),
            e_user=who[by_user].astype(np.int64),
            e_at_us=at[by_user].astype(np.int64),
            e_kind=kind[by_user].astype(np.int64),
            until_us=until_us,
        )


def _sent_within(
    user: Int64[np.ndarray, " m"],
    start_us: Int64[np.ndarray, " m"],
    end_us: Int64[np.ndarray, " m"],
    sends: list[SendColumns],
) -> Int64[np.ndarray, " m"]:
    """Counts the messages to each user in [start, end)."""
    to, at = (np.concatenate([getattr(s, name) for s in sends]) for name in ("user", "at_us"))
    first = int(min(start_us.min(initial=0), at.min(initial=0)))
    span = int(max(end_us.max(initial=0), at.max(initial=0))) - first + 1
    when = np.sort(to * span + (at - first))
    low, high = (np.searchsorted(when, user * span + (us - first)) for us in (start_us, end_us))
    count: NDArray[np.int64] = (high - low).astype(np.int64)
    return count
