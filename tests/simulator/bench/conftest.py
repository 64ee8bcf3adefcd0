"""A tiny world with made-up models: enough to run every arm of the benchmark."""

import jaxtyping
import numpy as np
import pytest

from tactful.features.segments import REACHES, SEGMENTS
from tactful.features.volume import NAMES, SCHEMA
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.volume_response import VolumeResponse
from tactful.simulator import closed_loop
from tactful.simulator.arms.budgeted import Learned
from tactful.simulator.bench.lifts import Lifts
from tactful.simulator.bench.teach import Models
from tactful.simulator.closed_loop import Explored
from tactful.simulator.world import make

K_MAX = 10


@pytest.fixture(scope="session")
def explored() -> Explored:
    """A hundred people after a week."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return closed_loop.explore(make(seed=6, n_users=100), days=7)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def models() -> Models:
    """Models that nobody trained: everyone answers alike, and more is better."""
    k = np.arange(K_MAX + 1)
    active, leaves = np.tile(0.1 + 0.01 * k, (len(SEGMENTS), 1)), np.tile(0.001 * k, (len(SEGMENTS), 1))
    heads = {"activity": active, "activity_week": active, "unsubscribe": leaves, "long_term": active[:, :1]}
    tables = {name: (table,) * len(REACHES) for name, table in heads.items()}
    model = VolumeResponse.of(tables, len(NAMES), K_MAX, SCHEMA, weekly_states=())
    learned = Learned(model, np.tile(0.8 * k, (len(REACHES), 1)))
    return Models(learned, Lifts(click=1.0, leave=1.0), SlotHistogram(), None)
