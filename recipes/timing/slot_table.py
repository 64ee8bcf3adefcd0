"""What the learned baselines know of a slot of a coming day: the package's table of features, of a `Day`."""

from typing import Final

import numpy as np
from jaxtyping import Float32

from tactful.features import slot_table as features
from tactful.features.context import weekday
from timing.days import NOT_KNOWN, Day
from timing.histograms import Predict

HOURS: Final = 24


def slot_table(day: Day, foretold: tuple[Predict, ...]) -> Float32[np.ndarray, "n K F"]:
    """Returns features of every user and slot: simple models' log probabilities first, then counts; hours last."""
    n, types = len(day.history), day.types_before
    window = features.SlotWindow(
        day.history,
        np.broadcast_to(types != NOT_KNOWN, (n, len(types))),
        np.broadcast_to(types, (n, len(types))),
        np.full(n, day.type),
        np.repeat(weekday(np.array([day.number])), n),
    )
    return features.slot_table(window, np.stack([np.log(model(day)) for model in foretold], axis=2))


def with_hours(table: Float32[np.ndarray, "n K F"]) -> Float32[np.ndarray, "n K H"]:
    """Returns the table with the hour as 24 columns of 0 and 1, as a linear model needs it."""
    hours = np.broadcast_to(np.eye(HOURS, dtype=np.float32), (len(table), HOURS, HOURS))
    return np.concatenate([table[:, :, :-1], hours], axis=2)
