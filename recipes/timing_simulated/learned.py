"""The slot model on the exploration of a world: fitted once, exported, and asked once for every kind of day."""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from tactful.features.context import Zones
from tactful.features.day_types import day_types
from tactful.models.served_slots import ServedSlots
from tactful.models.slot_model import SlotNet
from tactful.simulator.exploration_log import ExplorationLog
from tactful.training.dataset import in_order
from tactful.training.export import export
from tactful.training.fit import Course, fit, seeded
from tactful.training.timing.user_days import UserDays
from timing_simulated.slots import DAYS_BACK, history, known, past_and_days

ACTIVE_BESIDE: Final = 0.3
"""Share of the loss that activity has beside clicks: that of the tasks on recorded behaviour."""
_AT_ONCE: Final = 2048
_INPUTS: Final = ("history", "known", "rest", "today_rest", "segment")


def fit_slot_model(log: ExplorationLog, seed: int, rows: int, attends: bool = True) -> tuple[SlotNet, list[float]]:
    """Returns the model and its validation losses; a fifth of the users are not learned from and say when to stop.

    Unless it `attends`, it takes the mean of the days (the ablation of target attention).
    """
    torch.set_num_threads(1)
    days = past_and_days(log)
    rng = np.random.default_rng(seed)
    held = rng.permutation(log.users.n) % 5 == 0
    day, user = (grid.ravel() for grid in np.meshgrid(np.arange(len(days)), np.arange(log.users.n), indexing="ij"))
    received = np.stack([one.receipts.any(axis=1) for one in days])[day, user]
    chosen = np.sort(rng.permutation(np.flatnonzero(received))[:rows])
    day, user = day[chosen], user[chosen]
    teach, stop = (UserDays(days, day[part], user[part]) for part in (~held[user], held[user]))
    _, n_slots, n_days, n_features = days[0].history.shape
    shape = (n_slots, n_days, n_features)
    net = seeded(lambda: SlotNet(*shape, active_share=ACTIVE_BESIDE, target_attention=attends), seed)
    course = Course(learning_rate=6e-3, batch_rows=256, max_epochs=3, patience=2, seed=seed)
    return net, fit(net, teach, stop, course).losses


def chances(net: SlotNet, log: ExplorationLog) -> NDArray[np.float32]:
    """Returns [2, n, K, 2]: chances of a click and of activity on a day of work and on one of rest after the log.

    The model speaks as it is served: exported, and run without torch.
    """
    n = log.users.n
    today = Zones.of(log.users.zones).local_day(log.users.zone, np.full(n, log.end_us))
    past, there, segment = history(log, today), known(log, today), np.full(n, -1)
    rest = day_types(today[:, None] - np.arange(1, DAYS_BACK + 1)).astype(np.int64)

    def inputs(rows: NDArray[np.int64], kind: int) -> dict[str, NDArray[Any]]:
        columns = (past[rows], there[rows], rest[rows], np.full(len(rows), kind), segment[rows])
        return dict(zip(_INPUTS, columns, strict=True))

    example = {name: torch.from_numpy(column) for name, column in inputs(np.arange(4), 0).items()}
    model = ServedSlots(export(net, example))
    kinds = [[model.chances(**inputs(rows, kind)) for rows in in_order(n, _AT_ONCE)] for kind in (0, 1)]
    return np.stack([np.concatenate(parts) for parts in kinds])
