"""User-days as a data set: each with the L days before it, gathered from one grid of users, days and slots.

A window is never stored: of 28 overlapping windows the grid holds each day once.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int, Int64
from numpy.typing import NDArray
from torch import Tensor

from tactful.errors import UnreadableInput
from tactful.models.slot_model import SlotBatch, receipt_weights


@dataclass(frozen=True)
class DayGrid:
    """What n users did on D consecutive local days, by slot; arrays may be memory-mapped.

    `features` are those of `features/slots.py`. `active` is 1 where the user was active in the slot. `receipts` counts
    what she received there, `clicked` is the share of it that she clicked, `slot_probability` the logged chance that
    the slot was chosen (0: not logged); they may be left out where nothing was received. `rest` is 1 on rest days.
    `first_day` is the first day of D of which each user's history is known; `segment` is -1 where it is not known.
    """

    features: Float32[np.ndarray, "n D K f"]
    active: Float32[np.ndarray, "n D K"]
    rest: Int64[np.ndarray, " D"]
    first_day: Int64[np.ndarray, " n"]
    segment: Int64[np.ndarray, " n"]
    receipts: Float32[np.ndarray, "n D K"] | None = None
    clicked: Float32[np.ndarray, "n D K"] | None = None
    slot_probability: Float32[np.ndarray, "n D K"] | None = None


class UserDays:
    """The data set of chosen (user, day) pairs; the window of day t is t - 1, t - 2 .. t - L."""

    def __init__(self, grid: DayGrid, user: Int[np.ndarray, " m"], day: Int[np.ndarray, " m"], n_days: int) -> None:
        """Takes the grid, the pairs and L.

        Raises:
            UnreadableInput: for a user or a day that the grid does not have, or clicks without receipts.
        """
        n, days = grid.features.shape[:2]
        if len(user) and (min(user.min(), day.min()) < 0 or user.max() >= n or day.max() >= days):
            raise UnreadableInput(
                f"got users {user.min()} to {user.max()} and days {day.min()} to {day.max()}, "
                f"expected users 0 to {n - 1} and days 0 to {days - 1} of the grid"
            )
        if (grid.receipts is None) != (grid.clicked is None):
            raise UnreadableInput("got one of receipts and clicked, expected both or neither")
        self._grid, self._user, self._day = grid, user.astype(np.int64), day.astype(np.int64)
        self._back = 1 + np.arange(n_days)

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self._user)

    def batch(self, rows: Int[np.ndarray, " b"]) -> SlotBatch:
        """Returns those pairs with their windows. Days before the user's first are zeros and not known."""
        grid, user, day = self._grid, self._user[rows], self._day[rows]
        past = day[:, None] - self._back
        known = past >= np.maximum(grid.first_day[user], 0)[:, None]
        seen = np.where(known, past, 0)
        history = grid.features[user[:, None], seen] * known[:, :, None, None]
        clicked, weight = self._received(user, day)
        return SlotBatch(
            history=_tensor(history.transpose(0, 2, 1, 3)),
            known=torch.from_numpy(known),
            rest=torch.from_numpy(np.where(known, grid.rest[seen], 0)),
            today_rest=torch.from_numpy(grid.rest[day]),
            segment=torch.from_numpy(grid.segment[user]),
            active=_tensor(grid.active[user, day]),
            clicked=clicked,
            receipt_weight=weight,
        )

    def _received(self, user: NDArray[np.int64], day: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        grid = self._grid
        if grid.receipts is None or grid.clicked is None:
            nothing = torch.zeros(len(user), grid.features.shape[2])
            return nothing, nothing
        chosen = None if grid.slot_probability is None else _tensor(grid.slot_probability[user, day])
        return _tensor(grid.clicked[user, day]), receipt_weights(_tensor(grid.receipts[user, day]), chosen)


def _tensor(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
