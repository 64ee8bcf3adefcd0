"""The gate lets pass what is shown to be no worse, refuses what is worse, and says what would settle the rest."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.gate import Judgement, gate, judge, too_thin
from tactful.experiments.ope_compare import compare


def judged(
    n: int, present: float, target: float, seed: int = 0, margin: float = 0.01, better: str = "more"
) -> Judgement:
    """A log of n jobs with two options drawn by a fair coin: the present policy takes the one, the target the other.

    On nine jobs of ten both take the same.
    """
    rng = np.random.default_rng(seed)
    other = rng.integers(0, 2, n).astype(np.float64)
    same = rng.random(n) < 0.9
    chance = np.where((other == 1.0) & ~same, target, present)
    reward = (rng.random(n) < chance).astype(np.float64)
    usual = 1.0 - other
    found = compare(
        reward, np.full(n, 0.5), usual, np.where(same, usual, other), np.arange(n, dtype=np.int64), least_ess=10.0
    )
    return judge(
        "click",
        "less" if better == "less" else "more",
        n,
        n,
        found.present,
        found.target,
        found.difference,
        30.0,
        margin,
    )


def test_a_clear_gain_is_promoted() -> None:
    found = judged(40_000, present=0.2, target=0.6)
    assert found.verdict == "promote"
    assert found.more_days == 0.0
    assert gate([found], 30.0).verdict == "promote"


def test_a_loss_outside_the_interval_is_worse() -> None:
    found = judged(40_000, present=0.4, target=0.05)
    assert found.verdict == "worse"
    assert gate([found], 30.0).why.startswith("click: worse by more than 1 %")


def test_a_thin_log_is_inconclusive_and_says_how_many_days_would_settle_it() -> None:
    found = judged(600, present=0.2, target=0.25)
    assert found.verdict == "inconclusive"
    assert found.more_days is not None
    assert found.more_days > 30.0
    said = gate([found], 30.0)
    assert said.verdict == "inconclusive"
    assert f"{found.more_days:,.0f} days more" in said.why


def test_after_the_days_that_would_settle_it_the_interval_ends_at_the_margin() -> None:
    """The half width towards the margin falls with the root of the days."""
    found = judged(600, present=0.2, target=0.25)
    assert found.more_days is not None
    value, low, high = found.difference
    half = value - low if value > found.allowed else high - value
    then = half / (1.0 + found.more_days / 30.0) ** 0.5
    assert then == pytest.approx(abs(value - found.allowed))


def test_of_rewards_where_less_is_better_a_rise_is_worse() -> None:
    assert judged(40_000, present=0.05, target=0.4, better="less").verdict == "worse"
    assert judged(40_000, present=0.4, target=0.05, better="less").verdict == "promote"


def test_another_reward_that_is_worse_refuses_and_one_that_is_open_does_not() -> None:
    clicks = judged(40_000, present=0.2, target=0.6)
    leaving = judged(40_000, present=0.05, target=0.4, better="less")
    open_ = judged(600, present=0.05, target=0.05, better="less")
    assert gate([clicks, leaving], 30.0).verdict == "worse"
    assert gate([clicks, open_], 30.0).verdict == "promote"


def test_a_policy_that_is_the_present_one_is_promoted_by_any_log() -> None:
    n = 200
    rng = np.random.default_rng(1)
    took, reward = rng.integers(0, 2, n).astype(np.float64), (rng.random(n) < 0.3).astype(np.float64)
    found = compare(reward, np.full(n, 0.5), took, took, np.arange(n, dtype=np.int64), least_ess=10.0)
    assert judge("click", "more", n, n, found.present, found.target, found.difference, 1.0).verdict == "promote"


def test_margins_and_logs_that_mean_nothing_are_refused() -> None:
    with pytest.raises(InvalidExperiment, match="between 0 and 1"):
        judged(600, 0.2, 0.2, margin=0.0)
    with pytest.raises(InvalidExperiment, match="the first decides"):
        gate([], 30.0)
    assert too_thin("got no random send on record", 3.0).verdict == "inconclusive"
