"""Assignment: the same everywhere, in the stated shares, independent between layers; sample-ratio check."""

import numpy as np
import pytest

from tactful.draws import key
from tactful.errors import InvalidExperiment
from tactful.experiments.assign import OUTSIDE, arms_of, assigned, place, sample_ratio_p
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.experiments.holdout import held_out

USERS = np.array([key(f"user-{i}") for i in range(40_000)], dtype=np.uint64)
MANY, PART = 10_000_000, 500_000


def of_shares(name: str, *shares: float, offset: float = 0.0, layer: str = "policy") -> Experiment:
    arms = tuple(ExperimentArm(f"arm-{i}", share) for i, share in enumerate(shares))
    return Experiment(name=name, arms=arms, offset=offset, layer=layer)


HALVES = of_shares("timing", 0.5, 0.5)


def test_one_user_alone_has_the_arm_that_she_has_in_the_crowd() -> None:
    arms = assigned([HALVES], USERS[:200], 1)
    assert [assigned([HALVES], USERS[i : i + 1], 1)[0] for i in range(200)] == arms.tolist()


def test_arms_are_of_the_stated_shares_and_the_rest_is_outside() -> None:
    arm = assigned([of_shares("volume", 0.1, 0.2, 0.3, offset=0.25)], USERS, 1)
    assert sample_ratio_p(np.bincount(arm + 1, minlength=4), (0.4, 0.1, 0.2, 0.3)) > 0.001
    assert OUTSIDE in arm


def test_shares_that_sum_to_one_leave_nobody_outside() -> None:
    assert assigned([of_shares("ten", *(0.1,) * 10)], USERS, 3).min() == 0


def test_an_arm_without_share_gets_nobody() -> None:
    assert set(assigned([of_shares("x", 0.5, 0.0, 0.5)], USERS, 1).tolist()) == {0, 2}


def test_nobody_is_in_two_experiments_of_one_layer() -> None:
    one, other = of_shares("one", 0.2, 0.2), of_shares("other", 0.3, 0.3, offset=0.4)
    both = assigned([one, other], USERS, 1)
    apart = np.stack([assigned([one], USERS, 1), assigned([other], USERS, 1)])
    assert not np.any((apart >= 0).all(axis=0))
    assert np.array_equal(both, np.where(apart[0] >= 0, apart[0], np.where(apart[1] >= 0, apart[1] + 2, OUTSIDE)))
    assert arms_of([one, other])[3] == "other/arm-1"


def test_a_hundred_and_twenty_arms_have_their_shares() -> None:
    arm = assigned([of_shares(f"e{i}", *(1 / 120,) * 12, offset=i / 10) for i in range(10)], USERS, 1)
    assert sample_ratio_p(np.bincount(arm, minlength=120), (1 / 120,) * 120) > 0.001


def test_ten_million_users_are_spread_evenly_and_independently_between_layers_and_the_holdout() -> None:
    even, joint, held = np.zeros(1000), np.zeros((20, 20)), np.zeros((2, 20))
    for start in range(0, MANY, PART):
        users = np.arange(start, start + PART, dtype=np.uint64)  # keys in a row are the hardest to spread
        policy, screen = place("policy", users, 1), place("screen", users, 1)
        even += np.bincount((policy * 1000).astype(np.int64), minlength=1000)
        cell = (policy * 20).astype(np.int64) * 20 + (screen * 20).astype(np.int64)
        joint += np.bincount(cell, minlength=400).reshape(20, 20)
        inside = held_out(users, 0.5, 1).astype(np.int64)
        held += np.bincount(inside * 20 + (policy * 20).astype(np.int64), minlength=40).reshape(2, 20)
    assert even.sum() == MANY
    for counts in (even, joint.ravel(), held.ravel()):
        assert sample_ratio_p(counts.astype(np.int64), (1 / counts.size,) * counts.size) > 0.001


def test_another_salt_deals_anew() -> None:
    agree = (assigned([HALVES], USERS, 1) == assigned([HALVES], USERS, 2)).mean()
    assert agree == pytest.approx(0.5, abs=0.02)


def test_experiments_of_several_layers_are_asked_one_layer_at_a_time() -> None:
    with pytest.raises(InvalidExperiment, match="layer by layer"):
        assigned([HALVES, of_shares("colour", 0.5, layer="screen")], USERS[:3], 1)
    assert assigned([], USERS[:3], 1).tolist() == [OUTSIDE] * 3


def test_a_grown_holdout_keeps_its_members() -> None:
    small, large = held_out(USERS, 0.01, salt=1), held_out(USERS, 0.05, salt=1)
    assert not np.any(small & ~large)
    assert small.mean() == pytest.approx(0.01, abs=0.003)
    assert not held_out(USERS, 0.0, salt=1).any()
    assert held_out(USERS, 1.0, salt=1).all()


def test_sample_ratio_check_is_the_chi_square_test() -> None:
    # (520 - 500)^2/500 * 2 = 1.6, one degree of freedom.
    assert sample_ratio_p(np.array([520, 480]), (0.5, 0.5)) == pytest.approx(0.205903, abs=1e-6)
    assert sample_ratio_p(np.array([5200, 4600]), (0.5, 0.5)) < 1e-8


def test_sample_ratio_check_alarms_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    p = [sample_ratio_p(rng.multinomial(3000, [0.2, 0.3, 0.5]), (0.2, 0.3, 0.5)) for _ in range(2000)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.015)


def test_impossible_checks_and_holdouts_are_refused() -> None:
    with pytest.raises(InvalidExperiment, match="expected users"):
        sample_ratio_p(np.array([0, 0]), (0.5, 0.5))
    with pytest.raises(InvalidExperiment, match="expected users"):
        sample_ratio_p(np.array([5, 5]), (1.0, 0.0))
    with pytest.raises(InvalidExperiment, match=r"expected 0\.\.1"):
        held_out(USERS, 1.5, salt=1)
