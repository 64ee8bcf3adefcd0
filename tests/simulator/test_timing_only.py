"""Runs in which only the hours differ keep what they promise: the same messages, quiet hours, closed channels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.decision.timing.quiet_hours import in_quiet
from tactful.features.context import Zones
from tactful.simulator.columns import pick
from tactful.simulator.constants import Constants
from tactful.simulator.planned_sends import first_days, planned_sends
from tactful.simulator.protocol import SendColumns
from tactful.simulator.timing_only import SLOTS, Stage, explore, live, open_slots
from tactful.simulator.world import make

N, DAYS = 120, 3


@pytest.fixture(scope="module")
def stage() -> Stage:
    """Some people after a few days at random hours."""
    return explore(make(seed=3, n_users=N), DAYS, seed=3)


def _plans(*slots: int, days: int = DAYS) -> NDArray[np.uint8]:
    made = np.zeros((days, N, SLOTS), dtype=np.uint8)
    made[:, :, list(slots)] = 1
    return made


def _by_user_and_day(sends: SendColumns, stage: Stage) -> SendColumns:
    """The sends ordered by user, local day and instant, which is the order of places in the day."""
    return pick(sends, np.lexsort((sends.at_us, sends.user)))


def test_the_same_place_in_a_day_has_the_same_message_at_whatever_hour(stage: Stage) -> None:
    one, other = (
        _by_user_and_day(planned_sends(stage.world, stage.start_us, _plans(*slots), 1), stage)
        for slots in ((9, 10), (14, 20))
    )
    for column in ("user", "channel", "type", "category", "quality", "candidate"):
        assert np.array_equal(getattr(one, column), getattr(other, column)), column
    assert (one.at_us != other.at_us).all()


def test_a_send_goes_out_when_its_slot_begins_on_her_own_clock(stage: Stage) -> None:
    users, sends = stage.log.users, planned_sends(stage.world, stage.start_us, _plans(9), 1)
    assert len(sends.user) == N * DAYS
    minute = Zones.of(users.zones).local_minute(users.zone[sends.user], sends.at_us)
    assert (minute == 9 * 60).all()
    day = Zones.of(users.zones).local_day(users.zone[sends.user], sends.at_us)
    assert (np.bincount(day - first_days(users, stage.start_us)[sends.user]) == N).all()
    assert sends.at_us.min() >= stage.start_us


def test_nobody_is_sent_to_through_a_channel_that_she_lacks(stage: Stage) -> None:
    sends = planned_sends(stage.world, stage.start_us, _plans(9, 12, 18), 1)
    assert ((stage.log.users.reach[sends.user] >> sends.channel.astype(np.uint8)) & 1 == 1).all()


def test_exploration_keeps_quiet_hours_and_sends_everyone_one_a_day(stage: Stage) -> None:
    users, sends = stage.log.users, stage.log.sends
    minute = Zones.of(users.zones).local_minute(users.zone[sends.user], sends.at_us)
    assert not in_quiet(minute, users.quiet_start[sends.user], users.quiet_end[sends.user]).any()
    assert np.bincount(sends.user, minlength=N).max() == DAYS
    assert len(sends.user) > 0.95 * N * DAYS
    assert open_slots(users)[sends.user, minute // 60].all()


def test_a_run_leaves_its_stage_as_it_is(stage: Stage) -> None:
    first, again = (live(stage, _plans(12), 1) for _ in range(2))
    for name in ("sends", "opens", "clicks", "leaves", "active", "remaining_value"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name


def test_plans_of_nothing_are_silence(stage: Stage) -> None:
    silent = live(stage, _plans(), 1)
    assert silent.sends.sum() == silent.opens.sum() == silent.leaves.sum() == 0
    assert (silent.score >= silent.active.sum(axis=1)).mean() > 0.5
    told = live(stage, _plans(12), 1)
    alike = (told.clicks == 0) & (told.sends == 0)
    assert np.array_equal(told.active[alike], silent.active[alike])


def test_who_has_left_receives_nothing_more(shapes_unchecked: None) -> None:
    weary = Constants(leave_base=0.5)
    stage = explore(make(seed=4, n_users=N, constants=weary), DAYS, seed=4)
    assert (stage.open_channels == 0).mean() > 0.2
    after = live(stage, _plans(12), 1)
    assert (after.sends[stage.open_channels == 0] == 0).all()
    assert after.sends[stage.open_channels > 0].sum() > 0
