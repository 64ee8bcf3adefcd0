"""Where scores come from: the models in force, or a log of what they said; the steps never know which."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt64

from tactful import draws
from tactful.clock import to_us
from tactful.decision.policy.utility import HEADS
from tactful.decision.request import Request, Scores
from tactful.errors import ReplayMismatch
from tactful.events.records import CHANNELS, Decision, SlotPlan
from tactful.features.history import N_CHANNELS, SLOTS
from tactful.models.protocol import ClickModel, SlotModel, UnsubscribeModel
from tactful.runtime.steps import PlanRequest

Option = tuple[int, int]
"""(candidate key, channel index)."""


@runtime_checkable
class Scorer(Protocol):
    """Answers the two requests that need a model, for many users at once."""

    @property
    def version(self) -> str:
        """What decisions name as their model version."""
        ...

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> Float[np.ndarray, "n K"]:
        """Returns each user's distribution of activity over the slots of her day."""
        ...

    def scores(self, request: Request) -> Scores:
        """Returns the heads of every (candidate, channel)."""
        ...


@dataclass(frozen=True)
class LiveScorer:
    """Scores with loaded models. Every row is scored by itself, so the batch's shape does not matter."""

    slot_model: SlotModel
    click_model: ClickModel
    unsubscribe_model: UnsubscribeModel

    @property
    def version(self) -> str:
        """The versions of the three models, joined."""
        return "-".join(m.version[:8] for m in (self.slot_model, self.click_model, self.unsubscribe_model))

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> Float[np.ndarray, "n K"]:
        """Returns the slot model's distribution."""
        return self.slot_model.slots(request.counts, request.segment)

    def scores(self, request: Request) -> Scores:
        """Returns click and unsubscribe probabilities; the mean unsubscribe is over the reachable channels."""
        person, pool = request.person, request.pool
        click = self.click_model.click(
            np.where(pool.present, pool.type, -1),
            pool.match,
            pool.recency,
            person.n_sends.astype(np.float64),
            person.n_clicks.astype(np.float64),
        )
        leave = self.unsubscribe_model.unsubscribe(person.sent_7d_channel)
        reach = (person.reachable[:, None] & ~person.blocked[:, None] & (1 << np.arange(N_CHANNELS))) != 0
        total = np.zeros(request.n)
        for h in range(N_CHANNELS):
            total += np.where(reach[:, h], leave[:, h], 0.0)
        mean = total / np.maximum(reach.sum(axis=1), 1)
        values = np.stack([click, np.broadcast_to(leave[:, None, :], click.shape)], axis=3)
        return Scores(heads=HEADS, values=values, mean_unsubscribe=mean)


class LoggedScorer:
    """Reads the scores that decisions and plans have on record, so that a replay decides on what was said then.

    Options that were not feasible have no score on record; they read 0 and cannot be chosen.
    """

    def __init__(self, decisions: Iterable[Decision], plans: Iterable[SlotPlan], version: str) -> None:
        self.version = version
        self._options: dict[tuple[int, int, int], tuple[Mapping[Option, tuple[float, ...]], float]] = {}
        self._slots: dict[tuple[int, int], tuple[float, ...]] = {}
        for decision in decisions:
            if decision.action != "drop":
                self._remember(decision)
        for plan in plans:
            self._slots[draws.key(plan.user_id), to_us(plan.at)] = plan.slot_probs

    def _remember(self, decision: Decision) -> None:
        options = {
            (draws.key("candidate:" + o.candidate_id), CHANNELS.index(o.channel)): o.scores for o in decision.feasible
        }
        name = (draws.key(decision.user_id), to_us(decision.at), decision.turn)
        self._options[name] = (options, decision.features.get("mean_unsubscribe", 0.0))

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> Float[np.ndarray, "n K"]:
        """Returns the distributions on record.

        Raises:
            ReplayMismatch: for a plan that was never made.
        """
        found = np.empty((len(keys), SLOTS))
        for i, name in enumerate(zip(keys.tolist(), request.now_us.tolist(), strict=True)):
            if name not in self._slots:
                raise ReplayMismatch(
                    f"got a plan of user key {name[0]:016x} at {name[1]} µs, expected one on record; "
                    "the log, the settings or the event types are not those of the recorded run"
                )
            found[i] = self._slots[name]
        return found

    def scores(self, request: Request) -> Scores:
        """Returns the scores on record.

        Raises:
            ReplayMismatch: for a rank job that never ran.
        """
        person, pool = request.person, request.pool
        values = np.zeros((*pool.present.shape, N_CHANNELS, len(HEADS)))
        mean = np.zeros(request.n)
        for i in range(request.n):
            name = (int(person.key[i]), int(person.now_us[i]), int(person.turn[i]))
            if name not in self._options:
                raise ReplayMismatch(
                    f"got a rank job of user key {name[0]:016x} at {name[1]} µs, expected one on record; "
                    "the log, the settings or the event types are not those of the recorded run"
                )
            options, mean[i] = self._options[name]
            place = {int(key): c for c, key in enumerate(pool.key[i])}
            for (candidate, channel), scores in options.items():
                if candidate in place:
                    values[i, place[candidate], channel] = scores
        return Scores(heads=HEADS, values=values, mean_unsubscribe=mean)
