"""The pacer keeps the weekly budget in every rolling week, reaches it in the long run, and never bursts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.clock import DAY_US, HOUR_US, WEEK_US
from tactful.decision.volume.pace import (
    EXPLORATION_PERIOD_US,
    accrue,
    exploratory_due,
    initial_tokens,
    may_send,
    quota_of_day,
    spend,
    weighted_us,
)

DAYS = 7 * 12
NEVER = np.iinfo(np.int64).min


def phases(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).random(n)


def hourly_sends(k: np.ndarray, u: np.ndarray, awake: np.ndarray) -> np.ndarray:
    """Sends [hour, user] of users who are told whenever they are awake [hour] and the pacer lets them."""
    tokens, sent = initial_tokens(u, k), np.zeros((len(awake), len(k)), dtype=np.int64)
    for hour, is_awake in enumerate(awake):
        sent_7d = sent[max(hour - 7 * 24 + 1, 0) : hour].sum(axis=0)
        if is_awake:
            sent[hour] = may_send(tokens, k, sent_7d)
        tokens = accrue(spend(tokens, sent[hour]), np.full(len(k), HOUR_US), k)
    return sent


def rolling_week(sent: np.ndarray) -> np.ndarray:
    """Sends in each window of seven days [windows, user]."""
    total = np.concatenate([np.zeros((1, sent.shape[1]), dtype=np.int64), sent.cumsum(axis=0)])
    return total[7 * 24 :] - total[: -7 * 24]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1.0))
def test_no_rolling_week_exceeds_the_budget_whenever_sends_are_tried(seed: int, share: float) -> None:
    k = np.arange(0, 15)
    awake = np.random.default_rng(seed).random(24 * 35) < share
    sent = hourly_sends(k, phases(seed, 15), awake)
    assert (rolling_week(sent) <= k).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(st.integers(0, 24 * 42), st.integers(1, 24 * 20)), max_size=5))
def test_after_outages_of_any_pattern_no_day_sees_more_than_burst_and_accrual(
    seed: int, outages: list[tuple[int, int]]
) -> None:
    k, awake = np.arange(0, 15), np.ones(24 * 42, dtype=bool)
    for start, hours in outages:
        awake[start : start + hours] = False
    sent = hourly_sends(k, phases(seed, 15), awake)
    assert (rolling_week(sent) <= k).all()
    total = np.concatenate([np.zeros((1, 15), dtype=np.int64), sent.cumsum(axis=0)])
    assert (total[24:] - total[:-24] <= np.minimum(2 + np.ceil(k / 7), k)).all()
    assert (sent.sum(axis=0) <= 2 + k * awake.size / (7 * 24)).all()


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7])
def test_messages_of_a_user_who_is_always_awake_lie_evenly(k: int) -> None:
    sent = hourly_sends(np.full(20, k), phases(5, 20), np.ones(24 * 42, dtype=bool))
    for user in range(20):
        gaps = np.diff(np.flatnonzero(sent[:, user]))
        assert np.abs(gaps - 7 * 24 / k).max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0, 10.0), min_size=7, max_size=7), st.integers(0, 400), st.lists(st.integers(0, 300)))
def test_weighted_time_adds_up_and_a_week_stays_a_week(drawn: list[float], start: int, steps: list[int]) -> None:
    weight = np.array([drawn]) + 0.01
    weight /= weight.mean()
    at = np.array([start * HOUR_US])
    assert abs(int(weighted_us(weight, at, at + WEEK_US)[0]) - WEEK_US) <= 1
    parts, now = 0, at
    for step in steps:
        parts += int(weighted_us(weight, now, now + step * HOUR_US)[0])
        now = now + step * HOUR_US
    assert abs(parts - int(weighted_us(weight, at, now)[0])) <= len(steps) + 1


def test_even_weights_are_time_itself_and_time_set_back_is_nothing() -> None:
    ones = np.ones((3, 7))
    start, end = np.array([5, 5, 5]) * DAY_US, np.array([6, 30, 4]) * DAY_US
    assert weighted_us(ones, start, end).tolist() == [DAY_US, 25 * DAY_US, 0]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_weighted_accrual_keeps_the_week_and_its_rate_and_leans_to_the_heavy_days(seed: int) -> None:
    k, n = np.arange(0, 10), 10
    weight = np.tile(np.array([[0.5, 0.5, 0.5, 0.5, 0.5, 2.25, 2.25]]), (n, 1))
    tokens, sent = initial_tokens(phases(seed, n), k), np.zeros((24 * DAYS, n), dtype=np.int64)
    for hour in range(24 * DAYS):
        sent_7d = sent[max(hour - 7 * 24 + 1, 0) : hour].sum(axis=0)
        sent[hour] = may_send(tokens, k, sent_7d)
        start = np.full(n, hour * HOUR_US)
        tokens = accrue(spend(tokens, sent[hour], k), weighted_us(weight, start, start + HOUR_US), k)
    assert (rolling_week(sent) <= k).all()
    assert (np.abs(sent.sum(axis=0) - k * DAYS / 7) <= 2 + 0.1 * k * DAYS / 7).all()
    weekday = (np.arange(24 * DAYS) // 24 + 3) % 7
    assert sent[weekday >= 5][:, 4:].sum() > 2.5 / 7 * sent[:, 4:].sum()


def test_debt_is_never_more_than_a_week_s_budget() -> None:
    tokens = np.array([0.5, 0.5, -5.0])
    assert spend(tokens, np.array([9, 9, 0]), np.array([3, 0, 3])).tolist() == [-3.0, -1.0, -5.0]


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7, 14])
def test_long_run_rate_is_the_budget(k: int) -> None:
    users = np.arange(50)
    sent = hourly_sends(np.full(50, k), phases(1, len(users)), np.ones(24 * DAYS, dtype=bool))
    assert np.abs(sent.sum(axis=0) - k * DAYS / 7).max() <= 1


def test_a_fortnight_of_outage_is_followed_by_no_more_than_the_burst_in_a_day() -> None:
    awake = np.ones(24 * 42, dtype=bool)
    awake[24 * 14 : 24 * 28] = False
    k = np.full(40, 3)
    sent = hourly_sends(k, phases(2, 40), awake)
    assert sent[24 * 28 : 24 * 29].sum(axis=0).max() == 2
    assert (rolling_week(sent) <= 3).all()


def test_users_with_three_a_week_are_spread_over_all_days() -> None:
    users = np.arange(1400)
    sent = hourly_sends(np.full(1400, 3), phases(3, len(users)), np.ones(24 * 28, dtype=bool))
    by_day = sent[24 * 7 :].reshape(-1, 7, 24, 1400).sum(axis=(0, 2, 3))
    assert by_day.min() / by_day.sum() > 0.13
    assert by_day.max() / by_day.sum() < 0.16


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_daily_quotas_keep_the_rolling_week_and_reach_the_budget(seed: int) -> None:
    """Planned at midnight, sent at the user's own hours; sends of the window that ends with the day count."""
    k = np.arange(0, 10)
    rng = np.random.default_rng(seed)
    hours = np.sort(rng.permuted(np.tile(np.arange(24), (len(k), 1)), axis=1)[:, :4], axis=1)
    tokens, sent = initial_tokens(rng.random(len(k)), k), np.zeros((24 * DAYS, len(k)), dtype=np.int64)
    for day in range(DAYS):
        sent_7d = sent[max(24 * (day - 6), 0) : 24 * day].sum(axis=0)
        quota = quota_of_day(tokens, np.full(len(k), DAY_US), k, sent_7d, daily_cap=3)
        assert (quota <= 3).all()
        for nth in range(4):
            for user in np.flatnonzero(quota > nth):
                now = 24 * day + hours[user, nth]
                sent[now, user] += sent[max(now - 7 * 24 + 1, 0) : now, user].sum() < k[user]
        tokens = accrue(spend(tokens, sent[24 * day :][:24].sum(axis=0)), np.full(len(k), DAY_US), k)
    assert (rolling_week(sent) <= k).all()
    assert (np.abs(sent.sum(axis=0) - k * DAYS / 7) <= np.maximum(2, 0.1 * k * DAYS / 7)).all()


