"""Duolingo's recovering difference softmax, here over event types: what to say, at the personal hour of the day.

    μ⁺_a = Σ_{a_t = a} w r / Σ w, w = 1/b_t(a);   μ⁻_a the same over rounds in which a could have been said and was not,
    w = 1/(1 − b_t(a));   s_a = (μ̂⁺_a − μ̂⁻_a) / μ̂⁻_a;   s*_{a,t} = s_a − γ ½^(d/h);   π(a) ∝ exp(s*_{a,t} / τ)

b is the chance that a round said a, d the days since the person last got an a. Means are shrunk towards everybody's,
(w̄ n + μ κ)/(n + κ) with n = (Σw)²/Σw² rounds and κ pseudo-rounds. A round is a random send of a world that is not
scored (`choice_log.py`); the reward is a session within two hours, as theirs is a lesson. γ, h and τ are published.

**Source**: Yancey and Settles, "A sleeping, recovering bandit algorithm for optimizing recurring notifications",
KDD 2020, sections 4.1-4.3.
**Deviation**: their arms are templates of one daily reminder, ours are event types, of which a person has only those
that came up; within a type the ranker's best candidate goes. Their volume is one a day: ours is what the budget says,
the same for everyone. κ is 1,000 and not 100,000, for our rounds are thousands and not a hundred million. Days since
the last are known by bins of age (`features/ranking.py`).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, UInt64
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import HOUR_US
from tactful.decision.request import Request, Scores
from tactful.errors import InvalidExperiment
from tactful.features.ranking import AGE_EDGES_HOURS, CANDIDATE_IDS, SEND_IDS
from tactful.models.protocol import SlotScores
from tactful.runtime.scoring import Scorer, Versions
from tactful.runtime.steps import PlanRequest
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.judged import HEAD, judged_rules
from tactful.simulator.arms.policy import Policy
from tactful.simulator.choice_log import RANDOM, Choices, next_at
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.visits import SESSION

RECENCY, HALF_LIFE_DAYS, TEMPERATURE = 0.017, 15.0, 0.0025
"""γ, h and τ as published."""
REWARD_HOURS: Final = 2.0
PSEUDO_ROUNDS: Final = 1_000.0
LEAST_CHANCE: Final = 0.005
"""Rounds in which b or 1 − b is smaller are left out, as published."""
_BETWEEN: Final = 1e-3
"""What a click weighs between two candidates of one type: no more than a tie."""
_DAYS: Final[NDArray[np.float64]] = np.array([np.inf, 0.0, *AGE_EDGES_HOURS]) / 24.0
"""Days since a send by its bin of age: the youngest of the bin."""


def type_scores(choices: Choices) -> Float64[np.ndarray, " types"]:
    """Returns s of every event type, 0 for one that was never said or never left unsaid.

    Raises:
        InvalidExperiment: the log has no random sends.
    """
    said = (choices.bucket == RANDOM) & (choices.sent >= 0)
    if not said.any():
        raise InvalidExperiment("got no random sends, expected a log of `by_coin`; log more days")
    reward = (next_at(choices, choices.e_kind == SESSION, choices.at_us) - choices.at_us)[
        said
    ] <= REWARD_HOURS * HOUR_US
    chance, sent = choices.eligible[said].astype(np.float64), choices.sent[said]
    overall, scores = float(reward.mean()), np.zeros(chance.shape[1])
    for a in range(chance.shape[1]):
        b = chance[:, a]
        open_to = (b >= LEAST_CHANCE) & (1.0 - b >= LEAST_CHANCE)
        chosen, other = open_to & (sent == a), open_to & (sent != a)
        if chosen.any() and other.any():
            plus = _shrunk_mean(reward[chosen], 1.0 / b[chosen], overall)
            minus = _shrunk_mean(reward[other], 1.0 / (1.0 - b[other]), overall)
            scores[a] = (plus - minus) / minus
    return scores


def _shrunk_mean(reward: Bool[np.ndarray, " r"], w: Float64[np.ndarray, " r"], overall: float) -> float:
    n = float(w.sum() ** 2 / np.sum(w**2))
    return (float(np.sum(w * reward) / w.sum()) * n + overall * PSEUDO_ROUNDS) / (n + PSEUDO_ROUNDS)


@dataclass(frozen=True)
class RecoveringSoftmax:
    """Fits `runtime.scoring.Scorer`: the base's hours; of the open candidates one by softmax over their types.

    The draw is Gumbel's: the largest of s*/τ + g is a draw of the softmax, g = −log(−log u), u a hash draw of the
    person, the instant and the type.
    """

    base: Scorer
    scores_of: Float64[np.ndarray, " types"]
    seed: int

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
        """Returns s*/τ + g of every candidate; a click is a tie-break between candidates of one type."""
        said = self.base.scores(request)
        click = said.values[..., said.heads.index("click")]
        kind = np.where(request.pool.present, request.pool.type, 0)
        drawn = np.empty(kind.shape)
        for a in np.unique(kind).tolist():
            u = draws.uniform(self.seed, request.person.key, request.person.now_us, f"softmax of type {a}")
            drawn = np.where(kind == a, -np.log(-np.log(np.clip(u, 1e-12, 1.0 - 1e-12)))[:, None], drawn)
        at = (self.scores_of[kind] - penalty(request)) / TEMPERATURE + drawn
        return Scores((HEAD,), (at[:, :, None] + _BETWEEN * click)[..., None], np.zeros(request.n), said.ranked)


def penalty(request: Request) -> Float64[np.ndarray, "n c"]:
    """Returns γ ½^(d/h) of each candidate's type: what it loses for having been said not long ago."""
    number = request.inputs.candidate_ids[:, :, list(CANDIDATE_IDS).index("type")]
    past = request.inputs.sends
    was, age = (past[:, :, list(SEND_IDS).index(name)] for name in ("type", "age"))
    same = (number[:, :, None] == was[:, None, :]) & (age[:, None, :] > 0)
    days = np.where(same, _DAYS[age][:, None, :], np.inf).min(axis=2)
    lost: NDArray[np.float64] = RECENCY * 0.5 ** (days / HALF_LIFE_DAYS)
    return lost


@dataclass(frozen=True)
class Reminders:
    """Makes the policy of the arm, but for its budgets, which are the same for everyone."""

    delivery: Assembled
    scores_of: Float64[np.ndarray, " types"]

    def __call__(self, log: ExplorationLog | None, seed: int) -> Policy:
        """Returns the policy: one job a send, at the personal hour, without a price."""
        policy = replace(self.delivery, rules=judged_rules(self.delivery.rules))(log, seed)
        return replace(policy, scorer=RecoveringSoftmax(policy.scorer, self.scores_of, seed))
