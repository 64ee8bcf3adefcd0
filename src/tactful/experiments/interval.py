"""An estimate with its interval: what every statistic here returns."""

from typing import NamedTuple


class Interval(NamedTuple):
    """An estimate and the interval around it."""

    value: float
    low: float
    high: float
