"""Scores on record, as if models spoke: a replay decides on what was said then, whichever models that were."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt64

from tactful import draws
from tactful.clock import to_us
from tactful.decision.request import Request, Scores
from tactful.errors import ReplayMismatch
from tactful.events.records import CHANNELS, Decision, SlotPlan
from tactful.features.history import N_CHANNELS, SLOTS
from tactful.models.protocol import SlotScores
from tactful.runtime.scoring import Versions
from tactful.runtime.steps import PlanRequest

Option: TypeAlias = tuple[int, int]
"""(candidate key, channel index)."""


@dataclass(frozen=True)
class _Said:
    """What was said at one rank job."""

    heads: tuple[str, ...]
    options: Mapping[Option, tuple[float, ...]]
    mean_unsubscribe: float


class LoggedScorer:
    """Reads the scores that decisions and plans have on record, so that a replay decides on what was said then.

    Options that were not feasible have no score on record; they read 0 and cannot be chosen. Where models followed one
    another, `versions` says when, and each decision has the heads of its own.
    """

    def __init__(self, decisions: Iterable[Decision], plans: Iterable[SlotPlan], versions: Versions) -> None:
        """Takes what is on record.

        Args:
            decisions, plans: of the time to be replayed.
            versions: which models spoke when, at least one.
        """
        self.versions = versions
        self._said: dict[tuple[int, int, int], _Said] = {}
        self._slots: dict[tuple[int, int], tuple[tuple[float, ...], tuple[float, ...]]] = {}
        for decision in decisions:
            if decision.action != "drop":
                self._remember(decision)
        for plan in plans:
            told = (plan.slot_probs, plan.slot_weights or plan.slot_probs)
            self._slots[draws.key(plan.user_id), to_us(plan.at)] = told

    @property
    def version(self) -> str:
        """The last one's."""
        return self.versions[-1][1]

    def _remember(self, decision: Decision) -> None:
        options = {
            (draws.key("candidate:" + o.candidate_id), CHANNELS.index(o.channel)): o.scores for o in decision.feasible
        }
        name = (draws.key(decision.user_id), to_us(decision.at), decision.turn)
        self._said[name] = _Said(decision.heads, options, decision.features.get("mean_unsubscribe", 0.0))

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns the profiles and weights on record.

        Raises:
            ReplayMismatch: for a plan that was never made.
        """
        profile, weight = np.empty((2, len(keys), SLOTS))
        for i, name in enumerate(zip(keys.tolist(), request.now_us.tolist(), strict=True)):
            if name not in self._slots:
                raise ReplayMismatch(
                    f"got a plan of user key {name[0]:016x} at {name[1]} µs, expected one on record; "
                    "the log, the settings or the event types are not those of the recorded run"
                )
            profile[i], weight[i] = self._slots[name]
        return SlotScores(profile, weight)

    def scores(self, request: Request) -> Scores:
        """Returns the scores on record.

        Raises:
            ReplayMismatch: for a rank job that never ran, or jobs of several models at once.
        """
        person, pool = request.person, request.pool
        said = [
            self._of(*name)
            for name in zip(person.key.tolist(), person.now_us.tolist(), person.turn.tolist(), strict=True)
        ]
        heads = said[0].heads
        values = np.zeros((*pool.present.shape, N_CHANNELS, len(heads)))
        ranked = np.zeros(pool.present.shape, dtype=np.bool_) if request.most_ranked else None
        for i, one in enumerate(said):
            if one.heads != heads:
                raise ReplayMismatch(
                    f"got rank jobs with the heads {heads} and {one.heads} in one round, expected those of one model; "
                    "the store does not say when its models changed"
                )
            place = {key: c for c, key in enumerate(pool.key[i].tolist())}
            for (candidate, channel), scores in one.options.items():
                if candidate in place:
                    values[i, place[candidate], channel] = scores
                    if ranked is not None:
                        ranked[i, place[candidate]] = True
        return Scores(heads, values, np.array([one.mean_unsubscribe for one in said]), ranked)

    def _of(self, user: int, at_us: int, turn: int) -> _Said:
        found = self._said.get((user, at_us, turn))
        if found is None:
            raise ReplayMismatch(
                f"got a rank job of user key {user:016x} at {at_us} µs, expected one on record; "
                "the log, the settings or the event types are not those of the recorded run"
            )
        return found
