"""The gate before a canary: whether a change is shown to be no worse than the present by more than a margin.

Pure: estimates in, a verdict with its numbers out. What is not shown is *inconclusive*, which is no permission; then
the days are told that would settle it, if the estimates stay where they are.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from tactful.errors import InvalidExperiment
from tactful.experiments.interval import Interval
from tactful.experiments.ope import Estimate

Verdict: TypeAlias = Literal["promote", "worse", "inconclusive"]

MARGIN: Final = 0.01
"""Share of the present reward that a change may lose."""


class Judgement(msgspec.Struct, frozen=True):
    """One reward at the gate.

    Attributes:
        reward: its name.
        verdict: of this reward alone.
        rows, people: of the log with a known reward.
        ess: effective rows that the target's estimate rests on.
        present, target: estimated means.
        difference: target minus present, with its 95 % interval.
        allowed: the difference at the margin: below 0 where more is better, above where less is.
        more_days: of such a log, until this reward is settled; 0 if it is, None if no log would do.
    """

    reward: str
    verdict: Verdict
    rows: int
    people: int
    ess: float
    present: float
    target: float
    difference: Interval
    allowed: float
    more_days: float | None


class Gate(msgspec.Struct, frozen=True):
    """What the gate says: its verdict, the margin, the days of the log, each reward, and the reason in a sentence."""

    verdict: Verdict
    margin: float
    days: float
    judgements: tuple[Judgement, ...]
    why: str


def judge(
    reward: str,
    better: Literal["more", "less"],
    rows: int,
    people: int,
    present: Estimate,
    target: Estimate,
    difference: Interval,
    days: float,
    margin: float = MARGIN,
) -> Judgement:
    """Returns whether one reward is shown not to be worse by the margin, shown to be, or neither.

    With m the margin and p the present value, where more is better: `promote` if the interval of the difference lies
    above −m·p, `worse` if it lies below. An interval's half width falls with the root of the days, which gives
    `more_days`.

    Args:
        reward: its name.
        better: which direction is good.
        rows, people: that the estimates were made from.
        present, target, difference: as `ope_compare.compare` gives them.
        days: of the log.
        margin: m.

    Raises:
        InvalidExperiment: a margin outside (0, 1), or a log without days.
    """
    if not 0.0 < margin < 1.0 or not days > 0.0:
        raise InvalidExperiment(f"got a margin of {margin} on {days} days, expected one between 0 and 1, and days")
    sign = 1.0 if better == "more" else -1.0
    allowed = -sign * margin * present.value
    value, one, other = (sign * (end - allowed) for end in difference)
    low, high = min(one, other), max(one, other)
    verdict: Verdict = "promote" if low > 0.0 else "worse" if high < 0.0 else "inconclusive"
    more: float | None = 0.0
    if verdict == "inconclusive":
        half = value - low if value > 0.0 else high - value
        more = days * ((half / abs(value)) ** 2 - 1.0) if value else None
    return Judgement(reward, verdict, rows, people, target.ess, present.value, target.value, difference, allowed, more)


def gate(judgements: Sequence[Judgement], days: float, margin: float = MARGIN) -> Gate:
    """Returns the verdict over all rewards: the first must be shown to be no worse, no other must be shown to be worse.

    Rare rewards, such as leaving, are hardly ever settled by a log; the canary's guardrails watch them.

    Raises:
        InvalidExperiment: no reward.
    """
    if not judgements:
        raise InvalidExperiment("got no reward to judge by, expected one or more; the first decides")
    told = tuple(judgements)
    worse = [one.reward for one in told if one.verdict == "worse"]
    if worse:
        why = f"{', '.join(worse)}: worse by more than {100.0 * margin:g} % outside the interval"
        return Gate("worse", margin, days, told, why)
    first = told[0]
    if first.verdict == "promote":
        return Gate(
            "promote", margin, days, told, f"{first.reward}: no worse by {100.0 * margin:g} %, outside the interval"
        )
    wait = "no log of this kind settles it" if first.more_days is None else f"some {first.more_days:,.0f} days more"
    return Gate("inconclusive", margin, days, told, f"{first.reward}: the interval holds −{100.0 * margin:g} %; {wait}")


def too_thin(why: str, days: float, margin: float = MARGIN) -> Gate:
    """Returns the verdict on a log that says nothing: inconclusive, for the reason given."""
    return Gate("inconclusive", margin, days, (), why)
