"""What is logged in full is drawn by hash, as often as its probability says, and never depends on its neighbours."""

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.decision.policy.explore import BUCKETS
from tactful.decision.policy.full_log import FullLog, full_log

N = 400_000
KEYS = np.arange(N, dtype=np.uint64) * np.uint64(7919)
NOON = np.full(N, 20_000 * DAY_US + 12 * HOUR_US, dtype=np.int64)
SIGMAS = 4.5


def logged(bucket: str, sends: bool, at_us: np.ndarray = NOON) -> FullLog:
    buckets = np.full(N, BUCKETS.index(bucket))
    return full_log(3, KEYS, at_us, buckets, np.full(N, sends), logged_sends=0.1, full_history=0.01)


@pytest.mark.parametrize(("sends", "probability"), [(True, 0.01 + 0.99 * 0.1), (False, 0.01)])
def test_production_is_logged_as_often_as_stated(sends: bool, probability: float) -> None:
    log = logged("production", sends)
    assert (log.probability == probability).all()
    assert abs(log.kept.mean() - probability) < SIGMAS * np.sqrt(probability * (1 - probability) / N)


@pytest.mark.parametrize("bucket", BUCKETS[1:])
@pytest.mark.parametrize("sends", [True, False])
def test_every_decision_of_an_exploration_day_is_logged(bucket: str, sends: bool) -> None:
    log = logged(bucket, sends)
    assert log.kept.all()
    assert (log.probability == 1.0).all()


def test_the_whole_pool_is_kept_on_random_send_days_and_of_users_with_full_history() -> None:
    assert logged("random_send", sends=False).whole.all()
    historic = logged("production", sends=False).kept
    assert 0 < historic.sum() < N
    for bucket in ("production", "greedy_send", "greedy_no_send"):
        assert (logged(bucket, sends=True).whole == historic).all()


def test_a_user_with_full_history_has_it_for_ever_and_a_send_is_drawn_anew() -> None:
    today, later = logged("production", True), logged("production", True, NOON + 300 * DAY_US)
    assert (today.whole == later.whole).all()
    both = (today.kept & later.kept)[~today.whole]
    assert abs(both.mean() - 0.01) < SIGMAS * np.sqrt(0.01 * 0.99 / len(both))


def test_nothing_of_production_is_kept_where_the_shares_are_0() -> None:
    log = full_log(3, KEYS, NOON, np.zeros(N, dtype=np.int64), np.ones(N, dtype=bool), 0.0, 0.0)
    assert not log.kept.any()
    assert not log.probability.any()
