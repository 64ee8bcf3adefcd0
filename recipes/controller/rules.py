"""Rules for the price: ours, and rivals. Each is told the same counts at the same instants.

Rivals that keep a raw threshold begin at the best constant of undisturbed days (`best_constant`), found on other seeds
with all utilities known; ours begins with nothing. Only ours has a use for the news that the model changed.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, final

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from simple_pid import PID

from controller.disturbance import Disturbance
from controller.follow import Look
from controller.plant import SEGMENTS as SEGMENTS_OF_PLANT
from controller.plant import Day, Plant, Segment
from tactful.decision.policy import pid
from tactful.decision.policy.pid import VolumeController
from tactful.events.records import CHANNELS
from tactful.features.segments import SEGMENTS

Window = Literal["hour", "day"]
_LIMIT_Z: Final = float(np.log(99))


@final
class Cells:
    """Where the cells of a plant lie in the controller's arrays (one channel)."""

    def __init__(self, plant: Plant) -> None:
        self.shape = (plant.disturbance.arms, len(SEGMENTS), len(CHANNELS))
        arms, per_arm = np.divmod(np.arange(plant.n_cells), len(plant.segments))
        self._place = (arms, np.array([s.index for s in plant.segments])[per_arm], np.zeros_like(arms))

    def put(self, value: Float[np.ndarray, " cells"], rest: float = 0.0) -> Float[np.ndarray, "a s h"]:
        """Returns the arrays' form, with `rest` in all other cells."""
        full = np.full(self.shape, rest)
        full[self._place] = value
        return full

    def take(self, full: Float[np.ndarray, "a s h"]) -> Float[np.ndarray, " cells"]:
        """Returns the plant's cells."""
        return np.asarray(full[self._place])


@final
class Tactful:
    """The package's controller, as the engine uses it.

    If `follows`, the target of every arm but the first is what the first has sent. With `week = False` no day leaves
    anything to the start of another, which was the package's law before it knew weekdays.
    """

    def __init__(self, plant: Plant, lr: float | None = None, week: bool = True, follows: bool = False) -> None:
        self._cells, self._week, self._follows = Cells(plant), week, follows
        self._arms = plant.disturbance.arms
        self.controller = VolumeController.start(self._arms, lr=pid.LR if lr is None else lr)
        self._nobody: Bool[np.ndarray, "a s h"] = np.zeros(self._cells.shape, dtype=np.bool_)

    def prices(self, look: Look) -> Float[np.ndarray, " cells"]:
        """Returns the thresholds after one step."""
        if not self._week and look.day > self.controller.day:
            self.controller = replace(self.controller, error=np.zeros(self._cells.shape))
        planned = look.planned.reshape(self._arms, -1).copy()
        if self._follows:
            planned[1:] = look.actual.reshape(self._arms, -1)[0]
        self.controller, price = self.controller.step(
            look.day,
            self._cells.put(look.actual),
            self._cells.put(planned.ravel()),
            self._cells.put(look.target_day),
            look.histogram,
            self._nobody,
        )
        return self._cells.take(price)

    def model_changed(self) -> None:
        """Keeps ranks, gives up prices."""
        self.controller = self.controller.model_changed()


@final
class Summed:
    """The first design's law: z gains lr·clip(e) at every look, e the gap since midnight as a share of the day."""

    def __init__(self, plant: Plant, lr: float) -> None:
        self._cells, self._lr = Cells(plant), lr
        self._z: NDArray[np.float64] = np.zeros(plant.n_cells)

    def prices(self, look: Look) -> Float[np.ndarray, " cells"]:
        """Returns the quantiles at σ(z)."""
        error = np.clip((look.actual - look.planned) / look.target_day, -1, 1)
        self._z = np.clip(self._z + self._lr * error, -_LIMIT_Z, _LIMIT_Z)
        q = self._cells.put(1 / (1 + np.exp(-self._z)), rest=0.5)
        return self._cells.take(look.histogram.quantile(q)[0])

    def model_changed(self) -> None:
        """Has no use for it."""


@final
@dataclass(frozen=True)
class Fixed:
    """A price that nobody touches."""

    price: Float[np.ndarray, " cells"]

    def prices(self, look: Look) -> Float[np.ndarray, " cells"]:
        """Returns the constant."""
        return self.price

    def model_changed(self) -> None:
        """Has no use for it."""


