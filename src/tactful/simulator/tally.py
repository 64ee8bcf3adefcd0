"""Listens to a population: gathers what it sends as columns for the world, and counts the rest."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.decision.decide import Verdict
from tactful.decision.reasons import REASON_CODE, REASONS
from tactful.decision.request import Request, Scores, Thresholds
from tactful.features.pool import CandidateRows
from tactful.models.protocol import SlotScores
from tactful.runtime.control import Epoch
from tactful.runtime.steps import DayPlan, Outcome, PlanRequest
from tactful.simulator.columns import joined, pick
from tactful.simulator.protocol import SendColumns


@dataclass(frozen=True)
class SendFeatures:
    """What the decision knew of each send: buckets of match and recency, and sends on its channel in seven days."""

    match: Int64[np.ndarray, " m"]
    recency: Int64[np.ndarray, " m"]
    sent_7d: Int64[np.ndarray, " m"]


NO_FEATURES = SendFeatures(*(np.zeros(0, dtype=np.int64),) * 3)


OnPlan: TypeAlias = Callable[[NDArray[np.int64], PlanRequest], None]
"""Is told whose day was planned, and on which request."""
OnRank: TypeAlias = Callable[[NDArray[np.int64], Request, Verdict], None]
"""Is told who had a rank job, what was read, and what was decided."""


class Tally:
    """Fits `runtime.population.Listener`, over whole UTC days from `start_us` on."""

    def __init__(
        self,
        start_us: int,
        days: int,
        world_type: Int64[np.ndarray, " types"],
        on_plan: OnPlan | None = None,
        on_rank: OnRank | None = None,
    ) -> None:
        """Starts at nothing.

        Args:
            world_type: the world's index of each of the registry's types, -1 for those that it does not have.
            on_plan: is told of every plan as well.
            on_rank: is told of every rank job as well.
        """
        self._on_plan, self._on_rank = on_plan, on_rank
        self._first_day, self._days, self._world_type = start_us // DAY_US, days, world_type
        self._sends: list[SendColumns] = []
        self._features: list[SendFeatures] = []
        self._decisions = 0
        self._holds = np.zeros(len(REASONS), dtype=np.int64)
        self._drops = np.zeros(len(REASONS), dtype=np.int64)
        self.target: Float64[np.ndarray, " days"] = np.zeros(days)
        self.plan_by_hour: Int64[np.ndarray, "days 24"] = np.zeros((days, 24), dtype=np.int64)

    @property
    def holds(self) -> dict[str, int]:
        """How many jobs sent nothing, by the reason met last."""
        return _by_name(self._holds)

    @property
    def drops(self) -> dict[str, int]:
        """How many candidates were closed without being told, by reason."""
        return _by_name(self._drops)

    def take_sends(self) -> tuple[SendColumns, SendFeatures]:
        """Returns the sends since the last call by (instant, user), their decisions numbered on."""
        if not self._sends:
            return SendColumns.none(), NO_FEATURES
        sends, features = joined(self._sends), joined(self._features)
        self._sends, self._features = [], []
        order = np.lexsort((sends.candidate, sends.user, sends.at_us))
        sends, features = pick(sends, order), pick(features, order)
        sends.decision[:] = self._decisions + np.arange(len(order))
        self._decisions += len(order)
        return sends, features

    # --- what a population tells --------------------------------------------------------------------------------

    def planned(self, rows: NDArray[np.int64], request: PlanRequest, scores: SlotScores, plan: DayPlan) -> None:
        """Counts the planned sends in the hours of their slots."""
        if self._on_plan is not None:
            self._on_plan(rows, request)
        i, slot = np.nonzero(plan.sends)
        hour = request.slot_us[i, slot] // HOUR_US - self._first_day * 24
        inside = (hour >= 0) & (hour < self._days * 24)
        np.add.at(self.plan_by_hour.reshape(-1), hour[inside], plan.sends[i, slot][inside])

    def ranked(
        self, rows: NDArray[np.int64], request: Request, scores: Scores, outcome: Outcome, controls: Thresholds
    ) -> None:
        """Keeps the sends, and counts holds and drops by reason."""
        verdict, person, pool = outcome.verdict, request.person, request.pool
        if self._on_rank is not None:
            self._on_rank(rows, request, verdict)
        held = verdict.reason_code[~verdict.sends]
        last = np.take_along_axis(held, np.maximum((held > 0).sum(axis=1) - 1, 0)[:, None], axis=1)[:, 0]
        self._holds += np.bincount(last, minlength=len(REASONS))
        self._drops += np.bincount(verdict.drop_code[verdict.drop_code > 0], minlength=len(REASONS))
        i = np.flatnonzero(verdict.sends)
        if not len(i):
            return
        c, h = verdict.candidate[i], verdict.channel[i]
        self._sends.append(
            SendColumns(
                user=rows[i],
                at_us=person.now_us[i],
                channel=h.astype(np.int8),
                type=self._world_type[pool.type[i, c]].astype(np.int16),
                category=pool.category[i, c].astype(np.int32),
                quality=pool.quality[i, c].astype(np.float32),
                candidate=pool.offset[i, c],
                decision=np.zeros(len(i), dtype=np.int64),
            )
        )
        self._features.append(SendFeatures(pool.match[i, c], pool.recency[i, c], person.sent_7d_channel[i, h]))

    def evicted(self, candidates: CandidateRows, version: int) -> None:
        """Counts drops of a full pool."""
        self._drops[REASON_CODE["pool_full"]] += len(candidates.row)

    def conflicted(self, kind: str, keys: NDArray[np.uint64]) -> None:
        """A world never repeats an id."""

    def priced(self, epoch: Epoch) -> None:
        """Keeps the target that each day ended with."""
        day = (epoch.effective_us - HOUR_US - 1) // DAY_US - self._first_day
        if 0 <= day < self._days:
            self.target[day] = epoch.target_day.sum()


def _by_name(counts: NDArray[np.int64]) -> dict[str, int]:
    return {REASONS[code]: int(counts[code]) for code in np.flatnonzero(counts)}
