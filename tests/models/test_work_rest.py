"""Work and rest: who has no days of rest on record is tilted as everyone is; who has many has her own."""

import numpy as np
import pytest

from tactful.models.slot_histogram import SlotHistogram
from tactful.models.slot_rates import SlotRates
from tactful.models.work_rest import WorkRestRates, WorkRestSlots, tilts

EARLY, LATE = np.zeros(24), np.zeros(24)
EARLY[7:10], LATE[18:21] = 1.0, 1.0
TILT = np.stack([1.0 + EARLY, 1.0 + 3.0 * LATE])
NEVER = np.zeros((1, 24))
WORK, REST = np.array([0]), np.array([1])


def test_without_days_of_the_type_her_profile_is_tilted_as_everyones() -> None:
    model = WorkRestSlots(SlotHistogram(), TILT)
    own = SlotHistogram().slots(NEVER)[0]
    rest = model.slots(NEVER, NEVER, REST)[0]
    assert rest == pytest.approx(own * TILT[1] / (own * TILT[1]).sum())
    assert rest.sum() == pytest.approx(1.0)
    assert model.slots(NEVER, NEVER, WORK)[0].argmax() == 7


def test_many_days_of_the_type_overrule_the_tilt() -> None:
    counts = 500.0 * np.eye(24)[[3]]
    p = WorkRestSlots(SlotHistogram(bandwidth_hours=0.0), TILT).slots(counts, counts, REST)[0]
    assert p.argmax() == 3
    assert p[3] > 0.9


def test_rates_are_tilted_and_then_her_own() -> None:
    base = SlotRates(np.full(24, 0.1), bandwidth_hours=0.0)
    model = WorkRestRates(base, TILT, weight=10.0)
    assert model.active(NEVER, NEVER, NEVER, NEVER, REST)[0] == pytest.approx(0.1 * TILT[1])
    trials = np.full((1, 24), 40.0)
    p = model.active(NEVER, trials, NEVER, trials, REST)[0]
    assert np.all(p < 0.1 * TILT[1] / 4)
    assert np.all(p > 0.0)


def test_tilts_are_rates_by_type_over_all_and_leave_the_own_day_out() -> None:
    day = np.repeat(np.arange(4), 1000)
    day_type = np.array([0, 0, 1, 1])[day]
    trials = np.ones((4000, 24))
    positives = 0.1 * trials
    positives[day_type == 1] *= 2.0
    by_type, others = tilts(positives, trials, day_type, day)
    assert by_type[0] == pytest.approx(np.full(24, 2 / 3), rel=0.03)
    assert by_type[1] == pytest.approx(np.full(24, 4 / 3), rel=0.03)
    assert others[0] == pytest.approx(by_type[0], rel=0.03)
    alone = tilts(positives[day < 3], trials[day < 3], day_type[day < 3], day[day < 3])[1]
    assert alone[-1] == pytest.approx(np.ones(24)), "the only day of rest must not foretell itself"


def test_fitting_finds_that_own_days_of_rest_matter() -> None:
    rng = np.random.default_rng(1)
    n, owls = 2000, rng.random(2000) < 0.5
    flat, night = np.full(24, 1 / 24), 0.5 / 24 + 0.5 * np.eye(24)[22]
    rest = np.where(owls[:, None], night, flat)
    past_rest = np.stack([rng.multinomial(6, p) for p in rest]).astype(float)
    counts = past_rest + rng.multinomial(10, flat, n)
    later = np.stack([rng.multinomial(1, p) for p in rest]).astype(float)
    day, day_type = np.arange(n) % 2, np.ones(n, dtype=np.int64)
    model = WorkRestSlots.fit(SlotHistogram(), counts, past_rest, day_type, later, day)
    assert model.weight < 32.0

    def nats(p: np.ndarray) -> float:
        return float(-(later * np.log(p)).sum())

    assert nats(model.slots(counts, past_rest, day_type)) < nats(SlotHistogram().slots(counts))
