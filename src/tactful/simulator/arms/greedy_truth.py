"""Greedy with the truth: a reference, which no honest arm can reach and which is not a bound.

    U = p_click Π_{24 h}(1 − p_own) − p_leave W / channels

Of every option the world itself says how likely it is clicked and makes its person leave, were it the next thing that
happens; a click counts if she would not have come in the coming day anyway, leaving costs her remaining value W, parted
evenly among the channels still open. It looks no further: what a message tires or a visit makes a habit is left out.
The price holds the volume. It works in any world that tells its truth (`protocol.Truth`).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64, UInt64

from tactful.decision.request import Request, Scores
from tactful.errors import TruthForbidden
from tactful.events.registry import Registry
from tactful.models.protocol import SlotScores
from tactful.runtime.scoring import Scorer, Versions
from tactful.runtime.steps import PlanRequest
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.judged import HEAD, judged_rules
from tactful.simulator.arms.policy import Policy
from tactful.simulator.choice_log import reached
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.protocol import TICK_US, SendColumns, Truth, World

_AHEAD_HOURS: Final = 24


class GreedyScorer:
    """Fits `runtime.scoring.Scorer`: the base's hours, and what every option is really worth at the present hour."""

    def __init__(self, base: Scorer) -> None:
        """Knows no world yet; `meet` hands it one."""
        self._base, self._hour = base, -1
        self._world: World | None = None
        self._keys: UInt64[np.ndarray, " n"] = np.zeros(0, dtype=np.uint64)
        self._by_key, self._type_of = np.zeros((2, 0), dtype=np.int64)

    @property
    def version(self) -> str:
        """Of the base."""
        return self._base.version

    @property
    def versions(self) -> Versions:
        """Of the base."""
        return self._base.versions

    def meet(self, world: World) -> None:
        """Takes the world that the arm lives in."""
        self._world = world
        self._keys = world.users().user_key
        self._by_key = np.argsort(self._keys)
        names = list(world.types)
        self._type_of = np.array([names.index(n) if n in names else -1 for n in Registry.shipped().names])

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns what the base foretells."""
        return self._base.slots(keys, request)

    def scores(self, request: Request) -> Scores:
        """Returns the true worth of every option that is open, 0 of others."""
        user = self._by_key[np.searchsorted(self._keys, request.person.key, sorter=self._by_key)]
        options = reached(request)
        row, place, channel = np.nonzero(options)
        pool, truth = request.pool, self._truth(request.person.now_us)
        sends = SendColumns(
            user=user[row],
            at_us=request.person.now_us[row],
            channel=channel.astype(np.int8),
            type=self._type_of[pool.type[row, place]].astype(np.int16),
            category=pool.category[row, place].astype(np.int32),
            quality=pool.quality[row, place].astype(np.float32),
            candidate=pool.offset[row, place],
            decision=np.zeros(len(row), dtype=np.int64),
        )
        worth = np.zeros(options.shape)
        gain = truth.click_probability(sends).astype(np.float64) * self._quiet[sends.user]
        worth[row, place, channel] = gain - truth.leave_probability(sends) * self._lost[sends.user]
        return Scores((HEAD,), worth[..., None], np.zeros(request.n))

    def _truth(self, now_us: Int64[np.ndarray, " n"]) -> Truth:
        """The truth of the hour: asked for once in it."""
        if self._world is None:
            raise TruthForbidden("got no world, expected one before the first job; run the arm in a closed loop")
        hour = int(now_us[0] // TICK_US)
        if hour != self._hour:
            self._hour, self._told = hour, self._world.truth()
            own = self._told.organic(hour * TICK_US, _AHEAD_HOURS).astype(np.float64)
            self._quiet: Float64[np.ndarray, " n"] = np.prod(1.0 - own, axis=1)
            channels = np.maximum(np.bitwise_count(self._told.reachable), 1)
            self._lost: Float64[np.ndarray, " n"] = np.maximum(self._told.remaining_value(), 0.0) / channels
        return self._told


@dataclass(frozen=True)
class Greedy:
    """Makes the policy of the arm, but for its budgets: the delivery's hours and price, the truth as its ranker."""

    delivery: Assembled

    def __call__(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy."""
        rules = judged_rules(self.delivery.rules)
        policy = replace(self.delivery, rules=rules, ranker=None)(log, seed)
        scorer = GreedyScorer(policy.scorer)
        return replace(policy, scorer=scorer, meet=scorer.meet)

    def sent_by_budget(self, k_max: int) -> Float64[np.ndarray, "r b"]:
        """Returns what budgets are expected to send a week under the price, by reach."""
        return self.delivery.sent_by_budget(k_max)
