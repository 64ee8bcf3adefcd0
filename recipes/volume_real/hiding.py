"""Makes an observational log of the randomised one: half is hidden, so that dose goes with spending.

By the first three rules whole customers are hidden, with what they were sent and bought; half of the heavy spenders
stay and half of the light ones. By the last everybody stays, but the log forgets sends. A heavy spender is above the
median; a customer *matches* if she is heavy and was sent 5 or 6 offers, or light and was sent at most 4.

- `at random`: a customer stays with 0.5. For comparison.
- `by profile`: a match stays with 0.85, another with what makes it half (about 0.1 and 0.2). Heavy by the spending that
  the profile foretells, so the estimators see everything that the rule looked at.
- `by own spending`: the same, but heavy by what she herself spent in these 30 days. No covariate says it.
- `forgotten`: every send of a heavy spender (by profile) stays in the log with 0.65, of a light one with 0.35.
"""

from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from volume_real.customers import DOSES, SEND_HOURS, Customers

RULES: Final = ("at random", "by profile", "by own spending", "forgotten")
SENT_SHARE: Final = 0.75
MANY: Final = 5
MATCH_STAYS: Final = 0.85
SEND_STAYS: Final = (0.35, 0.65)
"""Of a light and of a heavy spender, under `forgotten`."""


@dataclass(frozen=True)
class Log:
    """What an analyst is left with.

    Attributes:
        rule: how it was hidden.
        customers: those who stayed; their outcomes are true.
        dose: sends on record.
        probability: the known chance of that record, up to a factor by dose: for the estimators that may know it.
        heavy: whether the rule took her for a heavy spender.
        hidden_share: share of all sends that are not on record.
    """

    rule: str
    customers: Customers
    dose: Int[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]
    heavy: Bool[np.ndarray, " n"]
    hidden_share: float


def hide(customers: Customers, foretold: Float[np.ndarray, " n"], rule: str, rng: np.random.Generator) -> Log:
    """Returns the log that a rule leaves; `foretold` is the spending by profile, from a model that did not see her."""
    spending = customers.amount if rule == "by own spending" else foretold
    heavy = spending > np.median(spending)
    if rule == "forgotten":
        return _forget(customers, heavy, rng)
    chance = np.full(len(customers), 0.5) if rule == "at random" else _stays(customers.dose, heavy)
    rows = np.flatnonzero(rng.random(len(customers)) < chance)
    kept = customers.take(rows)
    return Log(rule, kept, kept.dose, chance[rows], heavy[rows], 1.0 - kept.dose.sum() / customers.dose.sum())


def _stays(dose: NDArray[np.int64], heavy: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The chance to stay, so that half of the heavy and half of the light do."""
    match = np.where(heavy, dose >= MANY, dose < MANY)
    chance = np.empty(len(dose))
    for group in (heavy, ~heavy):
        share = float(match[group].mean())
        if MATCH_STAYS * share > 0.5:
            raise InvalidExperiment(f"got a share of {share:.2f} matches, cannot keep half; expected 0.58 at most")
        chance[group] = np.where(match[group], MATCH_STAYS, (0.5 - MATCH_STAYS * share) / (1.0 - share))
    return chance


def _forget(customers: Customers, heavy: NDArray[np.bool_], rng: np.random.Generator) -> Log:
    stays = np.array(SEND_STAYS)[heavy.astype(np.int64)]
    dose = (customers.sent & (rng.random(customers.sent.shape) < stays[:, None])).sum(axis=1)
    chance, days = SENT_SHARE * stays, len(SEND_HOURS)
    ways = np.array([comb(days, k) for k in range(DOSES)])[dose]
    probability = ways * chance**dose * (1.0 - chance) ** (days - dose)
    return Log("forgotten", customers, dose, probability, heavy, 1.0 - dose.sum() / customers.dose.sum())
