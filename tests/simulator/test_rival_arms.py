"""Promises of the rival arms' models, on logs made up so that the answer is known."""

from collections.abc import Callable

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.errors import InvalidExperiment
from tactful.simulator.arms.double_dqn import GAMMA, fit_gain, gone_at, transitions
from tactful.simulator.arms.duolingo import RECENCY, type_scores
from tactful.simulator.arms.linkedin_uplift import fit_visits, time_to_visit
from tactful.simulator.choice_log import GREEDY, LEAVES, RANDOM, SILENT, Choices
from tactful.simulator.visits import SESSION

PEOPLE, DAYS = 1_500, 8
COMES, IDLE = 0.0, 1.0
"""The one thing that is known of people here: whether they come whatever happens."""


def made_up(bucket: np.ndarray, hours: np.ndarray, known: np.ndarray, sent: np.ndarray | None = None) -> Choices:
    """A choice a day of each person at noon, and a visit some hours after it; none where that is a day or more."""
    user, day = np.repeat(np.arange(PEOPLE), DAYS), np.tile(np.arange(DAYS), PEOPLE)
    at = day * DAY_US + 12 * HOUR_US
    came = hours < 24.0
    return Choices(
        user=user,
        at_us=at,
        state=known[:, None].astype(np.float32),
        bucket=bucket.astype(np.int8),
        sent=np.where(bucket == SILENT, -1, 0) if sent is None else sent,
        eligible=np.full((len(user), 2), 0.5, dtype=np.float32),
        e_user=user[came],
        e_at_us=at[came] + (hours[came] * HOUR_US).astype(np.int64),
        e_kind=np.full(int(came.sum()), SESSION, dtype=np.int8),
        reach=np.ones(PEOPLE, dtype=np.int64),
        until_us=DAYS * DAY_US,
    )


@pytest.fixture(scope="module")
def told() -> Choices:
    """People who come anyway, and idle ones who come three times as soon when told."""
    rng = np.random.default_rng(1)
    bucket = rng.choice([GREEDY, SILENT], PEOPLE * DAYS, p=[0.3, 0.7])
    idle = rng.random(PEOPLE * DAYS) < 0.5
    mean = np.where(idle, np.where(bucket == GREEDY, 25.0, 75.0), 6.0)
    return made_up(bucket, rng.exponential(mean), np.where(idle, IDLE, COMES))


def test_linkedins_uplift_is_large_for_the_idle_and_small_for_those_sure_to_come(told: Choices) -> None:
    model = fit_visits(told)
    comes, idle = model.worth(np.array([[COMES], [IDLE]], dtype=np.float32))
    assert abs(comes) < 0.1
    assert idle == pytest.approx((1 - np.exp(-24 / 25)) / (1 - np.exp(-24 / 75)) - 1, rel=0.2)
    assert model.sigma == pytest.approx(1.0, abs=0.06)  # exponential times are Weibull's with σ = 1


def test_the_chance_of_a_visit_is_calibrated_with_and_without_a_send(told: Choices) -> None:
    model, (hours, came) = fit_visits(told), time_to_visit(told)
    for bucket in (GREEDY, SILENT):
        rows = told.bucket == bucket
        seen = ((hours <= 24.0) & came)[rows].mean()
        assert model.visit(told.state[rows], send=bucket == GREEDY).mean() == pytest.approx(seen, rel=0.05)


def test_double_dqn_gains_where_a_send_brings_a_visit(told: Choices, shapes_unchecked: None) -> None:
    comes, idle = fit_gain(told, steps=250).worth(np.array([[COMES], [IDLE]], dtype=np.float32))
    assert idle > 0.1
    assert abs(comes) < 0.5 * idle


def test_double_dqn_is_the_same_however_often_it_is_learned(told: Choices) -> None:
    first, second = fit_gain(told, 3, 20), fit_gain(told, 3, 20)
    assert np.array_equal(first.worth(told.state[:50]), second.worth(told.state[:50]))


def test_leaving_ends_a_step_and_costs_and_the_end_of_the_log_does_neither() -> None:
    bucket, never = np.full(PEOPLE * DAYS, SILENT), np.full(PEOPLE * DAYS, 99.0)
    quiet = made_up(bucket, never, np.zeros(PEOPLE * DAYS))
    last = quiet.user != np.append(quiet.user[1:], -1)
    gone = Choices(
        **{
            **vars(quiet),
            "e_user": np.array([0]),
            "e_at_us": np.array([quiet.until_us - 1]),
            "e_kind": np.array([LEAVES[0]], dtype=np.int8),
        }
    )
    steps = transitions(gone, np.zeros(1), np.ones(1))
    assert len(steps.reward) == len(bucket) - last.sum() + 1
    assert steps.discount[DAYS - 1] == 0.0
    assert steps.reward[DAYS - 1] == -5.0
    assert np.allclose(np.delete(steps.discount, DAYS - 1), GAMMA)
    assert gone_at(gone)[0] == quiet.until_us - 1


def test_duolingo_scores_the_relative_difference_of_what_is_said_and_what_else_is() -> None:
    rng = np.random.default_rng(2)
    sent = rng.integers(0, 2, PEOPLE * DAYS)
    hours = np.where(rng.random(len(sent)) < np.where(sent == 1, 0.15, 0.10), 1.0, 99.0)
    better = type_scores(made_up(np.full(len(sent), RANDOM), hours, np.zeros(len(sent)), sent))
    assert better[1] == pytest.approx(0.41, abs=0.12)  # half as often again, but for the pseudo-rounds
    assert better[0] == pytest.approx(-0.29, abs=0.1)
    assert better[1] - better[0] > RECENCY


@pytest.mark.parametrize("learn", [fit_visits, fit_gain, type_scores])
def test_a_log_without_a_coin_teaches_nothing(learn: Callable[[Choices], object]) -> None:
    days = PEOPLE * DAYS
    with pytest.raises(InvalidExperiment):
        learn(made_up(np.zeros(days), np.full(days, 99.0), np.zeros(days)))
