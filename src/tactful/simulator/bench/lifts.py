"""What picked messages have over ordinary ones: two factors that put right the arithmetic of `arms/true_curves.py`."""

from typing import Final

import msgspec
import numpy as np
from jaxtyping import Float64

from tactful.simulator.arms.delivery import fixed_budgets
from tactful.simulator.arms.true_curves import settled
from tactful.simulator.closed_loop import Explored, Loop
from tactful.simulator.world import DefaultWorld

LIFT_DAYS: Final = 14
_BUDGET: Final = 3


class Lifts(msgspec.Struct, frozen=True):
    """What the common delivery's messages have over ordinary ones: factors of the chances to click and to leave."""

    click: float
    leave: float


def lifts(world: Explored, seed: int, fill: Float64[np.ndarray, "r b"]) -> Lifts:
    """Returns clicks and leaves of a fortnight at three messages a week over what mean-field arithmetic expects.

    Args:
        world: a default world that is not scored; it is left as it is.
        seed: of the app's own draws.
        fill: messages a week that a budget sends, by reach.
    """
    policy = fixed_budgets(world.log, seed, np.full(world.log.users.n, _BUDGET))
    result = Loop.after(world, policy).run("lifts", LIFT_DAYS, judge=False)
    truth = default_world(world).truth()
    state = world.rows
    channels = state["addresses"] & state["opt_in"] & ~state["blocked"]
    clicks = leaves = 0.0
    for mask in (1, 2, 3):
        here, mine = settled(truth, mask, float(fill[mask - 1, _BUDGET])), channels == mask
        clicks += float(here.clicks[mine].sum()) * LIFT_DAYS
        leaves += float(here.leaves[mine].sum()) * LIFT_DAYS / 7.0
    return Lifts(click=float(result.clicks.sum()) / clicks, leave=float(result.unsubscribes.sum()) / leaves)


def default_world(explored: Explored) -> DefaultWorld:
    """Returns the default world of an exploration, whose truth has more to tell than any world's must."""
    if not isinstance(explored.world, DefaultWorld):
        raise TypeError(f"got a {type(explored.world).__name__}, expected the default world")
    return explored.world
