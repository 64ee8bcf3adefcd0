"""The price of a send in a living population: an outage leaves the target, a new model leaves the ranks."""

from typing import Any

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.runtime.control import OUTAGE_SENDS, Epoch, VolumeState, open_hours
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.closed_loop import Loop
from tactful.simulator.tally import OnPlan, Tally
from tactful.simulator.world import make

USERS, DAYS, OUTAGE_DAY, OUTAGE_HOURS = 1_000, 3, 1, (14, 16)


class Epochs(Tally):
    """Keeps every look at the counts."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.seen: list[Epoch] = []

    def priced(self, epoch: Epoch) -> None:
        super().priced(epoch)
        self.seen.append(epoch)


class Watched(Loop):
    """A closed loop whose epochs are kept."""

    def tally(self, days: int, on_plan: OnPlan | None = None) -> Tally:
        plain = super().tally(days, on_plan)
        self.epochs = Epochs(plain._first_day * DAY_US, days, plain._world_type)
        return self.epochs


@pytest.fixture(scope="module")
def lived() -> Watched:
    """Three days with a kill switch that is on for two hours of the second."""
    loop = Watched.start(make(6, USERS), Tactful(per_user_per_week=6.0).prepare(None, 6))
    day = loop.at_us // DAY_US + OUTAGE_DAY
    begins, ends = (day * DAY_US + hour * HOUR_US for hour in OUTAGE_HOURS)
    loop.population.killed = [(begins, True), (ends, False)]
    loop.run("tactful", DAYS, judge=False)
    return loop


def at_the_end_of_hour(lived: Watched, hour: int) -> Epoch:
    """The look at the counts of the outage's day up to an hour."""
    end_us = lived.began_us + OUTAGE_DAY * DAY_US + (hour + 1) * HOUR_US
    return next(e for e in lived.epochs.seen if e.effective_us == end_us + HOUR_US)


def test_hours_of_an_outage_leave_the_target_by_their_share_of_the_plan(lived: Watched) -> None:
    before, after = (at_the_end_of_hour(lived, hour) for hour in (OUTAGE_HOURS[0] - 1, OUTAGE_HOURS[1]))
    planned = after.planned.sum(axis=(1, 2))
    assert planned[slice(*OUTAGE_HOURS)].min() > 2 * OUTAGE_SENDS  # in either of the two channels that matter
    lost = planned[slice(*OUTAGE_HOURS)].sum() / planned.sum()
    assert after.target_day.sum() == pytest.approx(before.target_day.sum() * (1 - lost), rel=0.1)
    assert after.target_day.sum() < 0.97 * before.target_day.sum()


def test_a_day_after_an_outage_is_not_taken_to_be_out_of_reach(lived: Watched) -> None:
    next_day = lived.epochs.seen[-2]
    assert next_day.saturated.sum() <= 4  # of 90 cells


def test_what_an_apps_first_day_reached_lowers_no_target(lived: Watched) -> None:
    second_day = [e for e in lived.epochs.seen if DAY_US < e.effective_us - HOUR_US - lived.began_us <= 2 * DAY_US]
    assert len(second_day) == 24
    assert not any(e.saturated.any() for e in second_day)


def test_an_hour_with_a_small_plan_or_a_job_or_still_to_come_is_no_outage() -> None:
    planned, jobs = np.full((24, 5), OUTAGE_SENDS), np.zeros((24, 5))
    planned[3, 0], jobs[4, 0] = OUTAGE_SENDS - 1, 1
    open_ = open_hours(planned, jobs, hours=6)[:, 0]
    assert np.flatnonzero(~open_).tolist() == [0, 1, 2, 5]


def test_a_new_model_keeps_every_price_until_it_has_scored_and_the_state_survives_storage(lived: Watched) -> None:
    settings = lived.policy.settings
    volume = VolumeState.from_bytes(lived.population.volume.to_bytes(), settings)
    before = lived.epochs.seen[-1].thresholds
    volume.model_changed()
    volume = VolumeState.from_bytes(volume.to_bytes(), settings)
    waiting = volume.close_epoch(lived.at_us + HOUR_US).thresholds
    assert waiting.version == before.version + 1
    assert (waiting.mid == before.mid).all()
    assert (waiting.low == before.mid).all()
