"""What more messages would bring: expected active days against volume, allocated and the same for everybody.

What the response model says, of people as they are now; an expectation, no measurement.
"""

import msgspec
import numpy as np
from jaxtyping import Float32, Int64

from tactful.decision.volume.allocate import allocate_by_group
from tactful.features.segments import REACHES
from tactful.models.volume_response import Responses, VolumeResponse
from tactful.runtime.allocating import VALUE_OF_PRICE, Ask, totals, worth
from tactful.runtime.comparing_budgets import expected
from tactful.runtime.people import People


class Point(msgspec.Struct, frozen=True):
    """One volume.

    Attributes:
        per_user: messages a user and week that the engine would aim at: budgets without the headroom.
        active_days: expected of a person in a week.
        leaving: expected share of people who leave in a week, 0..1.
        price: active days that 1,000 more messages would bring, mean over the messages; None where nothing was solved.
    """

    per_user: float
    active_days: float
    leaving: float
    price: float | None = None


class Frontier(msgspec.Struct, frozen=True):
    """The best that budgets can do by volume, beside today's budgets and beside one budget for everybody."""

    people: int
    allocated: tuple[Point, ...]
    alike: tuple[Point, ...]
    today: Point


def frontier(people: People, model: VolumeResponse, headroom: float, steps: int = 10) -> Frontier | None:
    """Returns the frontier of people whose budget is not drawn at random; None without any.

    Volumes run in equal steps up to where more would bring nobody anything, or everybody has the largest budget that
    the model knows. Reach segments keep the shares of today, as in `tactful allocate`.
    """
    chosen = people.only(~people.drawn)
    if not len(chosen):
        return None
    top = model.k_trained / (1.0 + headroom)
    responses, value = worth(chosen, model, Ask("per_user", top, headroom))
    present, group = np.unique(chosen.reach, return_inverse=True)
    names, heads = [REACHES[reach] for reach in present.tolist()], np.bincount(group)
    today = np.minimum(chosen.k, model.k_trained)

    def point(k: Int64[np.ndarray, " n"], price: float | None = None) -> Point:
        return _point(chosen, responses, value, k, headroom, price)

    def solved(per_user: float) -> Point:
        ask = Ask("per_user", per_user, headroom)
        found = allocate_by_group(value, group, totals(ask, names, heads, np.bincount(group, chosen.k)), 0)
        caps = np.bincount(group, found.budget)
        price = float(np.average(found.price, weights=caps)) / VALUE_OF_PRICE if caps.any() else None
        return point(found.budget.astype(np.int64), price)

    most = solved(top).per_user
    best = [solved(most * step / steps) for step in range(steps + 1)]
    alike = tuple(point(np.full(len(chosen), k)) for k in range(model.k_trained + 1))
    return Frontier(len(chosen), tuple(best), alike, point(today))


def _point(
    people: People,
    responses: Responses,
    value: Float32[np.ndarray, "b n"],
    k: Int64[np.ndarray, " n"],
    headroom: float,
    price: float | None,
) -> Point:
    week, n = expected(responses, value, people.reach, k, None), len(people)
    return Point(week.caps / (1.0 + headroom) / n, week.active_days / n, week.unsubscribes / n, price)
