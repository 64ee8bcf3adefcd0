"""Promises of the closed loop and of what it reports, whatever the arm."""

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.events.records import KINDS
from tactful.events.registry import Registry
from tactful.simulator import closed_loop
from tactful.simulator.arms.neutral import Neutral
from tactful.simulator.arms.silence import Silence
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.closed_loop import Explored
from tactful.simulator.exploration_log import local_hour, organic_days, send_rows, sessions_by_slot
from tactful.simulator.protocol import EngagementColumns, SendColumns
from tactful.simulator.result import Diary, Result
from tactful.simulator.world import make

N = 200


@pytest.fixture(scope="module")
def explored() -> Explored:
    return closed_loop.explore(make(seed=4, n_users=N), days=5)


@pytest.fixture(scope="module")
def lived(explored: Explored) -> Result:
    return closed_loop.follow(explored, Tactful(), days=8)


def test_the_same_start_and_seed_give_the_same_run_and_leave_the_start_untouched(
    explored: Explored, lived: Result
) -> None:
    again = closed_loop.follow(explored, Tactful(), days=2)
    first = lived.sent.at_us < lived.start_us + 2 * DAY_US
    np.testing.assert_array_equal(again.sent.at_us, lived.sent.at_us[first])
    np.testing.assert_array_equal(again.active, lived.active[:, :2])
    assert np.isfinite(again.remaining_value).all()


def test_a_run_with_warm_up_is_exploration_and_then_the_arm() -> None:
    start = closed_loop.explore(make(seed=4, n_users=N), days=2)
    after = closed_loop.follow(start, Tactful(), days=1)
    whole = closed_loop.run(make(seed=4, n_users=N), Tactful(), days=1, warm_up_days=2)
    np.testing.assert_array_equal(whole.sent.candidate, after.sent.candidate)
    assert whole.start_us == after.start_us == make(seed=4, n_users=N).start_us + 2 * DAY_US


def test_counts_by_user_and_day_add_up_to_the_sends(lived: Result) -> None:
    sent, n_sent = lived.sent, len(lived.sent.user)
    assert lived.sends.sum() == lived.sends_by_hour.sum() == lived.local_hours.sum() == n_sent > N
    day = (sent.at_us - lived.start_us) // DAY_US
    assert lived.sends[sent.user[-1], day[-1]] >= 1
    np.testing.assert_array_equal(np.bincount(day, minlength=8), lived.sends.sum(axis=0))
    assert lived.clicks.sum() <= n_sent
    assert lived.weekly_active.shape == (N, 1)


def test_nobody_is_told_anything_in_her_quiet_hours(lived: Result) -> None:
    assert lived.quiet_hour_violations.sum() == 0


def test_silence_sends_nothing_but_security_alerts(explored: Explored) -> None:
    result = closed_loop.follow(explored, Silence(), days=3)
    alert = make(seed=4, n_users=N).types.index("security_alert")
    assert set(result.sent.type.tolist()) <= {alert}
    assert result.sends.sum() == len(result.sent.user)


def test_the_targets_of_a_week_are_the_volume_that_was_asked_for(lived: Result) -> None:
    whole_days = lived.target[1:8]
    assert whole_days.sum() / N == pytest.approx(Tactful().per_user_per_week, rel=0.1)


def test_an_arm_without_a_judge_asks_for_no_truth(explored: Explored) -> None:
    result = closed_loop.follow(explored, Neutral(), days=1, judge=False)
    assert np.isnan(result.remaining_value).all()


def test_the_log_joins_every_send_whose_window_has_closed(explored: Explored) -> None:
    log, registry = explored.log, Registry.shipped()
    rows = send_rows(log, registry)
    assert 0 < len(rows.user) < len(log.sends.user)
    assert rows.at_us.max() <= log.end_us - 12 * HOUR_US
    assert 0 < rows.clicked.sum() <= (log.seen.kind == KINDS.index("click")).sum()


def test_the_log_counts_sessions_by_the_hour_on_the_wall(explored: Explored) -> None:
    log = explored.log
    sessions = log.seen.kind == KINDS.index("session")
    counts = sessions_by_slot(log, 0, log.days)
    assert counts.sum() == sessions.sum()
    first = np.flatnonzero(sessions)[:1]
    user = log.seen.user[first]
    assert counts[user[0], local_hour(log.users, user, log.seen.at_us[first])[0]] >= 1
    assert organic_days(log).sum() <= sessions.sum()


@pytest.mark.parametrize(("minute", "violations"), [(21 * 60 + 59, 0), (22 * 60, 1), (2 * 60, 1), (7 * 60, 0)])
def test_a_message_in_quiet_hours_counts_as_a_violation_unless_it_is_critical(minute: int, violations: int) -> None:
    world = make(seed=1, n_users=1)
    users = world.users()
    users.zone[0], users.quiet_start[0], users.quiet_end[0] = users.zones.index("Asia/Tokyo"), 22 * 60, 7 * 60
    at = np.array([world.start_us + ((minute - 9 * 60) % 1440) * 60_000_000])
    one = np.zeros(1, np.int64)
    send = SendColumns(one, at, one.astype(np.int8), one.astype(np.int16), one.astype(np.int32),
                       one.astype(np.float32), one, one)  # fmt: skip
    nothing = EngagementColumns(*(np.zeros(0, t) for t in ("i8", "i1", "i8", "i1", "i4", "i8", "i8", "f4")))
    for critical, expected in ((False, violations), (True, 0)):
        diary = Diary(users, world.start_us, 1, np.array([critical]))
        diary.write(int(at[0]) // HOUR_US, send, nothing)
        empty = np.zeros(1)
        made = diary.close(
            "x",
            empty,
            np.zeros((1, 24), np.int64),
            one.astype(np.uint8),
            one,
            np.zeros((1, 24), np.float32),
            empty,
            {},
            {},
        )
        assert made.quiet_hour_violations.sum() == expected
