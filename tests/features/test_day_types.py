"""Kinds of days: week-ends, holidays by country, worked Saturdays."""

from datetime import date

import numpy as np
import pytest

from tactful.errors import UnknownCountry
from tactful.features.day_types import REST, WORK, day_types


def _days(*dates: date) -> np.ndarray:
    return np.array([(day - date(1970, 1, 1)).days for day in dates])


def test_without_a_country_saturday_and_sunday_are_rest() -> None:
    week = _days(*(date(2026, 11, 16 + d) for d in range(7)))
    assert day_types(week).tolist() == [WORK] * 5 + [REST] * 2
    assert day_types(week.reshape(1, 7)).shape == (1, 7)


def test_a_national_holiday_is_rest_in_its_country_only() -> None:
    twelfth = _days(date(2017, 10, 12))  # Nossa Senhora Aparecida, a Thursday
    assert [int(day_types(twelfth, country)[0]) for country in ("BR", "DE")] == [REST, WORK]


def test_a_saturday_that_is_worked_instead_of_a_holiday_is_work() -> None:
    seventh = _days(date(2022, 5, 7))
    assert [int(day_types(seventh, country)[0]) for country in ("CN", "DE")] == [WORK, REST]


def test_the_week_end_lies_where_the_country_has_it() -> None:
    friday = _days(date(2026, 11, 20))
    assert [int(day_types(friday, country)[0]) for country in ("EG", "DE")] == [REST, WORK]


def test_an_unknown_country_is_refused_with_a_hint() -> None:
    with pytest.raises(UnknownCountry, match="got country 'XX', expected an ISO 3166 code"):
        day_types(_days(date(2026, 1, 1)), "XX")


def test_many_users_share_the_look_ups() -> None:
    days = np.tile(_days(date(2026, 12, 24), date(2026, 12, 25)), (500, 1))
    assert day_types(days, "DE").tolist() == [[WORK, REST]] * 500
