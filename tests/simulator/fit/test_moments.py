"""What is counted of a log, by hand, and how far a count may be trusted."""

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.events.records import KINDS
from tactful.features.context import Zones
from tactful.features.join import Touches
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.fit.log import AppLog, sends_of
from tactful.simulator.fit.moments import Moments, moments, own_visits

MONDAY = 1_767_571_200 * 1_000_000
N, DAYS = 3, 21
COUNTED = MONDAY + 7 * DAY_US
"""A third of the days is for settling."""


def log_of(sends: list[tuple[int, float, int]], acts: list[tuple[int, float, str, int, int]]) -> AppLog:
    """Three people; sends are (user, hour, channel), acts (user, hour, kind, channel, send or -1)."""
    sends = sorted(sends)
    user, hour, channel = (np.array(column) for column in zip(*sends, strict=True))
    who, when, kind, through, answered = zip(*acts, strict=True)
    return AppLog(
        zones=Zones.of(("UTC",)),
        zone=np.zeros(N, np.int64),
        reach=np.array([1, 2, 3], np.uint8),
        drawn=np.array([True, True, False]),
        since_us=MONDAY,
        until_us=MONDAY + DAYS * DAY_US,
        sends=sends_of(user, COUNTED + (hour * HOUR_US).astype(np.int64), channel, np.arange(len(user))),
        type=np.zeros(len(user), np.int64),
        touches=Touches(
            user=np.array(who),
            at_us=COUNTED + (np.array(when) * HOUR_US).astype(np.int64),
            kind=np.array([KINDS.index(each) for each in kind]),
            channel=np.array(through),
            decision=(np.array(answered) + 1).astype(np.uint64),
        ),
    )


def value(found: Moments, name: str) -> float:
    return float(found.value[found.names.index(name)])


SENDS = [(0, 10.0, EMAIL), (0, 34.0, EMAIL), (1, 10.0, PUSH), (2, 12.0, EMAIL), (2, 40.0, PUSH)]
ACTS = [
    (0, 12.0, "open", EMAIL, 0),
    (0, 12.5, "click", EMAIL, 0),
    (0, 12.6, "session", -1, 0),
    (0, 36.0, "open", EMAIL, 1),
    (0, 80.0, "session", -1, -1),
    (0, 80.5, "session", -1, -1),
    (0, 104.2, "session", -1, -1),
    (1, 11.0, "disable", PUSH, 2),
    (1, 24.0 + 24.0 * 7, "session", -1, -1),
    (2, -30.0, "session", -1, -1),
]


def test_an_own_visit_is_an_hour_with_a_session_that_no_click_began() -> None:
    assert own_visits(log_of(SENDS, ACTS)).tolist() == [2, 1, 0]


def test_rates_are_counted_as_by_hand() -> None:
    found = moments(log_of(SENDS, ACTS))
    assert value(found, "own visits a day") == pytest.approx(3 / (3 * 14))
    assert value(found, "came by themselves at all") == pytest.approx(2 / 3)
    assert value(found, "opens an e-mail") == pytest.approx(2 / 3)
    assert value(found, "hours until an e-mail is opened") == pytest.approx(2.0)
    assert value(found, "clicks an opened e-mail") == pytest.approx(1 / 2)
    assert value(found, "opens another e-mail, having opened one") == pytest.approx(1.0)
    assert value(found, "leaves a message") == pytest.approx(1 / 5)
    assert value(found, "own visits a day, all channels closed") == pytest.approx(1 / (14 - 11 / 24), rel=1e-6)


def test_answers_after_a_day_do_not_count() -> None:
    late = [(0, 12.0 + 24.0, "open", EMAIL, 0), (0, 80.0, "session", -1, -1)]
    found = moments(log_of([(0, 10.0, EMAIL)], late))
    assert found.events[found.names.index("opens an e-mail")] == 0.0


def test_moments_of_few_events_are_not_used() -> None:
    assert moments(log_of(SENDS, ACTS)).usable() == ()


def test_variances_are_those_of_a_bootstrap_over_people() -> None:
    rng = np.random.default_rng(3)
    below = rng.integers(1, 30, (800, 2)).astype(np.float64)
    above = rng.binomial(below.astype(np.int64), rng.beta(2.0, 8.0, (800, 1))).astype(np.float64)
    found = Moments(("one", "two"), above, below, above.sum(axis=0))
    drawn = rng.integers(0, 800, (2_000, 800))
    again = np.log(above[drawn].sum(axis=1) / below[drawn].sum(axis=1))
    assert np.allclose(np.cov(again.T), found.log_covariance, rtol=0.12)
