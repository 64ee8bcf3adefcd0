"""Whether a day is for work or for rest: week-ends and public holidays, by country.

The calendar is that of the `holidays` library, which also knows where the week-end lies on other days and which
Saturdays are worked. It is an extra, not a dependency of the core: who names no country needs Saturday and Sunday only.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Int8, Integer

from tactful.errors import UnknownCountry
from tactful.features.context import weekday

if TYPE_CHECKING:
    from holidays import HolidayBase

WORK: Final = 0
REST: Final = 1

_EPOCH: Final = date(1970, 1, 1)
_SATURDAY: Final = 5


def day_types(day: Integer[np.ndarray, "*n"], country: str | None = None) -> Int8[np.ndarray, "*n"]:
    """Returns 1 for a day of rest, 0 for a day of work.

    A day of rest is a day of the week-end or a public holiday that holds in the whole country. Regional holidays are
    days of work.

    Args:
        day: local days since 1970-01-01.
        country: ISO 3166 code such as "BR"; None for Saturday and Sunday.

    Raises:
        UnknownCountry: for a country that the calendar lacks, or with a country but without the `holidays` extra.

    >>> october = np.array([17_447, 17_451, 17_452])  # Sunday 8th, Thursday 12th (a holiday in Brazil), Friday 13th
    >>> day_types(october, "BR").tolist(), day_types(october).tolist()
    ([1, 1, 0], [1, 0, 0])
    """
    if country is None:
        return np.where(weekday(day) >= _SATURDAY, REST, WORK).astype(np.int8)
    different, place = np.unique(day, return_inverse=True)
    types = np.array([_type(number, country) for number in different.tolist()], dtype=np.int8)
    return types[place].reshape(day.shape)


@lru_cache(maxsize=65_536)
def _type(day: int, country: str) -> int:
    return WORK if _calendar(country).is_working_day(_EPOCH + timedelta(days=day)) else REST


@lru_cache(maxsize=512)
def _calendar(country: str) -> "HolidayBase":
    try:
        from holidays import country_holidays
    except ImportError:
        raise UnknownCountry(
            f"got country {country!r}, but no calendar is installed; install tactful[calendar], or name no country"
        ) from None
    try:
        return country_holidays(country)
    except NotImplementedError:
        raise UnknownCountry(
            f"got country {country!r}, expected an ISO 3166 code that the calendar has, such as 'BR' or 'DE'; "
            "or name no country, for Saturday and Sunday"
        ) from None
