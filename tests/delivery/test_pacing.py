"""Rates of calls, and the first days of a sending domain."""

from datetime import UTC, date, datetime

import pytest

from tactful.clock import DAY_US, SECOND_US, to_us
from tactful.delivery.pacing import Bucket, Ramp, WarmUp
from tactful.errors import InvalidSettings
from tactful.features.mailbox import MAILBOXES
from tactful.stores.memory import MemoryStore

DAY = to_us(datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize("per_second", [0.5, 3.0, 40.0])
def test_no_minute_has_more_calls_than_its_rate_and_one_burst(per_second: float) -> None:
    bucket, calls = Bucket(per_second), 0
    for tick in range(600):
        room = bucket.available(tick * SECOND_US // 10)
        bucket.take(tick * SECOND_US // 10, room)
        calls += room
    assert 60 * per_second - 1 <= calls <= 60 * per_second + max(1.0, per_second)


def test_a_quiet_hour_is_not_made_up_for() -> None:
    bucket = Bucket(10.0)
    assert bucket.available(3600 * SECOND_US) == 10


def test_a_clock_set_back_neither_gives_nor_takes() -> None:
    bucket = Bucket(10.0)
    bucket.take(100 * SECOND_US, 10)
    assert bucket.available(50 * SECOND_US) == 0
    assert bucket.available(51 * SECOND_US) == 10


def test_a_day_takes_its_cap_for_each_mailbox_provider_and_says_who_waits_for_how_long() -> None:
    store = MemoryStore()
    ramp = Ramp(store, WarmUp(started_on="2026-12-01", first_day=2))
    assert [ramp.admit("a@gmail.com", DAY + hour) for hour in range(2)] == [None, None]
    held = ramp.admit("b@gmail.com", DAY + 6 * DAY_US // 24)
    assert held is not None
    assert (held[0].total_seconds(), held[1]) == (
        18 * 3600,
        "warm-up: the day's 2 to gmail are out",
    )
    assert ramp.admit("c@yahoo.com", DAY) is None


def test_the_next_day_takes_twice_as_many_and_a_restart_forgets_nothing() -> None:
    store, warm_up = MemoryStore(), WarmUp(started_on="2026-12-01", first_day=2)
    went = [[Ramp(store, warm_up).admit("a@gmail.com", DAY + day * DAY_US) for _ in range(20)] for day in range(4)]
    assert [each.count(None) for each in went] == [2, 4, 8, 16]


def test_before_its_first_day_a_domain_gets_no_more_and_after_the_ramp_nothing_is_capped() -> None:
    warm_up = WarmUp(started_on="2026-12-01", first_day=2, days=3)
    assert [warm_up.cap_on(date(2026, 11, 30)), warm_up.cap_on(date(2026, 12, 4))] == [2, None]
    assert WarmUp().cap_on(date(2026, 12, 1)) is None


def test_every_mailbox_provider_has_a_count_of_its_own() -> None:
    ramp = Ramp(MemoryStore(), WarmUp(started_on="2026-12-01", first_day=1))
    addresses = ("a@x.example", "a@gmail.com", "a@outlook.com", "a@yahoo.com", "a@icloud.com")
    assert len(addresses) == len(MAILBOXES)
    assert [ramp.admit(each, DAY) for each in addresses] == [None] * 5


def test_a_first_day_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="1 December"):
        WarmUp(started_on="1 December")
