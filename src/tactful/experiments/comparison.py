"""What an experiment found, as a value: every arm against the control, and what must be known before it is believed.

`compare.py` makes it from sums; the command line shows it.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from tactful.experiments.guardrails import Verdict
from tactful.experiments.interval import Interval

UNEQUAL: Final = 0.02
"""Arms whose sends a user differ by more, outside the interval, are not compared at equal volume."""


class Measured(msgspec.Struct, frozen=True):
    """One metric of one arm, beside the control.

    Attributes:
        arm, metric: which; `clicks/sends` is a ratio.
        control, treated: means a user, or ratios, adjusted by what the days before foretell.
        difference: of the two, at 95 % for one look.
        lift: the same as a share of the control's, .02 is 2 % more; None where the control has nothing.
        watched: the lift with an interval that holds at every look.
        p, p_holm, p_discoveries: for one look; corrected for all arms and metrics by Holm, and by Benjamini-Hochberg.
        p_watched: holds at every look, not corrected.
        detectable: the difference that an experiment of this size finds with a chance of 80 % in one look.
        explained: the share of the metric's variance that the days before foretold.
    """

    arm: str
    metric: str
    control: float
    treated: float
    difference: Interval
    lift: Interval | None
    watched: Interval | None
    p: float
    p_holm: float
    p_discoveries: float
    p_watched: float
    detectable: float
    explained: float


class Guarded(msgspec.Struct, frozen=True):
    """A guardrail of an arm: means a user, the margin, how far beyond it (below 0 is well), and what that says."""

    arm: str
    metric: str
    control: float
    treated: float
    margin: float
    excess: Interval
    verdict: Verdict


class Look(msgspec.Struct, frozen=True):
    """A metric's lift as it stood some days after the start; `low` and `high` hold at every look."""

    days: float
    arm: str
    metric: str
    lift: float
    low: float
    high: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The report of an experiment.

    Attributes:
        name, arms: of the experiment; the first arm is the control.
        days, planned_days: since the start, and in all.
        users: in each arm.
        decided: of these, for whom the engine decided anything.
        sample_ratio_p: of the arms' sizes against their shares; below .001 something loses or doubles users.
        sends: messages a user, in each arm.
        sends_lift: the same against the control, at 95 %, for every arm but the control.
        measured, guardrails, looks: by arm and metric.
        warnings: what stands against believing it.
    """

    name: str
    arms: tuple[str, ...]
    days: float
    planned_days: float
    users: tuple[int, ...]
    decided: tuple[int, ...]
    sample_ratio_p: float
    sends: tuple[float, ...]
    sends_lift: tuple[Interval | None, ...]
    measured: tuple[Measured, ...]
    guardrails: tuple[Guarded, ...]
    looks: tuple[Look, ...]
    warnings: tuple[str, ...]


def warnings(
    arms: tuple[str, ...], days: float, ratio_p: float, lifts: Sequence[Interval | None], guarded: Sequence[Guarded]
) -> tuple[str, ...]:
    """Returns what stands against believing the rest, in sentences."""
    found = []
    if ratio_p < 0.001:
        found.append(
            f"The arms' sizes do not fit their shares (p = {ratio_p:.1e}): something loses or doubles users. Do not "
            "read the rest before that is found; who is missing in which arm?"
        )
    for arm, lift in zip(arms[1:], lifts, strict=True):
        if lift is not None and (lift.low > UNEQUAL or lift.high < -UNEQUAL):
            found.append(
                f"{arm} sends {100 * lift.value:+.1f} % [{100 * lift.low:+.1f}, {100 * lift.high:+.1f}] a user: arms "
                "are not at equal volume, so volumes are compared, too. Leave out the days in which its threshold "
                "settled (--since), see whether its cells are saturated, or read ratios such as clicks/sends."
            )
    found += [
        f"Guardrail broken: {one.arm} has {one.treated:.4g} {one.metric} a user, the control {one.control:.4g}. End it."
        for one in guarded
        if one.verdict == "broken"
    ]
    if days < 7.0:
        found.append("Less than a week is in; people differ by weekday. Read whole weeks.")
    return tuple(found)
