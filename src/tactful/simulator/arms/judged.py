"""A delivery in which a model of the send itself speaks: what it is worth to tell this person anything now.

The message is the one that the delivery's own scorer likes best, as for every arm; whether it goes out is settled by
the model and by the price that holds the volume. Rivals that learn send against hold are made of this.
"""

from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, Float64, UInt64

from tactful.decision.request import Request, Scores
from tactful.decision.rules import Rules
from tactful.models.protocol import SlotScores
from tactful.runtime.scoring import Scorer, Versions
from tactful.runtime.steps import PlanRequest
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.policy import Policy
from tactful.simulator.choice_log import CLICKS_ONLY, reached, states
from tactful.simulator.exploration_log import ExplorationLog

HEAD: Final = "click"
"""The one head, of weight 1: what it holds is a worth, and no probability."""


@runtime_checkable
class Worth(Protocol):
    """Says what a send is worth, in whatever unit: the price is in the same."""

    def worth(self, state: Float32[np.ndarray, "n f"]) -> Float64[np.ndarray, " n"]:
        """Returns the worth of telling each person her best message now; columns as `choice_log.STATE`."""
        ...


@dataclass(frozen=True)
class JudgedScorer:
    """Fits `runtime.scoring.Scorer`: hours and messages as the base has them, and one head, the worth of a send.

    U = worth(state) − (best click − click): the most clicked message has the whole worth, any other as much less as
    it is clicked less.
    """

    base: Scorer
    model: Worth

    @property
    def version(self) -> str:
        """Of the base."""
        return self.base.version

    @property
    def versions(self) -> Versions:
        """Of the base."""
        return self.base.versions

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns what the base foretells."""
        return self.base.slots(keys, request)

    def scores(self, request: Request) -> Scores:
        """Returns the worth of every option."""
        said = self.base.scores(request)
        click: Float[np.ndarray, "n c h"] = said.values[..., said.heads.index("click")]
        best = np.where(reached(request), click, 0.0).max(axis=(1, 2))
        worth = self.model.worth(states(request, click))[:, None, None] - (best[:, None, None] - click)
        return Scores((HEAD,), worth[..., None], np.zeros(request.n), said.ranked)


@dataclass(frozen=True)
class Judged:
    """Makes the policy of an arm, but for its budgets, like `Assembled`, whose hours, ranker and exploration it has."""

    delivery: Assembled
    model: Worth

    def __call__(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy."""
        policy = replace(self.delivery, rules=judged_rules(self.delivery.rules))(log, seed)
        return replace(policy, scorer=JudgedScorer(policy.scorer, self.model))

    def sent_by_budget(self, k_max: int) -> Float64[np.ndarray, "r b"]:
        """Returns what budgets are expected to send a week under the price, by reach."""
        return self.delivery.sent_by_budget(k_max)


def judged_rules(rules: Rules) -> Rules:
    """Returns the rules with a utility that is the one head and nothing else.

    >>> judged_rules(Rules()).utility
    'nep'
    """
    return Rules(price=rules.price, candidates_ranked=rules.candidates_ranked, utility="nep", weights=CLICKS_ONLY)
