"""The bound: the most J that any way of notifying could expect in a world, by Lagrangian duality.

Total volume is the only thing that ties people together. With a price on every message instead, each person is a
dynamic programme of her own, and for every price >= 0

    J of any policy  <=  mean over people of (best J less price * messages)  +  price * volume,

so the price that makes the right side least gives the tightest bound, and any other gives a valid one.
The programme is the world's own hour by hour (`bound_programme.py`). Where it is simpler, it errs upwards:

- all candidates of the run are known ahead, and those beyond a person's three likeliest at a time may be told twice;
- it is known at once, instead of within a day, whether a message will be clicked, and who leaves leaves late;
- a message goes out at the best hour of a step (`step_hours`); at most one a person and step, none in quiet hours;
- recent interest follows a life drawn beforehand, with her own visits and clicks of a message a day: known ahead,
  and not lessened by the tiredness or the short habit that the programme's person may have;
- clicks that come after midnight count unless she surely comes by herself on the next day; brought-forward visits
  (`moved_share`) are never paid back, messages add no burnout, clicks under way at the start come true at once.

Numbers between the nodes of habit and fatigue are interpolated: an error of either sign, measured in the docs.
Luck: the bound is an expectation over the luck of visits and answers. `Bound.silence` is the same for silence, so
that gains over silence compare with gains of runs over the silence of the same world, which cancels most luck.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.events.registry import Registry
from tactful.simulator.bound_programme import Maps, maps, values_of
from tactful.simulator.bound_setting import Setting, setting
from tactful.simulator.content import APPEAL
from tactful.simulator.protocol import World
from tactful.simulator.truth import WorldTruth

MOST_FATIGUE = 16.0
USERS = 2_000
"""People who stand for everyone, by default."""
_SEARCH_USERS = 100
_SEARCH_PRICES = (0.002, 0.3)
_SEARCH_ROUNDS = 5
_CHUNK = 32
_GOLDEN = (5.0**0.5 - 1.0) / 2.0


@dataclass(frozen=True)
class Bound:
    """What no policy can exceed in expectation; active days a user. Simulated.

    Attributes:
        per_user_per_week: most messages over everyone that the policies may send, critical ones counted.
        value: the bound on J; like `silence` it is of the people computed, so where those are not everyone, compare
            gains.
        silence: expected J when nothing is sent.
        price: active days a message, at which the bound was taken.
        error: standard error of `gain` where only some of the people were computed, else 0.
    """

    per_user_per_week: float
    value: float
    silence: float
    price: float
    error: float

    @property
    def gain(self) -> float:
        """The most that messages can add to silence."""
        return self.value - self.silence


@dataclass(frozen=True)
class _Programme:
    """What it takes to value people: the world as read, the nodes, the slots of `bound_slots.py`."""

    read: Setting
    nodal: Maps
    slots: int

    def values(self, rows: Int64[np.ndarray, " m"], price: float) -> Float64[np.ndarray, " m"]:
        """Returns each row's value at a price; threads take turns, for the loops hold no lock."""
        out, slots = np.empty(len(rows)), self.slots if np.isfinite(price) else 0
        parts = [slice(at, at + _CHUNK) for at in range(0, len(rows), _CHUNK)]

        def fill(part: slice) -> None:
            values_of(out[part], rows[part], self.read, self.nodal, price, slots)

        with ThreadPoolExecutor(numba.get_num_threads()) as pool:
            list(pool.map(fill, parts))
        return out


def dual_bound(
    world: World, days: int, per_user_per_week: float | int, price: float | None = None, users: int | None = USERS
) -> Bound:
    """Returns the bound for one volume; see `dual_bounds`.

    Args:
        price: takes the bound at this price instead of seeking the best; any price gives a valid bound.
    """
    return dual_bounds(world, days, [per_user_per_week], None if price is None else [price], users)[0]


