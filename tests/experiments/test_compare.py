"""Comparisons: the table says what the statistics say, warns of what stands against it, and takes a hundred arms."""

import msgspec
import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.compare import Counted, compare
from tactful.experiments.comparison import Comparison
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.experiments.effects import cuped, mean_difference, ratio_difference, relative_lift
from tactful.experiments.sequential import always_valid
from tactful.experiments.several import holm
from tactful.experiments.sums import Sums, sums_of

COLUMNS = ("active_days", "sends", "clicks", "unsubscribes")


def _experiment(arms: int = 2, metrics: tuple[str, ...] = ("active_days", "clicks/sends")) -> Experiment:
    made = tuple(ExperimentArm(f"a{i}", 1.0 / arms) for i in range(arms))
    return Experiment(name="x", arms=made, metrics=metrics, guardrails=("unsubscribes",))


def _sums(n: int = 4000, arms: int = 2, more: float = 0.0, leaving: float = 0.0, sends: float = 0.0) -> Sums:
    """Users of `arms` arms; the last one may have more active days, unsubscribes or sends."""
    rng = np.random.default_rng(1)
    arm = rng.integers(0, arms, n)
    last = arm == arms - 1
    habit = rng.beta(1.0, 1.5, n)
    rows = [
        rng.binomial(14, np.minimum(1.0, habit * (1.0 + more * last))),
        rng.poisson(6.0 * (1.0 + sends * last)) + 1,
        rng.poisson(habit),
        rng.random(n) < 0.02 * (1.0 + leaving * last),
    ]
    before = [rng.binomial(14, habit), rng.poisson(6.0, n), rng.poisson(habit), np.zeros(n)]
    return sums_of(np.stack([*rows, *before], axis=1).astype(float), arm, arms)


def _compared(sums: Sums, experiment: Experiment | None = None, days: float = 14.0) -> Comparison:
    made = experiment or _experiment(len(sums.n))
    return compare(made, COLUMNS, [Counted(days, sums)], sums.n.tolist(), 28.0)


def test_table_says_what_the_statistics_say_of_adjusted_sums() -> None:
    sums = _sums(more=0.1)
    found = _compared(sums)
    adjusted = cuped(sums, range(4, 8))
    days, rate = found.measured
    assert days.difference == mean_difference(adjusted[1:], adjusted[:1], 0).intervals()[0]
    lift = relative_lift(adjusted[1:], adjusted[:1], 0)
    assert days.lift == lift.intervals()[0]
    assert days.watched == always_valid(lift, 0.5)[0]
    assert rate.difference == ratio_difference(adjusted[1:], adjusted[:1], 2, 1).intervals()[0]
    assert [one.p_holm for one in found.measured] == holm(np.array([days.p, rate.p])).tolist()
    assert days.lift.low > 0.0
    assert 0.5 < days.explained < 1.0  # habit is most of what makes people active
    assert found.warnings == ()


def test_a_guardrail_is_judged_by_its_own_margin() -> None:
    sums = _sums(n=40_000, leaving=1.0)  # twice as many leave
    strict, lax = (
        _compared(sums, msgspec.structs.replace(_experiment(), margins={"unsubscribes": margin}))
        for margin in (0.1, 5.0)
    )
    assert [(one.margin, one.verdict) for found in (strict, lax) for one in found.guardrails] == [
        (0.1, "broken"),
        (5.0, "holds"),
    ]
    assert _compared(sums).guardrails == strict.guardrails  # a tenth where nothing was agreed


def test_without_days_before_or_with_few_users_nothing_is_adjusted() -> None:
    few = _sums(n=60)
    assert [one.explained for one in _compared(few).measured] == [0.0, 0.0]
    assert _compared(few).measured[0].control == few.mean[0, 0]


def test_lost_users_unequal_volume_broken_guardrails_and_short_weeks_are_warned_of() -> None:
    plain = _sums()
    lost = sums_of(np.random.default_rng(2).poisson(3.0, (3000, 8)).astype(float), np.repeat([0, 1, 1], 1000), 2)
    assert any("do not fit their shares" in one for one in _compared(lost).warnings)
    (volume,) = _compared(_sums(sends=0.1)).warnings
    assert "a1 sends +" in volume
    assert "--since" in volume
    assert _compared(_sums(sends=0.01)).warnings == ()
    broken = _compared(_sums(leaving=2.0))
    assert [one.verdict for one in broken.guardrails] == ["broken"]
    assert any(one.startswith("Guardrail broken: a1") for one in broken.warnings)
    (short,) = _compared(plain, days=3.0).warnings
    assert "Less than a week" in short


def test_a_control_that_has_nothing_gives_differences_and_no_lift() -> None:
    rows = np.zeros((400, 8))
    arm = np.repeat([0, 1], 200)
    rows[arm == 1, 0] = 1.0
    found = compare(_experiment(metrics=("active_days",)), COLUMNS, [Counted(7.0, sums_of(rows, arm, 2))], [0, 0], 28.0)
    assert (found.measured[0].lift, found.measured[0].watched) == (None, None)
    assert found.measured[0].difference.value == 1.0
    assert (found.sends_lift, found.looks) == ((None,), ())


def test_a_hundred_and_twenty_arms_are_compared_and_corrected_together() -> None:
    found = _compared(_sums(n=40_000, arms=121, more=0.6), _experiment(121))
    assert len(found.measured) == 240
    best = [one for one in found.measured if one.p_holm < 0.05]
    assert [(one.arm, one.metric) for one in best] == [("a120", "active_days")]
    assert sum(one.p < 0.05 for one in found.measured) > 3  # by luck


def test_every_look_that_has_users_in_all_arms_is_kept() -> None:
    first = sums_of(np.ones((3, 8)), np.array([0, 0, 0]), 2)
    looks = [Counted(1.0, first), Counted(2.0, _sums(n=2000)), Counted(3.0, _sums())]
    found = compare(_experiment(), COLUMNS, looks, [0, 0], 28.0)
    assert [(one.days, one.metric) for one in found.looks] == [
        (2.0, "active_days"), (2.0, "clicks/sends"), (3.0, "active_days"), (3.0, "clicks/sends")
    ]  # fmt: skip
    last = found.measured[0].watched
    assert last is not None
    assert tuple(last) == (found.looks[2].lift, found.looks[2].low, found.looks[2].high)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InvalidExperiment, match="one arm"):
        _compared(_sums(arms=1), _experiment(1))
    with pytest.raises(InvalidExperiment, match="got the metric 'joy'"):
        _compared(_sums(), _experiment(metrics=("joy",)))
    ratio = Experiment(name="x", arms=_experiment().arms, guardrails=("clicks/sends",))
    with pytest.raises(InvalidExperiment, match="expected a count a user"):
        _compared(_sums(), ratio)
    with pytest.raises(InvalidExperiment, match="wait for more"):
        _compared(sums_of(np.ones((3, 8)), np.array([0, 0, 1]), 2))
