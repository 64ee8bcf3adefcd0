"""Where scores come from: the models in force, or a log of what they said; the steps never know which."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt64

from tactful import draws
from tactful.clock import to_us
from tactful.decision.policy.utility import HEADS
from tactful.decision.request import Request, Scores
from tactful.errors import InvalidScores, ReplayMismatch
from tactful.events.records import CHANNELS, Decision, SlotPlan
from tactful.features.history import N_CHANNELS, SLOTS
from tactful.features.slot_past import SlotPast, nobody
from tactful.models.protocol import ClickModel, SlotModel, SlotScores, UnsubscribeModel
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

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns where each user's activity falls on her day, and what a send in each slot is worth."""
        ...

    def scores(self, request: Request) -> Scores:
        """Returns the heads of every (candidate, channel)."""
        ...


@dataclass(frozen=True)
class LiveScorer:
    """Scores with loaded models. Every row is scored by itself, so the batch's shape does not matter.

    The slot model is tried at once on a person of whom nothing is known: one that reads what is not kept is refused
    here (`InvalidModel`), and not at the first plan.
    """

    slot_model: SlotModel
    click_model: ClickModel
    unsubscribe_model: UnsubscribeModel

    def __post_init__(self) -> None:
        _foretold(self.slot_model, nobody())

    @property
    def version(self) -> str:
        """The versions of the three models, joined."""
        return "-".join(m.version[:8] for m in (self.slot_model, self.click_model, self.unsubscribe_model))

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns what the slot model foretells.

        Raises:
            InvalidScores: for NaN, an infinite or a negative number.
        """
        return _foretold(self.slot_model, request.past)

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
        self._slots: dict[tuple[int, int], tuple[tuple[float, ...], tuple[float, ...]]] = {}
        for decision in decisions:
            if decision.action != "drop":
                self._remember(decision)
        for plan in plans:
            told = (plan.slot_probs, plan.slot_weights or plan.slot_probs)
            self._slots[draws.key(plan.user_id), to_us(plan.at)] = told

    def _remember(self, decision: Decision) -> None:
        options = {
            (draws.key("candidate:" + o.candidate_id), CHANNELS.index(o.channel)): o.scores for o in decision.feasible
        }
        name = (draws.key(decision.user_id), to_us(decision.at), decision.turn)
        self._options[name] = (options, decision.features.get("mean_unsubscribe", 0.0))

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


def _foretold(model: SlotModel, past: SlotPast) -> SlotScores:
    """What the model says, checked: a plan that rests on NaN would be a plan of nothing."""
    scores = model.foretell(past)
    for what, numbers in (("profile", scores.profile), ("weights", scores.weight)):
        if numbers.shape != past.counts.shape:
            raise InvalidScores(
                f"got {what} of the shape {numbers.shape} from slot model {model.version}, expected {past.counts.shape}"
            )
        if not (numbers.min(initial=0.0) >= 0.0 and numbers.max(initial=0.0) < np.inf):  # false also for NaN
            row = int(np.argmax(~((numbers >= 0.0) & (numbers < np.inf)).all(axis=1)))
            raise InvalidScores(
                f"got NaN, an infinite or a negative number in the {what} of slot model {model.version}, row {row}, "
                "expected finite numbers >= 0; take another model, and see what that one learned from"
            )
    return scores