@final
class Forecast:
    """At midnight, the price that would have let out today's target among yesterday's feasible jobs."""

    def __init__(self, start: Float[np.ndarray, " cells"]) -> None:
        self._price = start.copy()

    def prices(self, look: Look) -> Float[np.ndarray, " cells"]:
        """Returns the quantile 1 − target / jobs of yesterday's utilities."""
        if look.hour == 0:
            for cell, utility in enumerate(look.utilities):
                if len(utility):
                    share = np.clip(1 - look.target_day[cell] / len(utility), 0, 1)
                    self._price[cell] = np.quantile(utility, share)
        return self._price.copy()

    def model_changed(self) -> None:
        """Has no use for it."""


@final
class TextbookPid:
    """A PID controller per cell on the raw threshold: volume of the last hour over its plan, set point 1.

    Gains are negative, since a higher price sends less. An hour counts as one unit of time, whatever the clock says. An
    hour without a plan leaves the price alone. The mean planned hour is the scale, so that a night hour of three sends
    does not count as much as an evening's three hundred.
    """

    def __init__(self, start: Float[np.ndarray, " cells"], kp: float, ki: float, kd: float) -> None:
        self._pid = [
            PID(-kp, -ki, -kd, setpoint=1.0, sample_time=None, output_limits=(-1.0, 1.0), starting_output=float(price))
            for price in start
        ]
        self._price = start.copy()

    def prices(self, look: Look) -> Float[np.ndarray, " cells"]:
        """Returns the PID's outputs."""
        for cell, loop in enumerate(self._pid):
            if look.planned_hour[cell] > 0:
                gap = (look.actual_hour[cell] - look.planned_hour[cell]) / (look.target_day[cell] / 24)
                self._price[cell] = loop(1.0 + gap, dt=1.0)
        return self._price.copy()

    def model_changed(self) -> None:
        """Has no use for it."""


@final
class Nep:
    """What the NEP article's text describes, in two readings; p and f are of the last hour, or of the day so far.

    Its equations are pictures that no copy shows. *Simple*: c ← c + i·(p − f)/f. *With a learning rate*:
    c ← c·(1 + lr·clip((p − f)/f, ±1)), which keeps c positive.
    """

    def __init__(self, start: Float[np.ndarray, " cells"], gain: float, window: Window, rate: bool) -> None:
        self._price, self._gain, self._window, self._rate = start.copy(), gain, window, rate

    def prices(self, look: Look) -> Float[np.ndarray, " cells"]:
        """Returns the thresholds after one step."""
        hour = self._window == "hour"
        actual, planned = (look.actual_hour, look.planned_hour) if hour else (look.actual, look.planned)
        gap = np.divide(actual - planned, planned, out=np.zeros_like(planned), where=planned > 0)
        if self._rate:
            self._price = self._price * (1 + self._gain * np.clip(gap, -1, 1))
        else:
            self._price = self._price + self._gain * gap
        return self._price.copy()

    def model_changed(self) -> None:
        """Has no use for it."""


def best_constant(
    seed: int, disturbance: Disturbance, n_days: int = 6, segments: tuple[Segment, ...] = SEGMENTS_OF_PLANT
) -> Float[np.ndarray, " cells"]:
    """Returns the constant price that meets the target of undisturbed days, with every utility known.

    A person is told if her best job of the day exceeds the price: so it is a quantile of these bests.
    """
    plant = Plant(seed, Disturbance("undisturbed", cycle=disturbance.cycle, scale=disturbance.scale), segments)
    bests: list[list[NDArray[np.float64]]] = [[] for _ in range(plant.n_cells)]
    for number in range(n_days):
        for cell, best in enumerate(_bests(plant, plant.day(number))):
            bests[cell].append(best)
    joined = [np.concatenate(best) for best in bests]
    price = [
        np.quantile(best, 1 - n_days * target / len(best)) for best, target in zip(joined, plant.target(), strict=True)
    ]
    return np.tile(np.array(price), disturbance.arms)


def _bests(plant: Plant, day: Day) -> list[NDArray[np.float64]]:
    """The best utility of each person with a job, by cell."""
    best = np.full(len(plant.segment), -np.inf)
    np.maximum.at(best, day.person, day.utility)
    return [best[(plant.cell == cell) & np.isfinite(best)] for cell in range(plant.n_cells)]
