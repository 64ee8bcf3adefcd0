"""What is read off a row, against its definition written out for one user."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.features import pool, standing
from tactful.features.context import Zones
from tactful.features.history import (
    ACTIVE,
    BINS,
    COUNT_UNIT,
    DAY_SLACK,
    DAYS,
    ENGAGEMENTS,
    N_CHANNELS,
    POOL,
    ROW,
    SENDS,
    SENT_RANKED,
    SLOTS,
)

N, TODAY = 200, 20_600
NOW = np.full(N, TODAY * DAY_US + 9 * HOUR_US)


@pytest.fixture
def rows() -> NDArray[Any]:
    rng = np.random.default_rng(11)
    rows = np.zeros(N, dtype=ROW)
    rows["active_base"] = TODAY - rng.integers(-2, 80, size=N)
    rows["active_days"] = rng.integers(2, size=(N, DAYS)) * rng.integers(2, size=(N, 1))
    rows["slot_counts"] = rng.integers(5 * COUNT_UNIT, size=(N, BINS))
    rows["zone"] = rng.integers(3, size=N)
    rows["e_len"] = rng.integers(4, size=N)
    rows["e_at"] = np.sort(rng.integers(50, size=(N, ENGAGEMENTS)), axis=1)
    rows["e_kind"] = rng.integers(len(ACTIVE), size=(N, ENGAGEMENTS))
    rows["s_len"] = rng.integers(SENDS + 1, size=N)
    rows["s_at"] = rng.integers(50, size=(N, SENDS))
    rows["s_type"] = rng.integers(3, size=(N, SENDS))
    rows["s_channel"] = rng.integers(N_CHANNELS, size=(N, SENDS))
    rows["s_flags"] = rng.integers(4, size=(N, SENDS))
    return rows


def sends_of(row: Any, since: int) -> list[int]:
    return [j for j in range(int(row["s_len"])) if row["s_at"][j] > since]


def test_sends_are_counted_after_an_instant_by_flag_channel_and_type(rows: NDArray[Any]) -> None:
    since = np.arange(N) % 50
    kind = np.tile(np.arange(3), (N, 1))
    by_channel, by_type = standing.sent_by_channel(rows, since), standing.sent_of_type(rows, kind, since)
    ranked, every = standing.sent_since(rows, since, SENT_RANKED), standing.sent_since(rows, since, 0)
    for r, row in enumerate(rows):
        sends = sends_of(row, int(since[r]))
        assert every[r] == len(sends)
        assert ranked[r] == sum(bool(row["s_flags"][j] & SENT_RANKED) for j in sends)
        assert by_channel[r].tolist() == [sum(row["s_channel"][j] == h for j in sends) for h in range(N_CHANNELS)]
        assert by_type[r].tolist() == [sum(row["s_type"][j] == t for j in sends) for t in range(3)]


def test_last_activity_is_the_latest_act_in_the_app(rows: NDArray[Any]) -> None:
    latest = standing.last_active(rows)
    for r, row in enumerate(rows):
        acts = [int(row["e_at"][j]) for j in range(int(row["e_len"])) if ACTIVE[row["e_kind"][j]]]
        assert latest[r] == max(acts, default=-standing.LONG_AGO_US)


def test_days_outside_the_window_held_were_not_active(rows: NDArray[Any]) -> None:
    active = standing.active_days(rows, NOW, 56)
    for r, row in enumerate(rows):
        newest = int(row["active_base"]) + DAY_SLACK
        said = [newest - DAYS < TODAY - d <= newest and row["active_days"][(TODAY - d) % DAYS] > 0 for d in range(56)]
        assert active[r].tolist() == said


def test_local_slots_are_the_half_hours_of_utc_shifted_by_the_zone(rows: NDArray[Any]) -> None:
    zones = Zones.of(("UTC", "Asia/Kolkata", "America/Sao_Paulo"))
    counts = standing.local_counts(rows, NOW, zones)
    ahead = np.array([0, 11, -6])[rows["zone"]]  # half hours
    for r in range(N):
        local = np.roll(rows["slot_counts"][r], ahead[r]) / COUNT_UNIT
        assert counts[r].tolist() == local.reshape(SLOTS, -1).sum(axis=1).tolist()


def test_fading_forgets_days_that_left_the_window_and_keeps_the_others(rows: NDArray[Any]) -> None:
    before, counts = standing.active_days(rows, NOW, 56), rows["slot_counts"].copy()
    base = rows["active_base"].astype(np.int64)
    standing.fade(rows, NOW, 28.0)
    assert (standing.active_days(rows, NOW, 56) == before).all()
    assert (rows["active_base"] == np.maximum(base, TODAY)).all()
    keep = np.floor(COUNT_UNIT * np.exp2(-np.maximum(TODAY - base, 0) / 28.0)).astype(np.int64)
    assert (rows["slot_counts"] == counts * keep[:, None] // COUNT_UNIT).all()


def test_closing_keeps_the_order_of_what_stays_and_clears_the_rest() -> None:
    rng = np.random.default_rng(3)
    rows = np.zeros(N, dtype=ROW)
    rows["c_len"] = rng.integers(POOL + 1, size=N)
    used = np.arange(POOL) < rows["c_len"][:, None]
    for name in ("c_key", "c_offset", "c_priority", "c_sent"):
        rows[name] = np.where(used, rng.integers(1, 99, size=(N, POOL)), 0)
    keep = (rng.random((N, POOL)) < 0.6) & used
    before, chosen = rows.copy(), np.arange(0, N, 2)
    pool.close(rows, chosen, keep[chosen])
    keep[1::2] = used[1::2]  # rows that were not named stay as they were
    for r in range(N):
        for name in ("c_key", "c_offset", "c_priority", "c_sent"):
            left = before[name][r][keep[r]].tolist()
            assert rows[name][r].tolist() == left + [0] * (POOL - len(left))
    assert rows["c_len"].tolist() == keep.sum(axis=1).tolist()
