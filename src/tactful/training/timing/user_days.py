"""User-days as a data set: each with the L days before it, as `features/slots.py` extracts them.

A window need not be stored: histories of consecutive days may be views of one array, or memory-mapped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, Int64
from numpy.typing import NDArray
from torch import Tensor

from tactful.errors import UnreadableInput
from tactful.models.slot_model import SlotBatch, receipt_weights


@dataclass(frozen=True, eq=False)
class PastAndDay:
    """One local day of n users: what was known before it, and what happened on it, by slot.

    `history`, `known` and `rest` count days back from yesterday. `active` is 1 where the user was active. `receipts`
    counts what she received, `clicked` is the share of it that she clicked, `slot_probability` the logged chance that
    the slot was chosen (0: not logged). `segment` is -1 where it is not known.
    """

    history: Float32[np.ndarray, "n K L f"]
    known: Bool[np.ndarray, "n L"]
    rest: Int64[np.ndarray, " L"]
    today_rest: int
    segment: Int64[np.ndarray, " n"]
    active: Float32[np.ndarray, "n K"]
    receipts: Float32[np.ndarray, "n K"]
    clicked: Float32[np.ndarray, "n K"]
    slot_probability: Float32[np.ndarray, "n K"] | None = None


class UserDays:
    """The data set of chosen (day, user) pairs."""

    def __init__(self, days: Sequence[PastAndDay], day: Int[np.ndarray, " m"], user: Int[np.ndarray, " m"]) -> None:
        """Takes the days, and of each pair the index of its day and the row of its user.

        Raises:
            UnreadableInput: for a day that is not there, or a user that its day does not have.
        """
        sizes = np.array([len(one.history) for one in days])
        if len(day) and (day.min() < 0 or day.max() >= len(days) or user.min() < 0 or np.any(user >= sizes[day])):
            raise UnreadableInput(
                f"got days {day.min()} to {day.max()} and users {user.min()} to {user.max()}, "
                f"expected one of {len(days)} days, of {sizes.tolist()} users"
            )
        self._days, self._day, self._user = tuple(days), day.astype(np.int64), user.astype(np.int64)

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self._user)

    def batch(self, rows: Int[np.ndarray, " b"]) -> SlotBatch:
        """Returns those pairs with their windows."""
        day, user = self._day[rows], self._user[rows]
        order = np.argsort(day, kind="stable")
        present, starts = np.unique(day[order], return_index=True)
        parts = [
            _rows(self._days[number], chosen)
            for number, chosen in zip(present.tolist(), np.split(user[order], starts[1:]), strict=True)
        ]
        back = torch.from_numpy(np.argsort(order))
        return SlotBatch(*(torch.cat(columns)[back] for columns in zip(*parts, strict=True)))


def _rows(day: PastAndDay, user: NDArray[np.int64]) -> tuple[Tensor, ...]:
    """Of one day, the columns of `SlotBatch` in its order."""
    receipts = torch.from_numpy(day.receipts[user])
    chosen = None if day.slot_probability is None else torch.from_numpy(day.slot_probability[user])
    return (
        torch.from_numpy(day.history[user]),
        torch.from_numpy(day.known[user]),
        torch.from_numpy(np.tile(day.rest, (len(user), 1))),
        torch.full((len(user),), day.today_rest),
        torch.from_numpy(day.segment[user]),
        torch.from_numpy(day.active[user]),
        torch.from_numpy(day.clicked[user]),
        receipt_weights(receipts, chosen),
    )
