"""Draws happen as often as their probabilities say: counted over hash draws, with a stated bound."""

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.decision.policy.channel import Choice, choose
from tactful.decision.policy.explore import (
    BUCKETS,
    Exploration,
    act,
    action_probability,
    bucket,
    draws_high,
    path_weight,
    random_option,
    slot_slice,
    volume_slice,
)
from tactful.errors import InvalidScores, InvalidSettings

N = 40_000
KEYS = np.arange(N, dtype=np.uint64) * np.uint64(7919)
NOON = np.full(N, 20_000 * DAY_US + 12 * HOUR_US, dtype=np.int64)
SIGMAS = 4.5
"""Chance of a false alarm, two-sided: 7 in a million for each comparison. The seeds are fixed besides."""


def agrees(count: float, probability: float, n: int = N) -> bool:
    spread = np.sqrt(probability * (1 - probability) / n)
    return bool(abs(count / n - probability) <= SIGMAS * spread)


def everyone(one: np.ndarray) -> np.ndarray:
    return np.repeat(one, N, axis=0)


def test_buckets_have_their_shares_and_report_them() -> None:
    shares = Exploration(random_send=0.2, greedy_send=0.1, greedy_no_send=0.05).shares
    drawn, probability = bucket(3, KEYS, NOON, shares)
    for index, share in enumerate(shares):
        assert agrees((drawn == index).sum(), share)
        assert (probability[drawn == index] == share).all()


def test_the_bucket_holds_for_a_utc_day_and_is_drawn_anew_on_the_next() -> None:
    shares = Exploration(random_send=0.3, greedy_send=0.2, greedy_no_send=0.2).shares
    today, _ = bucket(3, KEYS, NOON, shares)
    tonight, _ = bucket(3, KEYS, NOON + 12 * HOUR_US - 1, shares)
    tomorrow, _ = bucket(3, KEYS, NOON + 12 * HOUR_US, shares)
    assert (today == tonight).all()
    assert agrees((today == tomorrow).sum(), float(np.square(shares).sum()))


def test_the_coin_of_the_jitter_is_fair_and_tossed_at_every_job() -> None:
    now, later = draws_high(3, KEYS, NOON), draws_high(3, KEYS, NOON + 1)
    assert agrees(now.sum(), 0.5)
    assert agrees((now == later).sum(), 0.5)


UTILITY = np.array([[[0.30, 0.10], [0.28, 0.05], [0.90, 0.90]]])
FEASIBLE = np.array([[[True, True], [True, True], [False, False]]])
ORDER = np.array([[30, 20, 10]], dtype=np.uint64)
RANK = np.broadcast_to(np.array([0, 1]), (1, 3, 2))


def choices(*prices: float) -> list[Choice]:
    """One job's choices for everyone, under each price of the first channel."""
    arrays = (everyone(FEASIBLE), everyone(ORDER), everyone(RANK))
    return [choose(everyone(UTILITY), everyone(np.array([[price, 0.05]])), *arrays) for price in prices]


def test_random_send_takes_every_feasible_option_equally_often_and_no_other() -> None:
    candidate, channel = random_option(3, KEYS, NOON, everyone(FEASIBLE), everyone(ORDER))
    assert candidate.max() == 1
    for option in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert agrees(((candidate == option[0]) & (channel == option[1])).sum(), 0.25)


@pytest.mark.parametrize("name", BUCKETS)
def test_actions_are_as_frequent_as_their_probability_in_every_bucket(name: str) -> None:
    low, high, greedy = choices(0.20, 0.29, 0.25)  # low sends (0, 0), high sends (0, 1): another channel
    assert (int(low.channel[0]), int(high.channel[0])) == (0, 1)
    buckets = np.full(N, BUCKETS.index(name), dtype=np.int8)
    action = act(3, KEYS, NOON, buckets, low, high, greedy, everyone(FEASIBLE), everyone(ORDER))
    for candidate, channel in ((-1, -1), (0, 0), (0, 1), (1, 0), (1, 1)):
        taken = (action.candidate == candidate) & (action.channel == channel)
        one = np.full(N, candidate), np.full(N, channel)
        stated = action_probability(*one, low, high, greedy, everyone(FEASIBLE))[0, BUCKETS.index(name)]
        assert agrees(taken.sum(), stated)
        assert (action.probability[taken] == stated).all()


def test_a_threshold_that_only_its_lower_side_passes_sends_half_of_the_time() -> None:
    low, high, greedy = choices(0.20, 0.40, 0.30)
    nothing_else = everyone(np.array([[[True, False], [False, False], [False, False]]]))
    low, high, greedy = (
        choose(everyone(UTILITY), everyone(np.array([[price, 9.0]])), nothing_else, everyone(ORDER), everyone(RANK))
        for price in (0.20, 0.40, 0.30)
    )
    action = act(3, KEYS, NOON, np.zeros(N, dtype=np.int8), low, high, greedy, nothing_else, everyone(ORDER))
    assert agrees((action.candidate >= 0).sum(), 0.5)
    assert (action.probability == 0.5).all()
    assert ((action.candidate >= 0) == ~action.high).all()


