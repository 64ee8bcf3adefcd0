"""A tiny world with made-up models: enough to run every arm of the benchmark."""

from collections.abc import Callable, Sequence

import jaxtyping
import numpy as np
import pytest

from tactful.events.registry import Registry
from tactful.features.segments import REACHES, SEGMENTS
from tactful.features.volume import NAMES, SCHEMA
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.volume_response import VolumeResponse
from tactful.simulator import closed_loop
from tactful.simulator.arms.budgeted import Learned
from tactful.simulator.arms.double_dqn import SendGain
from tactful.simulator.arms.linkedin_uplift import VisitModel
from tactful.simulator.bench.cell import Cell
from tactful.simulator.bench.lifts import Lifts
from tactful.simulator.bench.send_models import SendModels
from tactful.simulator.bench.teach import Models
from tactful.simulator.choice_log import STATE
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
    return Models(learned, Lifts(click=1.0, leave=1.0), SlotHistogram(), None, made_up_sends)


def made_up_sends() -> SendModels:
    """Of a send: it is worth more to whoever has not been in the app for long."""
    n, since = len(STATE), STATE.index("since_active")
    longs = np.eye(n + 1)[since + 1]
    visits = VisitModel(np.zeros(n), np.ones(n), longs, -longs, 1.0)
    gain = SendGain(np.zeros(n), np.ones(n), [[(np.stack([longs[1:], longs[1:]], axis=1), np.zeros(2))]])
    return SendModels(visits, gain, np.linspace(0.0, 0.01, len(Registry.shipped().types)))


@pytest.fixture(scope="session")
def made_cell() -> Callable[..., Cell]:
    """Makes a cell of given people's J, as if it had been lived."""

    def make_it(
        arm: str,
        j: Sequence[float],
        seed: int = 1,
        world: str = "default",
        times: float = 1.0,
        unsubscribes: float = 10.0,
    ) -> Cell:
        scores = np.array(j, dtype="<f2")
        return Cell(
            world=world,
            arm=arm,
            seed=seed,
            users=len(scores),
            days=56,
            times=times,
            volume=0.0 if arm == "silence" else 2.5 * times,
            sends_per_user_week=0.0 if arm == "silence" else 2.5 * times,
            daily_active=0.1,
            weekly_active=0.4,
            opens=1.0,
            clicks=1.0,
            unsubscribes=unsubscribes,
            retention=0.4,
            active_days=5.6,
            remaining_value=float(scores.mean()) - 5.6,
            score=float(scores.mean()),
            scores=scores.tobytes(),
            cpu_seconds=1.0,
        )

    return make_it
