"""What a change of arms does to users, counts and prices, by hand."""

import msgspec
import numpy as np
import pytest

from stage import CALM
from tactful import draws
from tactful.decision.policy.threshold import BINS, UtilityHistogram
from tactful.events.records import CHANNELS
from tactful.experiments.design import Experiment, ExperimentArm, Targeting
from tactful.features.history import UserTable
from tactful.features.segments import SEGMENTS
from tactful.runtime.arms import Arms, Regrouping
from tactful.runtime.control import VolumeState
from tactful.runtime.settings import Holdout

N = 4_000
KEYS = np.array([draws.key(f"u{i}") for i in range(N)], dtype=np.uint64)
CAPS = Experiment(name="caps", arms=(ExperimentArm("control", 0.25), ExperimentArm("new", 0.25, {"daily_cap": 1})))
MAIL, PUSH = SEGMENTS.index("core/email_only"), SEGMENTS.index("core/push_only")


@pytest.fixture
def users() -> UserTable:
    """Everybody has a plan; every other one can be reached by mail only."""
    table = UserTable()
    table.ensure(KEYS, np.zeros(N, dtype=np.int64))
    table.rows["plan_day"] = 1
    table.rows["segment"] = np.where(np.arange(N) % 2, PUSH, MAIL)
    return table


def dealt(users: UserTable, settings: object = CALM) -> Arms:
    arms = Arms(settings)
    arms.grow(users.rows["user_key"])
    return arms


def test_a_start_says_where_everybody_went_and_whose_price_an_arm_begins_with(users: UserTable) -> None:
    arms = dealt(users)
    change = arms.change((CAPS,), users.rows)
    assert arms.names == ("default", "caps/control", "caps/new")
    np.testing.assert_allclose(change.share, np.bincount(arms.of)[None, :] / N)
    assert change.share[0, 1:] == pytest.approx(0.25, abs=0.03)
    assert change.source.tolist() == [0, 0, 0]
    assert change.alike.tolist() == [[True, True, False]]
    assert change.kin.tolist() == [0, 0, 1]


def test_an_end_brings_everybody_back_to_default(users: UserTable) -> None:
    arms = dealt(users)
    arms.change((CAPS,), users.rows)
    change = arms.change((), users.rows)
    assert change.share.tolist() == [[1.0], [1.0], [1.0]]
    assert change.alike.tolist() == [[True], [True], [False]]
    assert not arms.of.any()


def test_an_arm_that_nobody_was_in_goes_on_under_its_name(users: UserTable) -> None:
    arms = dealt(users)
    arms.change((Experiment(name="all", arms=(ExperimentArm("new", 1.0),)),), users.rows)
    change = arms.change((Experiment(name="all", arms=(ExperimentArm("new", 0.5),)),), users.rows)
    assert change.share[0].tolist() == [1.0, 0.0]
    assert change.share[1] == pytest.approx(0.5, abs=0.03)


def test_users_are_planned_and_ranked_with_those_who_are_treated_alike(users: UserTable) -> None:
    arms = dealt(users)
    assert len(arms.treated_alike(np.arange(N))) == 1
    arms.change((CAPS,), users.rows)
    parts = arms.treated_alike(np.arange(N))
    assert [{arms.names[a] for a in arms.of[part]} for part in parts] == [{"default", "caps/control"}, {"caps/new"}]
    assert arms.treatment_of(parts[1]).settings.rules.daily_cap == 1
    assert arms.treatment_of(parts[0]).settings is CALM


def test_targeting_asks_who_has_a_plan_now_and_the_others_when_they_have_one(users: UserTable) -> None:
    users.rows["plan_day"][:100] = -1
    arms = dealt(users)
    everybody = dealt(users)
    everybody.change((CAPS,), users.rows)
    target = msgspec.structs.replace(CAPS, targeting=Targeting(reaches=("push_only",)))
    arms.change((target,), users.rows)
    meant = users.rows["segment"] == PUSH
    expected = np.where(meant, everybody.of, 0)
    assert np.array_equal(arms.of[100:], expected[100:])
    assert not arms.of[:100].any()
    users.rows["segment"][200:] = MAIL  # who moves on stays in her arm
    arms.plan(np.arange(N), users.rows)
    assert np.array_equal(arms.of, expected)


def test_the_holdout_is_in_no_arm(users: UserTable) -> None:
    arms = dealt(users, msgspec.structs.replace(CALM, holdout=Holdout(share=0.2)))
    arms.change((Experiment(name="all", arms=(ExperimentArm("new", 1.0),)),), users.rows)
    assert (arms.of == 0).mean() == pytest.approx(0.2, abs=0.03)


def test_utilities_are_counted_on_where_treatments_are_alike() -> None:
    histogram = UtilityHistogram(1)
    one = np.zeros(1000, dtype=np.int64)
    histogram.add(5, one, one, one, np.linspace(0.0, 0.5, 1000))
    after = histogram.regrouped(np.array([[0.5, 0.25, 0.0]]), np.zeros(3, dtype=np.int64))
    assert after.jobs()[:, 0, 0] == pytest.approx([500, 250, 0], abs=BINS / 4)
    middle = np.full((3, len(SEGMENTS), len(CHANNELS)), 0.5)
    assert after.quantile(middle)[0][:2, 0, 0] == pytest.approx([0.25, 0.25], abs=0.02)


def test_an_arm_on_another_scale_is_priced_by_its_own_jobs_even_if_they_are_few() -> None:
    def middle_of(jobs: int, kin: int) -> float:
        histogram = UtilityHistogram(1)
        many, few = np.zeros(1000, dtype=np.int64), np.zeros(jobs, dtype=np.int64)
        histogram.add(5, many, many, many, np.linspace(0.0, 0.02, 1000))
        histogram = histogram.regrouped(np.array([[1.0, 0.0]]), np.array([0, kin]))
        histogram.add(5, few + 1, few, few, np.linspace(0.4, 0.6, jobs))
        stored = UtilityHistogram.from_bytes(histogram.to_bytes())
        return float(stored.quantile(np.full((2, len(SEGMENTS), len(CHANNELS)), 0.5))[0][1, 0, 0])

    assert middle_of(jobs=30, kin=1) == pytest.approx(0.5, abs=0.03)
    assert middle_of(jobs=30, kin=0) == pytest.approx(0.01, abs=0.001)
    assert middle_of(jobs=10, kin=1) == pytest.approx(0.01, abs=0.001)  # too few say nothing at all


def test_a_regrouped_volume_keeps_its_price_and_survives_the_store() -> None:
    state = VolumeState(CALM)
    before = state.close_epoch(10 * 3_600_000_000)
    share, alike = np.array([[0.75, 0.25]]), np.array([[True, False]])
    state.regroup(Regrouping(share, alike, np.array([0, 0]), np.array([0, 1]), np.array([[3, 1]])))
    again = VolumeState.from_bytes(state.to_bytes(), CALM)
    epochs = [one.close_epoch(11 * 3_600_000_000) for one in (state, again)]
    assert epochs[0].thresholds.mid.shape[0] == 2
    assert np.array_equal(epochs[0].thresholds.mid, epochs[1].thresholds.mid)
    assert np.array_equal(epochs[0].thresholds.mid[1], before.thresholds.mid[0])
