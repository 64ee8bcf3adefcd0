"""Promises of the default world that hold hour by hour, whatever is sent."""

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.errors import TickOutOfOrder, TruthForbidden
from tactful.events.records import KINDS
from tactful.simulator.columns import pick
from tactful.simulator.constants import Constants, draw_constants
from tactful.simulator.habit import HabitualPolicy
from tactful.simulator.protocol import FIRST_CANDIDATE, EngagementColumns, SendColumns, TruthlessWorld, World
from tactful.simulator.world import DefaultWorld, make

N = 400
SESSION, VIEW, OPEN, CLICK = (KINDS.index(k) for k in ("session", "view", "open", "click"))
UNSUBSCRIBE, DISABLE = KINDS.index("unsubscribe"), KINDS.index("disable")


def live(world: DefaultWorld, hours: int, times: float = 0.0) -> tuple[list[SendColumns], list[EngagementColumns]]:
    """Runs a world for some hours at a multiple of the habitual volume; returns what was sent and seen by tick."""
    policy = HabitualPolicy(world.users(), world.habit_per_week(), world.start_us, 1, max(times, 0.01))
    sent, seen = [], []
    for hour in range(hours):
        at = world.start_us + hour * HOUR_US
        sends = policy.sends(at) if times else SendColumns.none()
        if times:
            policy.take_up(world.candidates(at, at + HOUR_US))
        seen.append(world.respond(sends, at, at + HOUR_US))
        policy.observe(seen[-1])
        sent.append(sends)
    return sent, seen


def message_to_everyone(world: DefaultWorld, at_us: int, channel: int, types: int = 0) -> SendColumns:
    who = np.flatnonzero(world.users().reach >> channel & 1)
    m = len(who)
    return SendColumns(
        user=who,
        at_us=np.full(m, at_us),
        channel=np.full(m, channel, np.int8),
        type=np.full(m, types, np.int16),
        category=np.zeros(m, np.int32),
        quality=np.full(m, 0.5, np.float32),
        candidate=np.arange(m) + FIRST_CANDIDATE,
        decision=np.arange(m),
    )


def test_a_made_world_fits_the_protocol() -> None:
    assert isinstance(make(seed=1, n_users=10), World)
    assert isinstance(TruthlessWorld(make(seed=1, n_users=10)), World)