def dual_bounds(
    world: World,
    days: int,
    volumes: Sequence[float | int],
    prices: Sequence[float] | None = None,
    users: int | None = USERS,
    step_hours: int = 2,
    nodes: tuple[int, int] = (4, 6),
    slots: int = 3,
) -> list[Bound]:
    """Returns the bound on J over `days` from the world's present instant on, for each of several volumes.

    Args:
        world: a default world at the instant when the run begins (`Explored.world`); its truth is read, and it stays
            as it is.
        days: as many as the arms live through.
        volumes: messages a user and week over everyone.
        prices: at which the dual is evaluated; by default the best price of each volume, sought on 100 people.
        users: how many people stand for all, evenly spread over channels and attention; None computes everyone.
        step_hours: hours between two occasions to send to one person; a divisor of 24.
        nodes: of habit and of fatigue.
        slots: how many of a person's candidates are kept account of at a time, so that none is told twice; each doubles
            the work.

    Raises:
        InvalidExperiment: for a volume or a price below 0, or a world that is not the default one.
    """
    truth = world.truth()
    if not isinstance(truth, WorldTruth):
        raise InvalidExperiment(f"got a truth of type {type(truth).__name__}, expected that of the default world")
    for name, given in (("volume", volumes), ("price", prices or [])):
        if min(given, default=0.0) < 0.0:
            raise InvalidExperiment(f"got a {name} of {min(given)}, expected 0 or more")
    type_of = [Registry.shipped().index(name) for name in world.types]
    critical = Registry.shipped().columns().critical[type_of]
    read = setting(world, truth, days, step_hours, APPEAL, critical)
    programme = _Programme(read, maps(truth.constants, *nodes, MOST_FATIGUE), slots)
    n, weeks = truth.people.columns.n, days / 7.0
    if prices is None:
        few = _spread(truth, min(n, _SEARCH_USERS))
        prices = [_best_price(programme, few, float(volume) * weeks) for volume in volumes if volume > 0.0]
    rows = _spread(truth, n if users is None else min(n, users))
    # Clicks under way count as a day each, whatever is sent.
    alone = programme.values(rows, float("inf")) + truth.clicks_under_way[rows]
    gains = [programme.values(rows, price) + truth.clicks_under_way[rows] - alone for price in prices]
    return [_least(float(volume), weeks, prices, gains, alone, n) for volume in volumes]


def _least(
    volume: float,
    weeks: float,
    prices: Sequence[float],
    gains: list[NDArray[np.float64]],
    alone: Float64[np.ndarray, " m"],
    n: int,
) -> Bound:
    """The tightest bound for a volume among the prices evaluated; without volume, silence."""
    silence = float(alone.mean())
    if volume == 0.0:
        return Bound(volume, silence, silence, float("inf"), 0.0)
    bounds = [float(gain.mean()) + price * volume * weeks for gain, price in zip(gains, prices, strict=True)]
    best, m = int(np.argmin(bounds)), len(alone)
    error = _error(gains[best]) if m < n else 0.0
    return Bound(volume, silence + bounds[best], silence, float(prices[best]), error)


def _best_price(programme: _Programme, rows: Int64[np.ndarray, " m"], volume: float) -> float:
    """The price of the least bound for some people, by golden section on its logarithm (the dual is convex)."""

    def bound(log_price: float) -> float:
        price = float(np.exp(log_price))
        return float(programme.values(rows, price).mean()) + price * volume

    low, high = np.log(_SEARCH_PRICES)
    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    found = [bound(x) for x in inner]
    for _ in range(_SEARCH_ROUNDS):
        if found[0] <= found[1]:
            high, inner[1], found[1] = inner[1], inner[0], found[0]
            inner[0] = high - _GOLDEN * (high - low)
            found[0] = bound(inner[0])
        else:
            low, inner[0], found[0] = inner[0], inner[1], found[1]
            inner[1] = low + _GOLDEN * (high - low)
            found[1] = bound(inner[1])
    return float(np.exp(inner[int(np.argmin(found))]))


def _spread(truth: WorldTruth, m: int) -> Int64[np.ndarray, " m"]:
    """Rows of m people: the middles of m even parts of everyone, by open channels and, within them, by attention."""
    order = np.lexsort((truth.people.attention, truth.state.reach))
    return order[(2 * np.arange(m) + 1) * len(order) // (2 * m)]


def _error(gain: Float64[np.ndarray, " m"]) -> float:
    """Standard error of the mean of a systematic sample, from the differences of neighbours."""
    return float(np.sqrt(np.mean(np.diff(gain) ** 2) / (2.0 * len(gain))))
