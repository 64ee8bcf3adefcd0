"""Guardrails: whether an arm makes something (unsubscribes) worse by more than a margin that was agreed before."""

from typing import Literal, TypeAlias

import numpy as np

from tactful.errors import InvalidExperiment
from tactful.experiments.effects import Effects
from tactful.experiments.effects import mean_difference as _difference
from tactful.experiments.interval import Interval
from tactful.experiments.sums import Sums

Verdict: TypeAlias = Literal["holds", "open", "broken"]
"""Not worse by the margin; not known yet; worse by more than the margin."""


def beyond_margin(treated: Sums, control: Sums, metric: int, margin: float, worse: Literal["more", "less"]) -> Effects:
    """Returns by how much arms are worse than the control and the margin together; below 0, they are not inferior.

    Where more is worse, `x̄_t − (1 + m)·x̄_c`; where less is, `(1 − m)·x̄_c − x̄_t`. It is a difference of means, so a
    control in which nothing happened does no harm, as it would to a relative lift.

    Args:
        treated, control: pairwise, as in `effects`.
        metric: which.
        margin: m, a share of the control's mean: .1 lets pass what is 10 % worse.
        worse: which direction does harm.

    Raises:
        InvalidExperiment: a margin below 0, or an arm with fewer than two users.
    """
    if not 0.0 <= margin < np.inf:
        raise InvalidExperiment(f"got a margin of {margin}, expected a share of the control's mean, 0 or more")
    one = np.zeros((1, control.mean.shape[1]))
    one[0, metric] = 1.0
    harm = 1.0 if worse == "more" else -1.0
    own = treated.changed(one * harm, np.zeros(1))
    return _difference(own, control.changed(one * harm * (1.0 + harm * margin), np.zeros(1)), 0)


def verdict(excess: Interval) -> Verdict:
    """Returns what an interval of `beyond_margin` says.

    Both of its ends are one-sided bounds: for a risk of 5 % each way take the interval at level .9, of one look
    (`Effects.intervals`) or of all looks (`sequential.always_valid`).

    >>> verdict(Interval(-0.2, -0.3, -0.1)), verdict(Interval(0.0, -0.1, 0.1)), verdict(Interval(0.2, 0.1, 0.3))
    ('holds', 'open', 'broken')
    """
    if excess.high < 0.0:
        return "holds"
    return "broken" if excess.low > 0.0 else "open"
