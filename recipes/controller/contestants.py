"""Who is compared, and which gains each may choose from: twelve for each rule that has any, for the PID twice that."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from controller.follow import Rule
from controller.plant import Plant
from controller.rules import Fixed, Forecast, Nep, Summed, Tactful, TextbookPid
from tactful.decision.policy import pid

Gains: TypeAlias = tuple[float, ...]


@dataclass(frozen=True)
class Contestant:
    """A rule, the gains it may choose from, and how it is made of a plant, a starting price, and gains.

    `chosen` are gains that are not tuned: the package's own default, or a rule without gains.
    """

    name: str
    make: Callable[[Plant, Float[np.ndarray, " cells"], Gains], Rule]
    grid: tuple[Gains, ...] = ()
    chosen: Gains | None = None


def _windowed(rate: bool) -> Callable[[Plant, Float[np.ndarray, " cells"], Gains], Rule]:
    def make(plant: Plant, start: Float[np.ndarray, " cells"], gains: Gains) -> Rule:
        window: Literal["hour", "day"] = "hour" if gains[1] == 0.0 else "day"
        return Nep(start, gains[0], window, rate)

    return make


_LRS: Final = (1.0, 1.5, 2.0, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0)
_SUMMED: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)

_PID_MORE: Final = tuple(product((0.002, 0.005), (0.005, 0.008, 0.012), (0.0, 0.002)))
"""A second grid: the first ended at its winner."""

OURS: Final = "ours"
BEFORE: Final = "ours before: no weekdays"
CONTESTANTS: Final = (
    Contestant(OURS, lambda p, _, g: Tactful(p, g[0]), chosen=(pid.LR,)),
    Contestant(BEFORE, lambda p, _, g: Tactful(p, g[0], week=False), tuple((x,) for x in _LRS), (pid.LR,)),
    Contestant("first design: errors summed", lambda p, _, g: Summed(p, g[0]), tuple((x,) for x in _SUMMED)),
    Contestant("fixed threshold", lambda _, start, __: Fixed(start), chosen=()),
    Contestant("yesterday's quantile", lambda _, start, __: Forecast(start), chosen=()),
    Contestant(
        "textbook PID, raw threshold",
        lambda _, start, g: TextbookPid(start, *g),
        (*product((0.002, 0.01), (0.0003, 0.001, 0.003), (0.0, 0.005)), *_PID_MORE),
    ),
    Contestant(
        "NEP, simple", _windowed(rate=False), tuple(product((0.0001, 0.0003, 0.001, 0.002, 0.004, 0.01), (0.0, 1.0)))
    ),
    Contestant(
        "NEP, with learning rate",
        _windowed(rate=True),
        tuple(product((0.003, 0.01, 0.03, 0.06, 0.1, 0.3), (0.0, 1.0))),
    ),
)
"""The second number of NEP's gains is 0 if volumes are those of the last hour, 1 if of the day so far."""