def test_the_same_seed_gives_the_same_life() -> None:
    (_, one), (_, two) = (live(make(seed=3, n_users=N), 48, times=1.0) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        for name, column in vars(a).items():
            np.testing.assert_array_equal(column, getattr(b, name))


def test_another_seed_gives_another_life() -> None:
    (_, one), (_, two) = (live(make(seed=s, n_users=N), 24) for s in (3, 4))
    assert sum(len(e.user) for e in one) != sum(len(e.user) for e in two)


def test_a_user_who_gets_nothing_lives_alike_whatever_others_get() -> None:
    silent, noisy = make(seed=3, n_users=N), make(seed=3, n_users=N)
    for hour in range(48):
        at = silent.start_us + hour * HOUR_US
        sends = message_to_everyone(noisy, at, channel=0)
        quiet = silent.respond(SendColumns.none(), at, at + HOUR_US)
        loud = noisy.respond(pick(sends, sends.user % 2 == 0), at, at + HOUR_US)
        for name, column in vars(pick(quiet, quiet.user % 2 == 1)).items():
            np.testing.assert_array_equal(column, getattr(pick(loud, loud.user % 2 == 1), name))


def test_candidates_depend_on_no_send_and_not_on_how_they_are_asked_for() -> None:
    silent, noisy = make(seed=3, n_users=N), make(seed=3, n_users=N)
    live(noisy, 24, times=3.0)
    start = silent.start_us
    whole = silent.candidates(start, start + 2 * DAY_US)
    parts = [noisy.candidates(start + h * HOUR_US, start + (h + 1) * HOUR_US) for h in range(48)]
    np.testing.assert_array_equal(whole.candidate, np.concatenate([p.candidate for p in parts]))
    np.testing.assert_array_equal(whole.category, np.concatenate([p.category for p in parts]))
    assert len(np.unique(whole.candidate)) == len(whole.candidate)
    assert whole.candidate.min() >= FIRST_CANDIDATE


def test_candidates_come_once_or_twice_a_day_and_live_one_to_seven_days() -> None:
    world = make(seed=5, n_users=2_000)
    c = world.candidates(world.start_us, world.start_us + 4 * DAY_US)
    assert 1.0 < len(c.user) / 2_000 / 4 < 2.0
    days = (c.expires_us - c.created_us) / DAY_US
    assert days.min() >= 1.0
    assert days.max() <= 7.0
    assert np.all((c.created_us >= world.start_us) & (c.created_us < world.start_us + 4 * DAY_US))
    assert np.mean(np.array(c.types)[c.type] == "security_alert") < 0.002


def test_engagements_lie_in_their_tick_and_in_order() -> None:
    world = make(seed=3, n_users=N)
    _, seen = live(world, 72, times=2.0)
    for hour, e in enumerate(seen):
        start = world.start_us + hour * HOUR_US
        assert np.all((e.at_us >= start) & (e.at_us < start + HOUR_US))
        assert np.all(np.diff(e.at_us) >= 0)


def test_nobody_has_two_sessions_in_an_hour_and_every_click_has_one() -> None:
    _, seen = live(make(seed=3, n_users=N), 120, times=3.0)
    clicks = 0
    for e in seen:
        sessions = e.user[e.kind == SESSION]
        assert len(np.unique(sessions)) == len(sessions)
        assert set(e.user[e.kind == CLICK]) <= set(sessions)
        clicks += int(np.sum(e.kind == CLICK))
    assert clicks > 20


def test_a_click_and_its_session_bear_the_decision_and_organic_ones_none() -> None:
    world = make(seed=3, n_users=N)
    sends = message_to_everyone(world, world.start_us, channel=1)
    seen = world.respond(sends, world.start_us, world.start_us + HOUR_US)
    clicks = pick(seen, seen.kind == CLICK)
    assert len(clicks.user) > 0
    np.testing.assert_array_equal(sends.user[clicks.decision], clicks.user)
    sessions = pick(seen, seen.kind == SESSION)
    assert set(sessions.decision[sessions.decision >= 0]) == set(clicks.decision)
    assert np.any(sessions.decision == -1)


def test_a_closed_channel_reaches_nobody() -> None:
    world = make(seed=3, n_users=N, constants=Constants(leave_base=0.5))
    left: set[int] = set()
    for hour in range(48):
        at = world.start_us + hour * HOUR_US
        seen = world.respond(message_to_everyone(world, at, channel=0), at, at + HOUR_US)
        if hour >= 30:  # every answer to a message of the first hours has come in
            assert not left & set(seen.user[(seen.kind == OPEN) & (seen.at_us >= at)])
        if hour < 5:
            left |= set(seen.user[seen.kind == UNSUBSCRIBE])
    assert len(left) > 10
    assert np.all(world.truth().reachable[list(left)] & 1 == 0)


def test_after_leaving_people_come_less_but_still_come() -> None:
    truth = make(seed=3, n_users=2_000).truth()
    before = truth.organic(truth.now_us, 24).sum(axis=1)
    after = truth.active_after_leaving()
    assert np.all(after > 0.0)
    assert np.mean(after) < 0.9 * np.mean(before)


def test_messages_raise_fatigue_which_lowers_clicks_and_raises_leaving() -> None:
    world = make(seed=3, n_users=N)
    sends = message_to_everyone(world, world.start_us, channel=0)
    before = world.truth()
    for hour in range(3):
        at = world.start_us + hour * HOUR_US
        world.respond(message_to_everyone(world, at, channel=0), at, at + HOUR_US)
    after = world.truth()
    rows = sends.user
    assert np.all(after.fatigue[rows] > before.fatigue[rows])
    still = after.reachable[rows] & 1 == 1
    assert np.mean(after.click_probability(sends)[still]) < np.mean(before.click_probability(sends)[still])
    assert np.mean(after.leave_probability(sends)[still]) > np.mean(before.leave_probability(sends)[still])


def test_the_truth_about_visits_is_what_happens() -> None:
    world = make(seed=3, n_users=4_000)
    chance = world.truth().organic(world.start_us, 6)
    _, seen = live(world, 6)
    for hour, e in enumerate(seen):
        expected = chance[:, hour].sum()
        assert abs(np.sum(e.kind == SESSION) - expected) < 4.0 * np.sqrt(expected) + 0.05 * expected


def test_the_truth_about_clicks_is_what_happens() -> None:
    world = make(seed=3, n_users=6_000)
    sends = message_to_everyone(world, world.start_us, channel=0)
    expected = world.truth().click_probability(sends).sum()
    clicks = 0
    for hour in range(25):
        at = world.start_us + hour * HOUR_US
        seen = world.respond(sends if hour == 0 else SendColumns.none(), at, at + HOUR_US)
        clicks += int(np.sum(seen.kind == CLICK))
    assert abs(clicks - expected) < 4.0 * np.sqrt(expected)


def test_a_snapshot_of_the_truth_does_not_change_later() -> None:
    world = make(seed=3, n_users=N)
    truth = world.truth()
    fatigue = truth.fatigue.copy()
    live(world, 12, times=2.0)
    np.testing.assert_array_equal(truth.fatigue, fatigue)


def test_an_honest_arm_cannot_ask_for_the_truth() -> None:
    with pytest.raises(TruthForbidden):
        TruthlessWorld(make(seed=1, n_users=10)).truth()


def test_a_tick_out_of_order_is_refused() -> None:
    world = make(seed=1, n_users=10)
    start = world.start_us
    with pytest.raises(TickOutOfOrder, match="once per hour"):
        world.respond(SendColumns.none(), start + HOUR_US, start + 2 * HOUR_US)
    with pytest.raises(TickOutOfOrder, match="hand each send"):
        world.respond(message_to_everyone(world, start + HOUR_US, channel=0), start, start + HOUR_US)


def test_worlds_of_the_prior_differ_and_live() -> None:
    seen = [live(make(seed=3, n_users=200, constants=draw_constants(s)), 24, times=1.0)[1] for s in range(3)]
    totals = [sum(len(e.user) for e in ticks) for ticks in seen]
    assert len(set(totals)) == 3
    assert min(totals) > 0
