"""Compares the arms of an experiment, from the sums of each look: pure, and the same for two arms or a hundred.

`runtime/experiment_report.py` makes the sums from a store; what comes out is a `comparison.Comparison`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments import sequential
from tactful.experiments.assign import sample_ratio_p
from tactful.experiments.comparison import Comparison, Guarded, Look, Measured, warnings
from tactful.experiments.design import Experiment
from tactful.experiments.effects import (
    Effects,
    cuped,
    mean_difference,
    ratio_difference,
    ratios,
    relative_lift,
    relative_ratio_lift,
)
from tactful.experiments.guardrails import beyond_margin, verdict
from tactful.experiments.interval import Interval
from tactful.experiments.power import detectable
from tactful.experiments.several import benjamini_hochberg, holm
from tactful.experiments.sums import Sums

_SENDS: Final = "sends"
_USERS_A_COVARIATE: Final = 20
"""With fewer, the adjustment would fit the noise, and errors would look smaller than they are."""


class Counted(NamedTuple):
    """What was counted up to a look: of m metrics, those since the start and then those of the days before."""

    days: float
    sums: Sums


def compare(
    experiment: Experiment,
    columns: Sequence[str],
    looks: Sequence[Counted],
    decided: Sequence[int],
    planned_days: float,
    shares: Sequence[float] | None = None,
    equal_volume: bool = True,
) -> Comparison:
    """Returns what the last look says, and how it came to that.

    Args:
        experiment: whose arms the sums are, in its order.
        columns: names of the m metrics; `sends` is among them.
        looks: by rising days.
        decided: users of each arm for whom anything was decided.
        planned_days: for which always-valid intervals are narrowest; fixed before the start.
        shares: of the arms among those who are counted; those of the experiment by default.
        equal_volume: whether arms are meant to send alike; of a holdout nothing else is expected than that they do not.

    Raises:
        InvalidExperiment: fewer than two arms; an arm with fewer than two users; what `refuse_unknown` refuses.
    """
    refuse_unknown(experiment, columns)
    if len(experiment.arms) < 2:
        raise InvalidExperiment(f"experiment {experiment.name!r} has one arm; a comparison needs two")
    raw = looks[-1].sums
    arms = tuple(arm.name for arm in experiment.arms)
    if raw.n.min() < 2:
        few = {name: int(n) for name, n in zip(arms, raw.n, strict=True) if n < 2}
        raise InvalidExperiment(f"got {few} users in arms of {experiment.name!r}, expected 2 or more; wait for more")
    share = looks[-1].days / planned_days
    measured = _measured(experiment, columns, raw, share)
    guarded = _guarded(experiment, columns, raw, share)
    sends = raw.mean[:, list(columns).index(_SENDS)]
    lifts: tuple[Interval | None, ...] = (None,) * (len(arms) - 1)
    if equal_volume and sends[0] > 0.0:
        lifts = tuple(relative_lift(raw[1:], raw[:1], list(columns).index(_SENDS)).intervals())
    ratio_p = sample_ratio_p(raw.n, tuple(shares or (arm.share for arm in experiment.arms)))
    return Comparison(
        name=experiment.name,
        arms=arms,
        days=looks[-1].days,
        planned_days=planned_days,
        users=tuple(raw.n.tolist()),
        decided=tuple(decided),
        sample_ratio_p=ratio_p,
        sends=tuple(sends.tolist()),
        sends_lift=lifts,
        measured=measured,
        guardrails=guarded,
        looks=_looks(experiment, columns, looks, planned_days),
        warnings=warnings(arms, looks[-1].days, ratio_p, lifts, guarded),
    )


def refuse_unknown(experiment: Experiment, columns: Sequence[str]) -> None:
    """Checks that everything an experiment names can be compared.

    Raises:
        InvalidExperiment: a metric that is not counted, or a guardrail that is a ratio.
    """
    for name in experiment.metrics:
        _places(name, columns)
    for name in experiment.guardrails:
        _counted(name, columns)


def _measured(experiment: Experiment, columns: Sequence[str], raw: Sums, share: float) -> tuple[Measured, ...]:
    adjusted = _adjusted(raw, len(columns))
    found = [_of_metric(experiment, name, columns, raw, adjusted, share) for name in experiment.metrics]
    p = np.array([one.p for of_metric in found for one in of_metric])
    corrected = zip(holm(p).tolist(), benjamini_hochberg(p).tolist(), strict=True)
    return tuple(
        msgspec.structs.replace(one, p_holm=by_holm, p_discoveries=by_share)
        for one, (by_holm, by_share) in zip((one for of_metric in found for one in of_metric), corrected, strict=True)
    )


def _of_metric(
    experiment: Experiment, name: str, columns: Sequence[str], raw: Sums, sums: Sums, share: float
) -> list[Measured]:
    """Every arm's; p-values are not corrected yet."""
    metric, over = _places(name, columns)
    difference, level = _difference(sums, metric, over)
    lift = _lift(sums, metric, over)
    told = [None] * len(difference.value) if lift is None else lift.intervals()
    watched = [None] * len(told) if lift is None else sequential.always_valid(lift, share)
    p, p_watched = difference.p(), sequential.p_values(difference, share)
    plain = _difference(raw, metric, over)[0]
    return [
        Measured(
            arm=experiment.arms[i + 1].name,
            metric=name,
            control=float(level[0]),
            treated=float(level[i + 1]),
            difference=interval,
            lift=told[i],
            watched=watched[i],
            p=float(p[i]),
            p_holm=float(p[i]),
            p_discoveries=float(p[i]),
            p_watched=float(p_watched[i]),
            detectable=detectable(float(difference.error[i])),
            explained=_explained(float(difference.error[i]), float(plain.error[i])),
        )
        for i, interval in enumerate(difference.intervals())
    ]


