"""Local time in arrays agrees with `zoneinfo`, also where the clock jumps."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.clock import DAY_US, HOUR_US, MINUTE_US, from_us, to_us
from tactful.errors import UnknownTimeZone
from tactful.features.context import Zones, weekday

NAMES = (
    "UTC",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/Boa_Vista",
)
ZONES = Zones.of(NAMES)
EPOCH_DAY = date(1970, 1, 1)

zone_names = st.sampled_from(NAMES)
instants = st.datetimes(datetime(2000, 1, 2), datetime(2039, 12, 30), timezones=st.just(UTC))
dates = st.dates(date(2000, 1, 3), date(2039, 12, 29))


def zone_of(name: str) -> np.ndarray:
    return np.array([NAMES.index(name)])


def days(day: date) -> np.ndarray:
    return np.array([(day - EPOCH_DAY).days])


def first_instant(name: str, wall_from: datetime, wall_to: datetime) -> datetime | None:
    """The first instant, by minutes, at which the wall clock shows a time in [from, to): the slow way."""
    zone = ZoneInfo(name)
    instant = wall_from.replace(tzinfo=UTC) - timedelta(hours=27)
    while instant < wall_to.replace(tzinfo=UTC) + timedelta(hours=27):
        if wall_from <= instant.astimezone(zone).replace(tzinfo=None) < wall_to:
            return instant
        instant += timedelta(minutes=1)
    return None


@given(zone_names, instants)
def test_local_day_and_minute_are_those_of_zoneinfo(name: str, at: datetime) -> None:
    local = at.astimezone(ZoneInfo(name))
    at_us = np.array([to_us(at)])
    assert ZONES.local_day(zone_of(name), at_us) == days(local.date())
    assert ZONES.local_minute(zone_of(name), at_us)[0] == local.hour * 60 + local.minute


@pytest.mark.parametrize("name", NAMES)
def test_local_time_is_right_on_both_sides_of_every_change(name: str) -> None:
    changes = Zones.of((name,))._begin_us[1:]
    for at_us in np.concatenate([changes - 1, changes]).tolist():
        local = from_us(at_us).astimezone(ZoneInfo(name))
        assert ZONES.local_minute(zone_of(name), np.array([at_us]))[0] == local.hour * 60 + local.minute
        assert ZONES.local_day(zone_of(name), np.array([at_us])) == days(local.date())


@settings(max_examples=20, deadline=None)
@given(zone_names, dates)
def test_day_starts_at_the_first_instant_of_its_date(name: str, day: date) -> None:
    midnight = datetime(day.year, day.month, day.day)
    first = first_instant(name, midnight, midnight + timedelta(days=1))
    if first is not None:
        assert ZONES.day_start_us(zone_of(name), days(day))[0] == to_us(first)


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23.0),
        ("Europe/Berlin", date(2026, 10, 25), 25.0),
        ("America/Sao_Paulo", date(2017, 10, 15), 23.0),
        ("America/Sao_Paulo", date(2018, 2, 17), 25.0),
        ("Australia/Lord_Howe", date(2025, 10, 5), 23.5),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Pacific/Apia", date(2011, 12, 29), 24.0),
        ("Pacific/Apia", date(2011, 12, 30), 0.0),
        ("UTC", date(2026, 3, 29), 24.0),
    ],
)
def test_days_have_their_true_length(name: str, day: date, hours: float) -> None:
    start, end = (ZONES.day_start_us(zone_of(name), days(day) + shift)[0] for shift in (0, 1))
    assert (end - start) / HOUR_US == hours


def test_day_without_midnight_starts_at_one() -> None:
    start = ZONES.day_start_us(zone_of("America/Sao_Paulo"), days(date(2017, 10, 15)))[0]
    assert start == to_us(datetime(2017, 10, 15, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("Europe/Berlin", date(2026, 3, 29)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/Sao_Paulo", date(2017, 10, 15)),
        ("America/Sao_Paulo", date(2018, 2, 17)),
        ("Australia/Lord_Howe", date(2025, 10, 5)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),
        ("America/St_Johns", date(2010, 3, 14)),
        ("America/St_Johns", date(2010, 11, 6)),
        ("Pacific/Apia", date(2011, 12, 30)),
    ],
)
@pytest.mark.parametrize("slots", [24, 48])
def test_slots_start_at_their_first_instant_or_do_not_exist(name: str, day: date, slots: int) -> None:
    starts, exists = ZONES.slot_start_us(zone_of(name)[:, None], days(day)[:, None], np.arange(slots)[None], slots)
    width = timedelta(days=1) / slots
    midnight = datetime(day.year, day.month, day.day)
    for slot in range(0, slots, 1 if slots == 24 else 5):
        first = first_instant(name, midnight + slot * width, midnight + (slot + 1) * width)
        assert exists[0, slot] == (first is not None)
        if first is not None:
            assert starts[0, slot] == to_us(first)


def test_slots_of_a_plain_day_are_evenly_spaced() -> None:
    zone, day = np.array([[0], [2]]), days(date(2026, 6, 1))[:, None]
    starts, exists = ZONES.slot_start_us(zone, day, np.arange(24)[None])
    assert exists.all()
    assert (np.diff(starts, axis=1) == HOUR_US).all()
    assert (starts[0] - starts[1] == 2 * HOUR_US).all()


def test_batch_equals_one_by_one() -> None:
    rng = np.random.default_rng(1)
    zone = rng.integers(0, len(NAMES), 500)
    at_us = rng.integers(950_000_000_000_000, 2_200_000_000_000_000, 500)
    batch = ZONES.local_minute(zone, at_us)
    for z, at, minute in zip(zone, at_us, batch, strict=True):
        alone = Zones.of((NAMES[z],)).local_minute(np.array([0]), np.array([at]))
        assert alone[0] == minute


def test_years_outside_the_range_keep_the_nearest_offset() -> None:
    summer_1990, summer_2050 = (to_us(datetime(y, 7, 1, tzinfo=UTC)) for y in (1990, 2050))
    minutes = ZONES.local_minute(np.array([2, 2]), np.array([summer_1990, summer_2050]))
    assert minutes.tolist() == [60, 60]
    day = np.array([-3650, 40_000])
    assert (ZONES.day_start_us(np.array([2, 2]), day) == day * DAY_US - 60 * MINUTE_US).all()


def test_weekday_is_that_of_the_calendar() -> None:
    week = np.arange(-400, 30_000)
    expected = [(EPOCH_DAY + timedelta(days=int(day))).weekday() for day in week]
    assert weekday(week).tolist() == expected


def test_adding_a_zone_keeps_the_indices_of_the_others() -> None:
    more = ZONES.with_zone("Asia/Tokyo")
    assert more.names == (*NAMES, "Asia/Tokyo")
    assert more.index("Asia/Tokyo") == len(NAMES)
    assert all(more.index(name) == ZONES.index(name) for name in NAMES)
    assert more.with_zone("UTC") is more


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("America/Sao Paulo", "America/Sao_Paulo"),
        ("europe/berlin", "Europe/Berlin"),
        ("Asia/Tokio", "Asia/Tokyo"),
    ],
)
def test_unknown_zone_is_refused_with_the_nearest_name(wrong: str, right: str) -> None:
    with pytest.raises(UnknownTimeZone, match=f"did you mean '{right}'"):
        Zones.of((wrong,))


@pytest.mark.parametrize("name", ["", "America", "../etc/passwd", "Europe/Berlin\0", "x" * 300])
def test_what_is_no_zone_name_at_all_is_refused(name: str) -> None:
    with pytest.raises(UnknownTimeZone):
        ZONES.with_zone(name)


def test_zone_that_was_not_added_has_no_index() -> None:
    with pytest.raises(UnknownTimeZone, match="with_zone"):
        ZONES.index("Asia/Tokyo")


@pytest.mark.parametrize("name", NAMES)
def test_changes_ascend_and_never_cross_on_the_wall_clock(name: str) -> None:
    zones = Zones.of((name,))
    for keys in (zones._begin_key, zones._wall_end_key):
        assert all(a < b for a, b in pairwise(keys.tolist()))


def test_slots_of_days_are_the_slot_starts_of_each_zone_and_day() -> None:
    zones = Zones.of(("UTC", "Europe/Berlin", "America/Sao_Paulo"))
    zone, day = np.array([1, 0, 1, 2, 1]), np.array([18_715, 18_715, 18_716, 17_454, 18_715])
    start_us, exists = zones.slots_of_days(zone, day)
    slots = np.broadcast_to(np.arange(24), (5, 24))
    expected_us, expected = zones.slot_start_us(zone[:, None], day[:, None], slots)
    assert (start_us == expected_us).all()
    assert (exists == expected).all()
