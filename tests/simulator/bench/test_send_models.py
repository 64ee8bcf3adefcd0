"""The log in which a coin decides, and what is learned from it and kept."""

from pathlib import Path

import numpy as np
import pytest

from tactful.clock import DAY_US
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.bench.send_models import learned_sends
from tactful.simulator.choice_log import BY_COIN, GREEDY, RANDOM, SILENT, STATE, Choices, by_coin, choice_log
from tactful.simulator.closed_loop import Explored

DAYS = 5


@pytest.fixture(scope="module")
def choices(explored: Explored, shapes_unchecked: None) -> Choices:
    return choice_log(explored, by_coin(Assembled()(explored.log, 4)), DAYS)


def test_a_person_has_one_choice_a_day_and_the_coin_its_shares(choices: Choices) -> None:
    day = choices.at_us // DAY_US
    assert len(np.unique(np.stack([choices.user, day]), axis=1).T) == len(day)
    shares = np.bincount(choices.bucket, minlength=4) / len(day)
    assert shares == pytest.approx(BY_COIN.shares, abs=0.08)
    assert shares[0] == 0.0  # days on which no coin was thrown are left out


def test_a_silent_day_sends_nothing_and_every_other_day_something(choices: Choices) -> None:
    assert (choices.sent[choices.bucket == SILENT] == -1).all()
    assert (choices.sent[np.isin(choices.bucket, (GREEDY, RANDOM))] >= 0).all()


def test_a_random_send_was_among_the_options_and_their_chances_sum_to_one(choices: Choices) -> None:
    rows = np.flatnonzero(choices.bucket == RANDOM)
    assert (choices.eligible[rows, choices.sent[rows]] > 0.0).all()
    assert choices.eligible.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_state_is_finite_and_knows_the_best_click(choices: Choices) -> None:
    assert choices.state.shape == (len(choices.user), len(STATE))
    assert np.isfinite(choices.state).all()
    assert (choices.state[:, STATE.index("best_click")] > 0.0).mean() > 0.9


def test_what_was_learned_is_kept_and_read_again(explored: Explored, tmp_path: Path, shapes_unchecked: None) -> None:
    first, again = (learned_sends(explored, Assembled(), 2, 4, tmp_path, steps=5) for _ in range(2))
    state = np.zeros((3, len(STATE)), dtype=np.float32)
    assert np.array_equal(first.gain.worth(state), again.gain.worth(state))
    assert first.visits.sigma == again.visits.sigma
    assert {file.name for file in tmp_path.iterdir()} == {"choices.pickle", "send-models.pickle"}
