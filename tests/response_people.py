"""A response model made by hand, and people of every segment for it: what allocation and the frontier are tried on."""

import numpy as np

from stage import at
from tactful import draws
from tactful.clock import to_us
from tactful.features.segments import ACTIVITIES, REACHES, SEGMENTS
from tactful.features.volume import NAMES, SCHEMA
from tactful.models.volume_response import VolumeResponse
from tactful.runtime.people import People

K_MAX = 6


def a_model(schema: str = SCHEMA) -> VolumeResponse:
    """Activity rises and flattens with k, more for push and for the middle states; leaving rises, most for e-mail."""
    reach, activity = np.arange(len(SEGMENTS)) % 3, np.arange(len(SEGMENTS)) // 3
    k = np.arange(K_MAX + 1)[None, :]
    height = np.array([0.06, 0.16, 0.12])[reach] * np.array([0.6, 1.0, 0.8, 0.3, 0.9, 0.7])[activity]
    base = np.array([0.5, 0.3, 0.1, 0.02, 0.3, 0.1])[activity]
    active = base[:, None] + height[:, None] * (1.0 - np.exp(-k / 3.0))
    leaves = 0.002 + np.array([0.0006, 0.0002, 0.0003])[reach][:, None] * k
    tables = {"activity": active, "activity_week": np.minimum(3.0 * active, 0.99), "unsubscribe": leaves}
    heads = {name: (rates,) * 3 for name, rates in tables.items()} | {"long_term": (0.6 * base[:, None],) * 3}
    return VolumeResponse.of(heads, len(NAMES), K_MAX, schema)


MODEL = a_model()


def some_people(n: int = 600, seed: int = 0) -> People:
    rng = np.random.default_rng(seed)
    return People(
        key=draws.keys("u", range(n)),
        features=np.zeros((n, len(NAMES)), dtype=np.float32),
        reach=rng.integers(0, len(REACHES), n),
        activity=rng.integers(0, len(ACTIVITIES), n),
        k=np.full(n, 3),
        drawn=np.arange(n) % 50 == 0,
        wish=np.full(n, -1),
        known=n + 40,
        last_seen_us=to_us(at(0)),
        as_of_us=to_us(at(0)),
    )


PEOPLE = some_people()