def test_quota_keeps_budget_and_cap() -> None:
    tokens, left = np.full(4, 2.0), np.full(4, DAY_US)
    k, sent_7d = np.array([14, 3, 3, 0]), np.array([0, 2, 5, 0])
    assert quota_of_day(tokens, left, k, sent_7d, daily_cap=10).tolist() == [4, 1, 0, 0]
    assert quota_of_day(tokens, left, k, sent_7d, daily_cap=3).tolist() == [3, 1, 0, 0]


def test_a_clock_set_back_takes_no_tokens() -> None:
    assert accrue(np.array([1.5]), np.array([-WEEK_US]), np.array([3])).tolist() == [1.5]


def test_a_budget_of_zero_starts_empty_and_stays_so() -> None:
    k = np.array([0])
    tokens = accrue(initial_tokens(np.array([0.9]), k), np.array([WEEK_US]), k)
    assert tokens.tolist() == [0.0]
    assert not may_send(tokens, k, np.array([0]))[0]


def test_a_budget_of_zero_gets_one_message_in_each_four_weeks_on_days_spread_over_them() -> None:
    users, periods = np.arange(280), 4
    u, k = phases(4, len(users)), np.zeros(280, dtype=np.int64)
    last, starts = np.full(280, NEVER), []
    for hour in range(0, 28 * 24 * periods, 6):
        now = np.full(280, 10**15 + hour * HOUR_US)
        due = exploratory_due(k, last, now, u)
        last = np.where(due, now, last)
        starts.append(due)
    sent = np.array(starts)
    assert set(sent.sum(axis=0).tolist()) <= {periods, periods + 1}  # who is within her window at both ends
    by_day = sent[28 * 4 :].reshape(-1, 28, 4, 280).sum(axis=(0, 2, 3))
    assert by_day.max() <= 3 * by_day.mean()


def test_a_user_with_a_budget_or_a_recent_message_gets_no_exploratory_one() -> None:
    now = np.full(3, 40 * EXPLORATION_PERIOD_US)
    k, last = np.array([0, 1, 0]), np.array([NEVER, NEVER, now[2] - 2 * WEEK_US])
    assert exploratory_due(k, last, now, np.zeros(3)).tolist() == [True, False, False]
