"""Whether a log can answer at all: how many rows a target policy really rests on, and what of it the log never tried.

An estimate without support looks like any other: it has a value and an interval. So it is refused before it is made.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from tactful.errors import InvalidExperiment, NotIdentifiable
from tactful.experiments.interval import Interval
from tactful.experiments.ope_intervals import delta, effective_size

LEAST_ESS: Final = 100.0
"""Effective rows below which nothing is said: with fewer, the weights' own spread decides the estimate."""
MOST_SHARE: Final = 0.1
"""Of all weight that one unit may have: above, the estimate is that unit's story."""
LEAST_COVERED: Final = 0.95
"""Of the target's choices that the log must be able to make."""
_SURE: Final = 0.999
"""Level of the interval by which it is found unable: by luck, one evaluation in 2,000."""


class Support(NamedTuple):
    """What a target policy rests on in a log.

    Attributes:
        rows: choices in the log.
        units: whose they are.
        ess: effective rows, `(Σ w)² / Σ w²`.
        largest_share: of all weight, what the heaviest unit has.
        covered: the mean weight with its 99.9 % interval: 1 where the log can make every choice that the target makes,
            less by the share of those that it never makes.
    """

    rows: int
    units: int
    ess: float
    largest_share: float
    covered: Interval


def support(
    logged_propensity: Float[np.ndarray, " n"],
    target_propensity: Float[np.ndarray, " n"],
    unit: Int64[np.ndarray, " n"],
) -> Support:
    """Returns what a target policy rests on.

    Raises:
        InvalidExperiment: a logged chance outside (0, 1], or fewer than two units.
    """
    if not ((logged_propensity > 0.0) & (logged_propensity <= 1.0)).all():
        raise InvalidExperiment("got a logged propensity outside (0, 1], expected the chance of each logged choice")
    weight = target_propensity / logged_propensity
    _, place = np.unique(unit, return_inverse=True)
    by_unit = np.bincount(place, weight)
    total = float(by_unit.sum())
    return Support(
        rows=len(weight),
        units=len(by_unit),
        ess=effective_size(weight),
        largest_share=float(by_unit.max()) / total if total else 1.0,
        covered=delta(weight, np.ones(len(weight)), unit, _SURE),
    )


def require(found: Support, least_ess: float = LEAST_ESS, most_share: float = MOST_SHARE) -> Support:
    """Returns the support if it suffices.

    Raises:
        NotIdentifiable: nothing in the log is what the target does, too few effective rows, one unit with too much of
            the weight, or too many of the target's choices that the log never makes.
    """
    ess, share, covered = found.ess, found.largest_share, found.covered
    if ess == 0.0:
        raise NotIdentifiable(f"got {found.rows:,} logged choices of which the target policy makes none")
    if ess < least_ess:
        raise NotIdentifiable(
            f"got {found.rows:,} logged choices that are worth {ess:.0f} of the target policy's own, expected at least "
            f"{least_ess:.0f}; explore more, wait, or judge a policy that is nearer to the log's"
        )
    if share > most_share:
        raise NotIdentifiable(
            f"got one unit of {found.units:,} with {share:.0%} of all weight, expected at most {most_share:.0%}; "
            "its reward would be the estimate"
        )
    if covered.high < LEAST_COVERED:
        raise NotIdentifiable(
            f"got a log that can make {covered.value:.0%} [{covered.low:.0%}, {covered.high:.0%}] of the target "
            f"policy's choices, expected {LEAST_COVERED:.0%} or more; of the rest it says nothing"
        )
    return found
