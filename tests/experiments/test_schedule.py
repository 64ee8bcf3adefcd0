"""Which experiments run when: announced, resized, ended, each from a stated instant on."""

from datetime import UTC, datetime

import msgspec
import pytest

from tactful.clock import to_us
from tactful.errors import InvalidExperiment, InvalidRecord
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.experiments.layers import resized
from tactful.experiments.schedule import Schedule, read, value

MARCH, APRIL, MAY, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5, 6))
CANARY = Experiment(name="canary", arms=(ExperimentArm("new", 0.01),), offset=0.5)


def names(schedule: Schedule, at: datetime) -> list[str]:
    return [one.name for one in schedule.at(to_us(at), "policy")]


def test_an_experiment_runs_from_its_announcement_to_its_end() -> None:
    schedule = Schedule().with_one(to_us(MARCH), CANARY)
    ended = schedule.with_one(to_us(APRIL), msgspec.structs.replace(CANARY, ended_at=MAY))
    assert [names(ended, at) for at in (MARCH, APRIL, MAY)] == [["canary"], ["canary"], []]
    assert names(schedule, JUNE) == ["canary"]
    assert schedule.at(to_us(MARCH) - 1, "policy") == ()


def test_a_stated_start_lets_it_wait() -> None:
    schedule = Schedule().with_one(to_us(MARCH), msgspec.structs.replace(CANARY, started_at=MAY))
    assert [names(schedule, at) for at in (APRIL, MAY)] == [[], ["canary"]]
    assert schedule.changes_us() == (to_us(MARCH), to_us(MAY))


def test_other_shares_hold_from_their_own_instant_on_and_the_start_stays() -> None:
    larger = resized(CANARY, (0.05,), [])
    schedule = Schedule().with_one(to_us(MARCH), CANARY).with_one(to_us(MAY), larger)
    assert [schedule.at(to_us(at), "policy")[0].arms[0].share for at in (APRIL, MAY)] == [0.01, 0.05]
    assert schedule.latest()[0].started_at == MARCH


def test_stages_are_the_definitions_that_dealt_people() -> None:
    halves = Experiment(name="x", arms=(ExperimentArm("control", 0.1), ExperimentArm("new", 0.1)), started_at=APRIL)
    larger = resized(halves, (0.2, 0.2), [])
    schedule = Schedule().with_one(to_us(MARCH), halves).with_one(to_us(MAY), larger)
    schedule = schedule.with_one(to_us(MAY) + 1, msgspec.structs.replace(larger, ended_at=JUNE))
    assert [(one.since_us, one.experiment) for one in schedule.stages("x")] == [
        (to_us(APRIL), halves),
        (to_us(MAY), larger),
    ]
    (at_once,) = Schedule().with_one(to_us(MARCH), halves).with_one(to_us(MARCH) + 1, larger).stages("x")
    assert (at_once.since_us, at_once.experiment) == (to_us(APRIL), larger)  # it grew before it began
    assert schedule.stages("y") == ()


def test_nobody_comes_back_into_another_arm() -> None:
    halves = Experiment(name="x", arms=(ExperimentArm("control", 0.5), ExperimentArm("new", 0.5)))
    shrunk = resized(halves, (0.1, 0.5), [])
    schedule = Schedule().with_one(to_us(MARCH), halves).with_one(to_us(APRIL), shrunk)
    with pytest.raises(InvalidExperiment, match="who were in 'control'"):
        schedule.with_one(to_us(MAY), resized(shrunk, (0.1, 0.6), []))
    back = schedule.with_one(to_us(MAY), resized(shrunk, (0.5, 0.5), []))
    assert back.latest()[0].ranges() == halves.ranges()


def test_an_ended_experiment_does_not_come_back() -> None:
    schedule = Schedule().with_one(to_us(MARCH), msgspec.structs.replace(CANARY, ended_at=APRIL))
    with pytest.raises(InvalidExperiment, match="has ended"):
        schedule.with_one(to_us(MAY), CANARY)


def test_a_running_experiment_keeps_its_arms_and_treatments() -> None:
    schedule = Schedule().with_one(to_us(MARCH), CANARY)
    other = msgspec.structs.replace(CANARY, arms=(ExperimentArm("new", 0.01, {"daily_cap": 1}),))
    with pytest.raises(InvalidExperiment, match="end it, and begin another"):
        schedule.with_one(to_us(APRIL), other)


def test_overlaps_are_refused_only_while_both_run() -> None:
    schedule = Schedule().with_one(to_us(MARCH), msgspec.structs.replace(CANARY, ended_at=APRIL))
    other = msgspec.structs.replace(CANARY, name="other")
    with pytest.raises(InvalidExperiment, match="overlap"):
        schedule.with_one(to_us(MARCH) + 1, other)
    assert names(schedule.with_one(to_us(APRIL), other), MAY) == ["other"]


def test_other_layers_do_not_decide() -> None:
    schedule = Schedule().with_one(to_us(MARCH), msgspec.structs.replace(CANARY, layer="ui"))
    assert names(schedule, MAY) == []
    assert schedule.latest()[0].layer == "ui"


def test_a_definition_survives_the_log() -> None:
    dated = msgspec.structs.replace(CANARY, started_at=MARCH, ended_at=MAY)
    assert read(msgspec.msgpack.decode(msgspec.msgpack.encode(value(dated)))) == dated
    with pytest.raises(InvalidRecord, match="cannot be read"):
        read({"name": 1})
