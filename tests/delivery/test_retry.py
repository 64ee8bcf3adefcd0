"""Retrying: waits grow, differ between messages, respect the provider, and end."""

from datetime import timedelta
from typing import Any

import pytest

from tactful.clock import HOUR_US, MINUTE_US, SECOND_US
from tactful.delivery.retry import GiveUp, RetryPolicy, TryAgain, decide
from tactful.errors import InvalidSettings

NEVER = 2**62
USUAL = RetryPolicy()


def wait_us(attempt_no: int, key: int = 1, policy: RetryPolicy = USUAL, asked: timedelta = timedelta(0)) -> int:
    then = decide(policy, attempt_no, 1_000, NEVER, key, asked)
    assert isinstance(then, TryAgain)
    return then.next_try_us - 1_000


def test_waits_double_up_to_the_longest() -> None:
    policy = RetryPolicy(timedelta(minutes=1), timedelta(minutes=5), max_attempts=100, jitter_share=0)
    assert [wait_us(n, policy=policy) // MINUTE_US for n in (1, 2, 3, 4, 99)] == [1, 2, 4, 5, 5]


def test_messages_held_up_together_come_back_apart_and_within_the_jitter() -> None:
    waits = [wait_us(1, key) for key in range(500)]
    assert len(set(waits)) == 500
    assert all(15 * SECOND_US < wait <= 30 * SECOND_US for wait in waits)
    # 500 uniform draws: the mean of 22.5 s has a standard error of 0.2 s
    assert abs(sum(waits) / 500 - 22.5 * SECOND_US) < 0.8 * SECOND_US


def test_the_same_attempt_always_waits_equally_long() -> None:
    assert wait_us(3, 42) == wait_us(3, 42)


def test_the_wait_that_a_provider_asks_for_is_never_undercut() -> None:
    assert wait_us(1, asked=timedelta(hours=2)) == 2 * HOUR_US
    assert wait_us(1, asked=timedelta(seconds=1)) > SECOND_US


def test_it_ends_when_all_attempts_are_used() -> None:
    assert decide(RetryPolicy(max_attempts=3), 3, 0, NEVER, 1) == GiveUp("attempts")


def test_it_ends_when_the_next_try_would_be_too_late() -> None:
    assert decide(RetryPolicy(), 1, 0, 10 * SECOND_US, 1) == GiveUp("expires")


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": timedelta(0)},
        {"first": timedelta(hours=2)},
        {"max_attempts": 0},
        {"jitter_share": 1.5},
        {"jitter_share": float("nan")},
    ],
)
def test_an_impossible_policy_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        RetryPolicy(**wrong)
