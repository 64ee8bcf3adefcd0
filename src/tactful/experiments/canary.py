"""A canary: a new ranker decides for a few users, then for more, and is taken back if it does harm.

Pure: `step` takes a state and what was seen since the stage began, and returns the next state. Every stage is looked at
by itself, for within it nobody changes sides; the users who had the new ranker before are among those who have it now.
Its intervals hold at every look, and the risk of a false alarm is shared out among the stages.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from tactful.errors import InvalidExperiment
from tactful.experiments.design import MARGIN
from tactful.experiments.guardrails import beyond_margin, verdict
from tactful.experiments.interval import Interval
from tactful.experiments.sequential import always_valid
from tactful.experiments.sums import Sums

Status: TypeAlias = Literal["running", "promoted", "rolled_back"]

GUARDRAILS: Final = ("unsubscribes", "complaints")
FALSE_ALARM: Final = 0.05
"""Chance that a harmless canary is ever rolled back for one guardrail, over all stages and looks."""
_UNEQUAL: Final = 0.001
"""Below this p-value the arms' sizes do not fit their shares: something loses or doubles users."""
_LEAST_EVENTS: Final = 5.0
"""Fewer say nothing: an interval of the normal distribution is not theirs."""


class Plan(msgspec.Struct, frozen=True):
    """How a canary grows.

    Attributes:
        stages: shares of the users; after the last one the ranker is put in force for all.
        least_days, least_sends: that a stage must have seen.
        margins: by guardrail, how much worse it may be, a share of the others' mean; `design.MARGIN` if not named.

    Raises:
        InvalidExperiment: stages that do not rise within (0, 1), nothing to be seen, or a margin of no guardrail or
            below 0.
    """

    stages: tuple[float, ...] = (0.01, 0.05, 0.25)
    least_days: float = 3.0
    least_sends: int = 500
    margins: dict[str, float] = {}

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip((0.0, *self.stages), (*self.stages, 1.0), strict=True))
        known = self.margins.keys() <= set(GUARDRAILS) and all(margin >= 0.0 for margin in self.margins.values())
        if not (self.stages and rising and self.least_days > 0.0 and self.least_sends >= 0 and known):
            raise InvalidExperiment(
                f"got a canary of stages {self.stages}, {self.least_days} days, {self.least_sends} sends and the "
                f"margins {self.margins}, expected shares that rise between 0 and 1, days above 0, and the rest 0 or "
                f"more; margins for some of {', '.join(GUARDRAILS)}"
            )


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """Where a canary stands.

    Attributes:
        experiment: whose only arm it is.
        version: of the new ranker.
        before: of the ranker that it is compared with; "" for the simple predictors.
        plan: how it grows.
        stage: an index into the plan's stages.
        status, reason: how it goes, and why it stands there.
    """

    experiment: str
    version: str
    before: str
    plan: Plan
    stage: int = 0
    status: Status = "running"
    reason: str = ""

    @property
    def share(self) -> float:
        """The users who have the new ranker: 0 after a rollback, 1 for all."""
        if self.status == "running":
            return self.plan.stages[self.stage]
        return 1.0 if self.status == "promoted" else 0.0


class Guard(msgspec.Struct, frozen=True):
    """A guardrail: means a user, how far the canary is beyond the margin with an always-valid interval, and events."""

    metric: str
    others: float
    canary: float
    excess: Interval
    events: int

    @property
    def broken(self) -> bool:
        """Whether the canary does harm, outside the interval, on enough events to say so."""
        return verdict(self.excess) == "broken" and self.events >= _LEAST_EVENTS


class Evidence(msgspec.Struct, frozen=True):
    """What was seen since the stage began.

    Attributes:
        days: since then.
        users: the others, and those of the canary.
        sends: messages to the canary's.
        sample_ratio_p: of the numbers of users against their shares.
        guards: by metric.
    """

    days: float
    users: tuple[int, int]
    sends: int
    sample_ratio_p: float
    guards: tuple[Guard, ...]


def guards(sums: Sums, columns: tuple[str, ...], days: float, plan: Plan) -> tuple[Guard, ...]:
    """Returns the guardrails of a stage.

    Args:
        sums: of two arms, the others first.
        columns: names of the metrics.
        days: since the stage began; the intervals are narrowest at the plan's least days.
        plan: of the canary.

    Raises:
        InvalidExperiment: fewer than two users on a side.
    """
    level = 1.0 - 2.0 * FALSE_ALARM / len(plan.stages)  # of two ends, of which one matters
    found = []
    for name in GUARDRAILS:
        metric = columns.index(name)
        excess = beyond_margin(sums[1:2], sums[:1], metric, plan.margins.get(name, MARGIN), "more")
        (interval,) = always_valid(excess, days / plan.least_days, level)
        others, own = sums.mean[:, metric].tolist()
        found.append(Guard(name, others, own, interval, round(own * int(sums.n[1]))))
    return tuple(found)


def step(canary: Canary, seen: Evidence) -> Canary:
    """Returns what becomes of a canary at a look: taken back, left where it is with the reason, grown, or promoted.

    Harm is looked at first, at every look; growth needs the stage's exposure.

    Raises:
        InvalidExperiment: it does not run.
    """
    if canary.status != "running":
        raise InvalidExperiment(f"got a canary that was {canary.status}, expected one that runs; promote again")
    for guard in seen.guards:
        if guard.broken:
            return _after(
                canary,
                f"{guard.metric}: {guard.canary:.4g} a user, the others {guard.others:.4g}; beyond the margin by "
                f"{guard.excess.low:.3g} at least",
                status="rolled_back",
            )
    if seen.sample_ratio_p < _UNEQUAL:
        return _after(canary, f"sizes do not fit the shares (p = {seen.sample_ratio_p:.1e}); find who is missing")
    plan = canary.plan
    if seen.days < plan.least_days:
        return _after(canary, f"{seen.days:.1f} of {plan.least_days:g} days are in")
    if seen.sends < plan.least_sends:
        rate = f", {seen.sends / seen.days:,.0f} a day" if seen.sends else ""
        return _after(canary, f"{seen.sends:,} of {plan.least_sends:,} messages are in{rate}")
    last = canary.stage + 1 == len(plan.stages)
    reason = f"no guardrail broken in {seen.days:.1f} days and {seen.sends:,} messages"
    if last:
        return _after(canary, reason, status="promoted")
    return msgspec.structs.replace(_after(canary, reason), stage=canary.stage + 1)


def _after(canary: Canary, reason: str, status: Status = "running") -> Canary:
    return msgspec.structs.replace(canary, status=status, reason=reason)
