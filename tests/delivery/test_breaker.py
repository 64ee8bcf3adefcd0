"""A provider that fails is left alone, probed, and taken back: by instants that are given, without waiting for them."""

import pytest

from tactful.clock import SECOND_US
from tactful.delivery.breaker import Breaker, BreakerPolicy
from tactful.errors import InvalidSettings

POLICY = BreakerPolicy(min_calls=4, failing_share=0.5, window_s=60.0, open_s=30.0, longest_open_s=100.0)


def opened(at_us: int = 0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(4):
        breaker.told(at_us, healthy=False)
    return breaker


def test_a_provider_that_answers_is_never_held_back() -> None:
    breaker = Breaker(POLICY)
    for second in range(100):
        breaker.told(second * SECOND_US, healthy=second % 3 != 1)
        assert breaker.allowance(second * SECOND_US, in_flight=99) is None


def test_few_failures_prove_nothing() -> None:
    breaker = Breaker(POLICY)
    for _ in range(3):
        breaker.told(0, healthy=False)
    assert breaker.allowance(0, in_flight=0) is None


def test_failures_long_ago_count_no_more() -> None:
    breaker = Breaker(POLICY)
    for second in range(10):
        breaker.told(second * 20 * SECOND_US, healthy=False)
    assert breaker.allowance(200 * SECOND_US, in_flight=0) is None


def test_an_open_one_allows_one_probe_at_a_time_when_its_wait_is_over() -> None:
    breaker = opened()
    assert breaker.allowance(30 * SECOND_US - 1, in_flight=0) == 0
    assert breaker.allowance(30 * SECOND_US, in_flight=0) == 1
    assert breaker.allowance(30 * SECOND_US, in_flight=1) == 0


def test_a_healthy_probe_closes_it_and_what_failed_before_is_forgotten() -> None:
    breaker = opened()
    breaker.told(31 * SECOND_US, healthy=True)
    breaker.told(31 * SECOND_US, healthy=False)
    assert breaker.allowance(31 * SECOND_US, in_flight=0) is None


def test_each_failed_probe_doubles_the_wait_up_to_the_longest() -> None:
    breaker, at_us, waits = opened(), 0, []
    for _ in range(4):
        wait = next(s for s in range(1, 200) if breaker.allowance(at_us + s * SECOND_US, in_flight=0))
        waits.append(wait)
        at_us += wait * SECOND_US
        breaker.told(at_us, healthy=False)
    assert waits == [30, 60, 100, 100]


def test_an_answer_from_before_it_opened_changes_nothing() -> None:
    breaker = opened()
    breaker.told(SECOND_US, healthy=True)
    assert breaker.allowance(2 * SECOND_US, in_flight=0) == 0


def test_a_first_wait_above_the_longest_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="open_s = 700"):
        BreakerPolicy(open_s=700.0)
