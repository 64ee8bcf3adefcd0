"""How much of a budget is really sent: the fill rate, by budget and reach.

A budget is a cap. Rights, gaps, quiet hours and an empty pool leave part of it unsent, and the models learn what the
*assigned* budget does with that part unsent. If the fill moves, they have learned of another world.
"""

from typing import Final

import msgspec
import numpy as np
from jaxtyping import Float64

from tactful.clock import WEEK_US
from tactful.features.segments import REACHES
from tactful.training.volume.labels import Labels
from tactful.training.volume.log import VolumeLog

MOVED: Final = 0.1
"""A relative move of the fill rate that asks for retraining."""
_FEWEST_DUE: Final = 500.0
"""Messages due below which a cell's rate is too uncertain to have moved."""


class Fill(msgspec.Struct, frozen=True):
    """Messages sent and messages due (k a week), by reach (rows) and budget (columns, in the order of `budgets`)."""

    budgets: tuple[int, ...]
    sent: tuple[tuple[float, ...], ...]
    due: tuple[tuple[float, ...], ...]

    def rate(self, reach: int, k: int) -> float | None:
        """Returns sent / due of one cell; None where nothing was due."""
        column = self.budgets.index(k)
        due = self.due[reach][column]
        return self.sent[reach][column] / due if due > 0.0 else None

    def expected_sent(self, k_max: int) -> Float64[np.ndarray, "3 b"]:
        """Returns the messages a week to expect of every budget 0..k_max, by reach; b = k_max + 1.

        Between the budgets seen it is a straight line; it never falls. A reach without data sends what is due.
        """
        expected = np.empty((len(REACHES), k_max + 1))
        for reach in range(len(REACHES)):
            known = [(k, rate) for k in self.budgets if (rate := self.rate(reach, k)) is not None and k > 0]
            at = [0.0, *(float(k) for k, _ in known)]
            sent = [0.0, *(k * rate for k, rate in known)]
            last = known[-1][1] if known else 1.0
            k = np.arange(k_max + 1, dtype=np.float64)
            beyond = np.maximum(k - at[-1], 0.0) * last
            expected[reach] = np.maximum.accumulate(np.interp(k, at, sent) + beyond)
        return expected


def fill_of(log: VolumeLog, labels: Labels) -> Fill:
    """Returns the fill of a log, over assignments whose people stayed subscribed for at least a week.

    Due is k for every week (and part of one) that the budget was in force. Who left is left out: she is due nothing.
    """
    weeks = (np.minimum(log.end_us, log.until_us) - log.start_us) / WEEK_US
    stayed = (weeks >= 1.0) & labels.stayed
    budgets, column = np.unique(log.k, return_inverse=True)
    shape = (len(REACHES), len(budgets))
    cell = np.ravel_multi_index((log.reach, column), shape)
    sent = np.bincount(cell, log.sent * stayed, minlength=shape[0] * shape[1]).reshape(shape)
    due = np.bincount(cell, log.k * weeks * stayed, minlength=shape[0] * shape[1]).reshape(shape)
    return Fill(tuple(budgets.tolist()), _nested(sent), _nested(due))


def moved(trained: Fill, now: Fill, by: float = MOVED) -> tuple[str, ...]:
    """Returns one sentence for each cell whose fill rate moved by that share or more; any of them asks to retrain.

    Cells with few messages due, then or now, say nothing.
    """
    said = []
    for reach, name in enumerate(REACHES):
        for k in sorted({*trained.budgets} & {*now.budgets}):
            before, after = trained.rate(reach, k), now.rate(reach, k)
            enough = min(_due(trained, reach, k), _due(now, reach, k)) >= _FEWEST_DUE
            if enough and before and after is not None and abs(after / before - 1.0) >= by:
                said.append(f"{name}, budget {k}: {after:.2f} of it is sent, {before:.2f} at training; train again")
    return tuple(said)


def _due(fill: Fill, reach: int, k: int) -> float:
    return fill.due[reach][fill.budgets.index(k)]


def _nested(cells: Float64[np.ndarray, "3 c"]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in cells.tolist())
