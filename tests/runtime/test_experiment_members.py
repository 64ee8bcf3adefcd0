"""Who is in which arm since when: who comes in as an arm grows counts from then on, beside those who came then."""

import numpy as np
import pytest

from tactful import draws
from tactful.clock import DAY_US
from tactful.experiments.assign import OUTSIDE, assigned
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.experiments.layers import resized
from tactful.experiments.schedule import Announced
from tactful.runtime.experiment_members import Members, Summed
from tactful.runtime.experiment_rows import UserRows
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

N, GROWS, LAST = 4_000, 3, 6
KEYS = np.array([draws.key(f"u{i}") for i in range(N)], dtype=np.uint64)
SMALL = Experiment(name="x", arms=(ExperimentArm("control", 0.1), ExperimentArm("new", 0.1)))


def looked(shares: tuple[float, float], grows_us: int = GROWS * DAY_US) -> Summed:
    """Six looks at people who are active every day, the arms having got other shares after three."""
    stages = (Announced(0, SMALL), Announced(grows_us, resized(SMALL, shares, [])))
    members = Members(MemoryStore(), stages, Settings(), LAST * DAY_US)
    nothing, everybody = np.zeros((N, 1)), np.ones(N, dtype=np.bool_)
    looks = [
        members.summed(UserRows(KEYS, nothing, np.full((N, 1), float(day)), everybody, float(day)), 0)
        for day in range(1, LAST + 1)
    ]
    return looks[-1]


def test_who_came_in_late_counts_from_then_on() -> None:
    found, before = looked((0.3, 0.3)), assigned([SMALL], KEYS, 0) >= 0
    assert np.array_equal(found.arm, assigned([resized(SMALL, (0.3, 0.3), [])], KEYS, 0))
    late = (found.arm >= 0) & ~before
    days = np.where(late, LAST - GROWS, LAST)[found.arm >= 0].mean()
    assert found.sums.mean[:, 0] == pytest.approx([days, days])
    assert found.shares == pytest.approx((0.3, 0.3))
    assert found.alone == 0


def test_arms_that_grow_unlike_are_compared_stage_by_stage() -> None:
    found = looked((0.2, 0.4))
    late = (found.arm >= 0) & (assigned([SMALL], KEYS, 0) < 0)
    assert late[found.arm == 1].mean() > late[found.arm == 0].mean() + 0.1  # plain means would differ by days
    assert found.sums.mean[0, 0] == pytest.approx(found.sums.mean[1, 0])
    assert found.shares == pytest.approx((0.2, 0.4))


def test_who_comes_in_when_one_arm_grows_alone_is_compared_with_nobody() -> None:
    found = looked((0.1, 0.3))
    assert found.sums.mean[:, 0].tolist() == [LAST, LAST]
    assert found.alone == pytest.approx(0.2 * N, rel=0.1)
    assert found.shares == pytest.approx((0.1, 0.1))
    assert np.array_equal(found.arm, assigned([SMALL], KEYS, 0))


def test_growth_within_a_day_counts_from_the_next_one_and_growth_to_come_not_at_all() -> None:
    within = looked((0.3, 0.3), int((GROWS - 0.5) * DAY_US))
    assert within.sums.mean[0, 0] == looked((0.3, 0.3)).sums.mean[0, 0]
    to_come = looked((0.3, 0.3), (LAST + 1) * DAY_US)
    assert np.array_equal(to_come.arm, assigned([SMALL], KEYS, 0))


def test_who_left_an_arm_that_shrank_counts_no_more_and_who_stays_counts_from_the_start() -> None:
    found = looked((0.05, 0.05))
    assert found.sums.mean[:, 0].tolist() == [LAST, LAST]
    assert (found.arm != OUTSIDE).sum() == pytest.approx(0.1 * N, rel=0.15)
    assert found.shares == pytest.approx((0.05, 0.05))
