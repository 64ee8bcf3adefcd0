"""Assignment: the same everywhere, in the stated shares, independent between layers; sample-ratio check."""

import numpy as np
import pytest

from tactful.draws import key
from tactful.errors import InvalidExperiment
from tactful.experiments.assign import OUTSIDE, Layer, assign, sample_ratio_p
from tactful.experiments.holdout import held_out

USERS = np.array([key(f"user-{i}") for i in range(40_000)], dtype=np.uint64)
HALVES = Layer("timing", ("control", "best_slot"), (0.5, 0.5))


def test_one_user_alone_has_the_arm_that_she_has_in_the_crowd() -> None:
    arms = assign(HALVES, USERS[:200], salt=1)
    assert [assign(HALVES, USERS[i : i + 1], salt=1)[0] for i in range(200)] == arms.tolist()


def test_arms_are_of_the_stated_shares_and_the_rest_is_outside() -> None:
    layer = Layer("volume", ("a", "b", "c"), (0.1, 0.2, 0.3))
    arm = assign(layer, USERS, salt=1)
    counts = np.bincount(arm + 1, minlength=4)
    assert sample_ratio_p(counts, (0.4, 0.1, 0.2, 0.3)) > 0.001
    assert OUTSIDE in arm


def test_shares_that_sum_to_one_leave_nobody_outside() -> None:
    ten = Layer("ten", tuple("abcdefghij"), (0.1,) * 10)
    assert assign(ten, USERS, salt=3).min() == 0


def test_an_arm_without_share_gets_nobody() -> None:
    assert set(assign(Layer("x", ("a", "b", "c"), (0.5, 0.0, 0.5)), USERS, salt=1).tolist()) == {0, 2}


def test_layers_are_independent_of_each_other_and_of_the_holdout() -> None:
    other = Layer("content", ("control", "new"), (0.5, 0.5))
    first, second = assign(HALVES, USERS, salt=1), assign(other, USERS, salt=1)
    assert sample_ratio_p(np.bincount(first * 2 + second, minlength=4), (0.25,) * 4) > 0.001
    held = held_out(USERS, 0.5, salt=1).astype(int)
    assert sample_ratio_p(np.bincount(first * 2 + held, minlength=4), (0.25,) * 4) > 0.001


def test_another_salt_deals_anew() -> None:
    agree = (assign(HALVES, USERS, salt=1) == assign(HALVES, USERS, salt=2)).mean()
    assert agree == pytest.approx(0.5, abs=0.02)


def test_growing_the_last_arm_moves_nobody_between_the_others() -> None:
    small = assign(Layer("ramp", ("control", "new"), (0.2, 0.1)), USERS, salt=1)
    large = assign(Layer("ramp", ("control", "new"), (0.2, 0.5)), USERS, salt=1)
    inside = small != OUTSIDE
    assert np.array_equal(small[inside], large[inside])


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


@pytest.mark.parametrize(
    ("arms", "shares"),
    [
        (("a", "b"), (0.6, 0.6)),
        (("a", "a"), (0.5, 0.5)),
        (("a",), (0.5, 0.5)),
        (("a", "b"), (-0.1, 0.5)),
        ((), ()),
    ],
)
def test_impossible_layers_are_refused(arms: tuple[str, ...], shares: tuple[float, ...]) -> None:
    with pytest.raises(InvalidExperiment, match="expected distinct arms"):
        Layer("x", arms, shares)


def test_impossible_checks_and_holdouts_are_refused() -> None:
    with pytest.raises(InvalidExperiment, match="expected users"):
        sample_ratio_p(np.array([0, 0]), (0.5, 0.5))
    with pytest.raises(InvalidExperiment, match="expected users"):
        sample_ratio_p(np.array([5, 5]), (1.0, 0.0))
    with pytest.raises(InvalidExperiment, match=r"expected 0\.\.1"):
        held_out(USERS, 1.5, salt=1)
