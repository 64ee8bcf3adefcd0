"""Which constants of the world matter most, and the worlds in which one of them is halved or doubled.

The ten were chosen by arithmetic, before any arm ran in their worlds: `swings` says by how much halving and doubling a
constant moves what three messages a week are worth to the mean person, and `MOST` are the first ten of it.
"""

from typing import Final

import numpy as np

from tactful.simulator.arms.true_curves import TrueCurves
from tactful.simulator.constants import Constants
from tactful.simulator.world import make

FACTORS: Final = (0.5, 2.0)
MOST: Final = (
    *("affinity_top", "click_share", "attention", "favourite_falls", "favourite_relevance"),
    *("fatigue_days", "visits", "push_attention", "fatigue_tires", "visits_spread"),
)
_BUDGET: Final = 3


def swings(seed: int, n_users: int) -> dict[str, float]:
    """Returns, for every constant but the switches, the largest change of the worth when it is halved or doubled.

    The worth is that of three messages a week over none in mean-field arithmetic (`arms/true_curves.py`), in discounted
    active days a person; constants are in falling order of their change.
    """
    usual = _worth(seed, n_users, Constants())
    found = {}
    for name, value in Constants()._asdict().items():
        if value == 0.0:
            continue
        scaled = [_worth(seed, n_users, Constants()._replace(**{name: value * by})) for by in FACTORS]
        found[name] = max(abs(worth - usual) for worth in scaled)
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def scaled_worlds() -> list[str]:
    """Returns the names of the worlds with one constant halved or doubled."""
    return [f"{name}*{by:g}" for name in MOST for by in FACTORS]


def _worth(seed: int, n_users: int, constants: Constants) -> float:
    world = make(seed, n_users, constants)
    budgets = np.tile(np.arange(_BUDGET + 1.0), (3, 1))
    value = TrueCurves.of(world.truth(), budgets).value
    mask = world.users().reach
    everyone = np.arange(n_users)
    return float((value[mask, _BUDGET, everyone] - value[mask, 0, everyone]).mean())
