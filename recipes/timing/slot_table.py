"""What the learned baselines know of a slot of a coming day: one row of features for every user and slot."""

from typing import Final

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from tactful.features.context import weekday
from timing.days import ACTIVE, CLICKS, RECEIPTS, SESSIONS, Day
from timing.histograms import Predict

RECENT: Final = (1, 3, 7)
"""Days back over which activity is counted anew."""
HOURS: Final = 24


def slot_table(day: Day, foretold: tuple[Predict, ...]) -> Float32[np.ndarray, "n K F"]:
    """Returns features of every user and slot: simple models' log probabilities first, then counts; hours last.

    Counts are log(1 + x). Nothing of the day itself enters but its type, its weekday and the hour.
    """
    known = day.history[:, :, : max(day.known, 1)]
    active, n = known[..., ACTIVE], len(known)
    columns = [np.log(model(day)) for model in foretold]
    columns += [active[:, :, :days].sum(axis=2) for days in RECENT]
    total = active.sum(axis=2)
    columns += [
        np.roll(total, 1, axis=1) + np.roll(total, -1, axis=1),
        np.roll(total, 2, axis=1) + np.roll(total, -2, axis=1),
    ]
    columns += [total, day.counts(same_type=True), active[:, :, 6] if active.shape[2] > 6 else np.zeros_like(total)]
    columns += [known[..., feature].sum(axis=2) for feature in (SESSIONS, RECEIPTS, CLICKS)]
    columns[len(foretold) :] = [np.log1p(column) for column in columns[len(foretold) :]]
    columns.append(np.log1p(_days_since(active)))
    for days in RECENT:
        columns.append(_wide(np.log1p(active[:, :, :days].sum(axis=(1, 2)))))
    columns += [
        _wide(np.log1p(known[..., feature].sum(axis=(1, 2)))) for feature in (ACTIVE, SESSIONS, RECEIPTS, CLICKS)
    ]
    columns.append(_wide(np.log1p(_days_since(active.max(axis=1, keepdims=True))[:, 0])))
    columns += [np.full((n, HOURS), value) for value in (day.type, int(weekday(np.array([day.number]))[0]), day.known)]
    columns.append(np.broadcast_to(np.arange(HOURS), (n, HOURS)))
    return np.stack([column.astype(np.float32) for column in columns], axis=2)


def with_hours(table: Float32[np.ndarray, "n K F"]) -> Float32[np.ndarray, "n K H"]:
    """Returns the table with the hour as 24 columns of 0 and 1, as a linear model needs it."""
    hours = np.broadcast_to(np.eye(HOURS, dtype=np.float32), (len(table), HOURS, HOURS))
    return np.concatenate([table[:, :, :-1], hours], axis=2)


def _wide(per_user: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.broadcast_to(per_user[:, None], (len(per_user), HOURS))


def _days_since(active: NDArray[np.floating]) -> NDArray[np.int64]:
    """Days since the last active one in each slot, 1 for yesterday; one more than there are if there is none."""
    some = active > 0
    since: NDArray[np.int64] = np.where(some.any(axis=2), some.argmax(axis=2), some.shape[2]) + 1
    return since