def test_a_forced_day_sends_once_and_then_holds_and_production_does_not_care() -> None:
    low, high, greedy = choices(0.20, 0.20, 0.20)
    spent, buckets = np.ones(N, dtype=bool), (np.arange(N) % 4).astype(np.int8)
    action = act(3, KEYS, NOON, buckets, low, high, greedy, everyone(FEASIBLE), everyone(ORDER), spent)
    assert ((action.candidate >= 0) == (buckets == 0)).all()
    assert (action.probability == 1).all()
    assert (action.by_bucket[buckets == 0] == [1, 0, 0, 0]).all()
    assert (action.by_bucket[buckets == 1] == [0, 1, 1, 1]).all()


def test_without_any_option_every_bucket_holds_for_certain() -> None:
    feasible = everyone(np.zeros((1, 3, 2), dtype=bool))
    none = choose(everyone(UTILITY), everyone(np.zeros((1, 2))), feasible, everyone(ORDER), everyone(RANK))
    buckets = (np.arange(N) % 4).astype(np.int8)
    action = act(3, KEYS, NOON, buckets, none, none, none, feasible, everyone(ORDER))
    assert (action.candidate == -1).all()
    assert (action.by_bucket == 1).all()


def test_slot_slice_has_its_share() -> None:
    assert agrees(slot_slice(3, KEYS, NOON // DAY_US, 0.05).sum(), 0.05)


def test_volume_slice_draws_each_budget_equally_often_for_its_share_of_the_users() -> None:
    choices_of_k = (0, 1, 3, 7)
    inside, k, probability = volume_slice(3, KEYS, np.full(N, 55), 0.3, choices_of_k)
    assert agrees(inside.sum(), 0.3)
    assert (probability == np.where(inside, 0.25, 1.0)).all()
    for value in choices_of_k:
        assert agrees((k[inside] == value).sum(), 0.25, int(inside.sum()))


def test_path_weights_average_to_one_and_estimate_the_judged_policy() -> None:
    # Two jobs a day; the judged policy always sends, the log sends as its bucket says.
    shares = Exploration(random_send=0.2, greedy_send=0.2, greedy_no_send=0.1).shares
    sends_by_bucket = np.array([0.5, 1.0, 1.0, 0.0])
    buckets, _ = bucket(3, KEYS, NOON, shares)
    rng = np.random.default_rng(6)
    sent = rng.random((N, 2)) < sends_by_bucket[buckets][:, None]
    by_bucket = np.where(sent[:, :, None], sends_by_bucket, 1 - sends_by_bucket)
    weight = path_weight(sent.astype(np.float64), by_bucket, shares)
    reward = sent.sum(axis=1)
    spread = weight.std() / np.sqrt(N)
    assert abs(weight.mean() - 1) < SIGMAS * spread
    assert abs((weight * reward).mean() - 2) < SIGMAS * 2 * spread


def test_path_weight_by_hand() -> None:
    by_bucket = np.array([[[0.5, 0.25, 1.0, 0.0], [0.5, 1.0, 1.0, 1.0]]])
    weight = path_weight(np.array([[1.0, 0.5]]), by_bucket, (0.9, 0.05, 0.03, 0.02))
    assert weight[0] == pytest.approx(0.5 / (0.9 * 0.25 + 0.05 * 0.25 + 0.03 * 1.0))


def test_an_impossible_path_is_refused() -> None:
    with pytest.raises(InvalidScores, match="row 0"):
        path_weight(np.ones((1, 1)), np.zeros((1, 1, 4)), Exploration().shares)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"random_send": -0.1}, "random_send"),
        ({"jitter": float("nan")}, "jitter"),
        ({"jitter": 0.5}, "jitter"),
        ({"random_send": 0.6, "greedy_send": 0.4}, "production"),
        ({"logged_sends": 1.1}, "logged_sends"),
        ({"full_history": -0.01}, "full_history"),
        ({"volume_period_weeks": 0}, "volume_period_weeks"),
        ({"volume_choices": ()}, "volume_choices"),
        ({"volume_choices": (1, 1)}, "volume_choices"),
        ({"volume_choices": (256,)}, "volume_choices"),
    ],
)
def test_mistaken_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        Exploration(**settings)


def test_default_buckets_are_the_published_ones() -> None:
    assert Exploration().shares == pytest.approx((0.99, 0.005, 0.0025, 0.0025))
