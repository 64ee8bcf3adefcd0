"""What an experiment may be, and how layers hold many of them beside each other."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from tactful.draws import key
from tactful.errors import InvalidExperiment
from tactful.experiments.assign import assigned
from tactful.experiments.design import MARGIN, Experiment, ExperimentArm, Range, Targeting, experiment_of
from tactful.experiments.layers import free, refuse_overlaps, resized

USERS = np.array([key(f"user-{i}") for i in range(20_000)], dtype=np.uint64)
MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))


def halves(name: str, share: float = 0.1, **fields: object) -> Experiment:
    arms = (ExperimentArm("control", share), ExperimentArm("new", share))
    return msgspec.structs.replace(Experiment(name=name, arms=arms), **fields)


def test_a_file_says_everything_about_an_experiment() -> None:
    found = experiment_of("""
        name = "weights"
        offset = 0.2
        started_at = 2026-03-01T00:00:00Z
        metrics = ["active_days"]
        margins = {unsubscribes = 0.05}
        note = "is a click worth more at night?"
        targeting = {activities = ["core", "casual"]}

        [[arms]]
        name = "control"
        share = 0.1

        [[arms]]
        name = "new"
        share = 0.3
        rules = {weights = {click = 2.0}}
        models = {ranker = "abc"}
    """)
    assert found.started_at == MARCH
    assert found.ranges() == (((0.2, pytest.approx(0.3)),), ((pytest.approx(0.3), pytest.approx(0.6)),))
    assert found.arms[1].rules == {"weights": {"click": 2.0}}
    assert not found.targeting.everybody()
    assert (found.margin("unsubscribes"), found.margin("complaints")) == (0.05, MARGIN)
    assert msgspec.convert(msgspec.to_builtins(found), Experiment) == found


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("name = ", "cannot be read"),
        ('name = "x"\narms = [{name = "a", share = 0.1, colour = "red"}]', "colour"),
        ('name = "x"\narms = [{name = "a", share = 1.5}]', "1.0"),
        ('name = "x"\narms = []', "one arm or more"),
        ('name = "x/y"\narms = [{name = "a", share = 0.1}]', "without '/'"),
        ('name = "x"\narms = [{name = "a", share = 0.1}, {name = "a", share = 0.1}]', "a name of its own"),
        ('name = "x"\noffset = 0.5\narms = [{name = "a", share = 0.6}]', "1 at most"),
        ('name = "x"\narms = [{name = "a", share = 0.2, parts = [[0.0, 0.1]]}]', "as large together"),
        ('name = "x"\narms = [{name = "a", share = 0.2}, {name = "b", share = 0.1, parts = [[0.1, 0.2]]}]', "overlap"),
        ('name = "x"\nlayer = "ui"\narms = [{name = "a", share = 0.1, rules = {daily_cap = 1}}]', "the app's"),
        ('name = "x"\nmargins = {clicks = 0.1}\narms = [{name = "a", share = 0.1}]', "for guardrails, which are uns"),
        ('name = "x"\nmargins = {complaints = -0.1}\narms = [{name = "a", share = 0.1}]', "shares of 0 or more"),
        ('name = "x"\ntargeting = {activities = ["asleep"]}\narms = [{name = "a", share = 0.1}]', "asleep"),
    ],
)
def test_an_experiment_that_contradicts_itself_is_refused_with_what_to_do(toml: str, complaint: str) -> None:
    with pytest.raises(InvalidExperiment, match=complaint):
        experiment_of(toml)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(InvalidExperiment, match="before the start"):
        halves("x", started_at=APRIL, ended_at=MARCH)


def test_experiments_of_one_layer_may_not_overlap() -> None:
    with pytest.raises(InvalidExperiment, match=r"'x' and 'y' of layer 'policy' overlap from 0.1 to 0.2"):
        refuse_overlaps([halves("x"), halves("y", offset=0.1)])
    refuse_overlaps([halves("x"), halves("y", offset=0.2), halves("z", layer="ui")])


def test_experiments_that_follow_each_other_may_have_the_same_users() -> None:
    first, second = halves("x", started_at=MARCH, ended_at=APRIL), halves("y", started_at=APRIL)
    refuse_overlaps([first, second])
    with pytest.raises(InvalidExperiment, match="overlap"):
        refuse_overlaps([msgspec.structs.replace(first, ended_at=MAY), second])


def test_a_name_is_taken_once() -> None:
    with pytest.raises(InvalidExperiment, match=r"several experiments named \['x'\]"):
        refuse_overlaps([halves("x"), halves("x", offset=0.5)])


def test_what_is_free_lies_between_experiments() -> None:
    assert free([halves("x", offset=0.1), halves("y", offset=0.7)], "policy") == (
        (0.0, 0.1),
        (pytest.approx(0.3), 0.7),
        (pytest.approx(0.9), 1.0),
    )
    assert free([], "ui") == ((0.0, 1.0),)


@pytest.mark.parametrize("shares", [(0.4, 0.5), (0.05, 0.3), (0.3, 0.02), (0.1, 0.0), (0.5, 0.5)])
def test_other_shares_move_nobody_from_one_arm_to_another(shares: tuple[float, float]) -> None:
    before = halves("x", offset=0.3)
    after = resized(before, shares, [])
    was, is_ = assigned([before], USERS, 1), assigned([after], USERS, 1)
    both = (was >= 0) & (is_ >= 0)
    assert np.array_equal(was[both], is_[both])
    for arm, (old, new) in enumerate(zip((0.1, 0.1), shares, strict=True)):
        assert (is_ == arm).mean() == pytest.approx(new, abs=0.012)
        kept = (was == arm) & (is_ == arm)
        assert kept.sum() == ((was == arm).sum() if new >= old else (is_ == arm).sum())


def test_a_canary_grows_to_everybody_and_keeps_who_was_in() -> None:
    canary = Experiment(name="canary", arms=(ExperimentArm("new", 0.01),), offset=0.9)
    inside = np.zeros(len(USERS), dtype=np.bool_)
    for share in (0.05, 0.25, 1.0):
        canary = resized(canary, (share,), [])
        now = assigned([canary], USERS, 1) == 0
        assert not np.any(inside & ~now)
        inside = now
    assert inside.all()


def test_growth_goes_around_other_experiments_and_not_over_them() -> None:
    other = halves("other", 0.2, offset=0.25)
    grown = resized(halves("x"), (0.2, 0.2), [other])
    refuse_overlaps([grown, other])
    with pytest.raises(InvalidExperiment, match=r"expected 0\.3 at most"):
        resized(halves("x"), (0.3, 0.4), [other])
    with pytest.raises(InvalidExperiment, match="one for each"):
        resized(halves("x"), (0.3,), [other])


def test_an_impossible_part_is_refused() -> None:
    parts: tuple[Range, ...] = ((0.5, 0.4), (0.4, 0.7))
    with pytest.raises(InvalidExperiment, match="as large together"):
        Experiment(name="x", arms=(ExperimentArm("a", 0.2, parts=parts),))


def test_targeting_by_nothing_is_for_everybody() -> None:
    assert Targeting().everybody()
    with pytest.raises(InvalidExperiment, match=r"targeting\.reaches"):
        Targeting(reaches=("pigeon",))