def _guarded(experiment: Experiment, columns: Sequence[str], raw: Sums, share: float) -> tuple[Guarded, ...]:
    """Guardrails count harm, so more is worse; each end of their interval is a bound at 95 %, at every look."""
    found = []
    for name in experiment.guardrails:
        metric, margin = _counted(name, columns), experiment.margin(name)
        excess = sequential.always_valid(beyond_margin(raw[1:], raw[:1], metric, margin, "more"), share, 0.9)
        found += [
            Guarded(arm.name, name, float(raw.mean[0, metric]), float(raw.mean[i, metric]), margin, each, verdict(each))
            for i, (arm, each) in enumerate(zip(experiment.arms[1:], excess, strict=True), start=1)
        ]
    return tuple(found)


def _looks(
    experiment: Experiment, columns: Sequence[str], looks: Sequence[Counted], planned_days: float
) -> tuple[Look, ...]:
    found = []
    for days, raw in looks:
        if raw.n.min() < 2:
            continue
        sums = _adjusted(raw, len(columns))
        for name in experiment.metrics:
            lift = _lift(sums, *_places(name, columns))
            told = [] if lift is None else sequential.always_valid(lift, days / planned_days)
            found += [Look(days, experiment.arms[i + 1].name, name, *each) for i, each in enumerate(told)]
    return tuple(found)


def _adjusted(raw: Sums, m: int) -> Sums:
    """Without what the days before foretell; as they are, where there are too few users to learn that from."""
    covariates = range(m, raw.mean.shape[1])
    return cuped(raw, covariates) if raw.n.sum() >= _USERS_A_COVARIATE * len(covariates) else raw


def _difference(sums: Sums, metric: int, over: int | None) -> tuple[Effects, NDArray[np.float64]]:
    """The difference, and every arm's mean or ratio."""
    if over is None:
        return mean_difference(sums[1:], sums[:1], metric), sums.mean[:, metric]
    return ratio_difference(sums[1:], sums[:1], metric, over), ratios(sums, metric, over)[0]


def _lift(sums: Sums, metric: int, over: int | None) -> Effects | None:
    """The relative lift; None over a control that has nothing (or, adjusted, less than that)."""
    if sums.mean[0, metric] <= 0.0 or sums.scatter[0, metric, metric] == 0.0:
        return None
    if over is None:
        return relative_lift(sums[1:], sums[:1], metric)
    return relative_ratio_lift(sums[1:], sums[:1], metric, over)


def _places(name: str, columns: Sequence[str]) -> tuple[int, int | None]:
    """Columns of a metric's numerator and denominator; None of a mean a user."""
    parts = name.split("/")
    if len(parts) > 2 or not set(parts) <= set(columns):
        raise InvalidExperiment(
            f"got the metric {name!r}, expected one of {', '.join(columns)}, or a ratio such as clicks/sends"
        )
    places = [list(columns).index(part) for part in parts]
    return places[0], places[1] if len(places) == 2 else None


def _counted(name: str, columns: Sequence[str]) -> int:
    """The column of a guardrail: a margin is a share of a mean a user."""
    metric, over = _places(name, columns)
    if over is not None:
        raise InvalidExperiment(f"got the guardrail {name!r}, expected a count a user, such as unsubscribes")
    return metric


def _explained(error: float, plain: float) -> float:
    return 1.0 - (error / plain) ** 2 if plain > 0.0 else 0.0
