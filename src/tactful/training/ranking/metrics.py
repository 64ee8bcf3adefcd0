"""How good a ranker is on messages that nothing was fitted to: by head and channel, and as one number.

Order and likelihood are judged on all messages, each as often as its like were kept (1 / keep); calibration on those
that were sent at random.
"""

from typing import Final

import msgspec
import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import NDArray

from tactful.events.records import CHANNELS
from tactful.experiments.stats import Interval, bootstrap_totals
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.rows import RankRows
from tactful.training.ranking.sample import weights
from tactful.training.volume.metrics import calibration_error, log_loss, weighted_auc

HEAD_WEIGHTS: Final = {
    **{"open": 1.0, "click": 1.0, "unsubscribe": 1.0},
    **{"session_1h": 1 / 3, "session_1d": 1 / 3, "session_3d": 1 / 3},
}
"""How much each head counts in the weighted log loss; the three of sessions together as much as one of the others."""
DRAWS: Final = 1000


class Cell(msgspec.Struct, frozen=True):
    """One head on one channel.

    Attributes:
        channel: all of them together where it says "all".
        messages, positives: judged, counted as they are; `weight` is what they stand for.
        auc: None without some of each.
        log_loss: in nats.
        base_log_loss: the same of the share of positives, said of everybody.
        random_messages: of these, sent at random: calibration is read from them.
        observed_over_expected, calibration_error: on messages sent at random; None without any.
    """

    head: str
    channel: str
    messages: int
    positives: int
    auc: float | None
    log_loss: float
    base_log_loss: float
    random_messages: int
    observed_over_expected: float | None
    calibration_error: float | None


class Judge:
    """Knows what became of the judged messages. Models say p [n, heads], of each message on its own channel."""

    def __init__(self, rows: RankRows) -> None:
        """Takes rows of later days, none left out by down-sampling."""
        self.rows, self._weight = rows, weights(rows)
        positives, total = (self._weight * rows.label).sum(axis=0), self._weight.sum(axis=0)
        share = positives / np.maximum(total, 1e-12)
        self._told = (share > 0.0) & (share < 1.0)
        self._entropy = np.where(self._told, _entropy(share), 1.0)
        _, self._person = np.unique(rows.user, return_inverse=True)

    def cells(self, p: Float[np.ndarray, "n heads"]) -> tuple[Cell, ...]:
        """Returns how good the model is, of every head over all channels and by channel, as far as there were any."""
        groups = [("all", np.ones(len(self.rows), dtype=np.bool_))]
        groups += [(name, self.rows.channel == place) for place, name in enumerate(CHANNELS)]
        return tuple(
            self._cell(p[:, place], place, name, here)
            for place in range(len(RANK_HEADS))
            for name, here in groups
            if (here & self.rows.known[:, place]).any()
        )

    def loss(self, p: Float[np.ndarray, "n heads"]) -> Interval:
        """Returns the weighted log loss, `Σ_h w_h·L_h/H_h / Σ_h w_h`, with its 95 % interval over people.

        L_h is the head's log loss and H_h that of its share of positives on these messages, said of everybody: who
        knows nothing has 1. Heads without positives, or without negatives, are left out.
        """
        sums = self._sums(p)
        totals = bootstrap_totals(sums, np.random.default_rng(0), DRAWS)
        return _interval(float(self._loss(sums.sum(axis=0))), self._loss(totals))

    def difference(self, p: Float[np.ndarray, "n heads"], other: Float[np.ndarray, "n heads"]) -> Interval:
        """Returns `loss(p) - loss(other)` with its 95 % interval, both on the same resamples of people."""
        mine, theirs = self._sums(p), self._sums(other)
        totals = bootstrap_totals(np.column_stack([mine, theirs]), np.random.default_rng(0), DRAWS)
        k = mine.shape[1]
        value = self._loss(mine.sum(axis=0)) - self._loss(theirs.sum(axis=0))
        return _interval(float(value), self._loss(totals[:, :k]) - self._loss(totals[:, k:]))

    def _sums(self, p: NDArray[np.floating]) -> Float64[np.ndarray, "people k"]:
        """What each person adds to every head's nats and weights."""
        said = np.clip(np.where(self.rows.label, p, 1.0 - p), 1e-15, None)
        columns = np.column_stack([-self._weight * np.log(said), self._weight])
        return np.column_stack([np.bincount(self._person, column) for column in columns.T])

    def _loss(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        nats, weight = np.split(totals, 2, axis=-1)
        by_head = nats / np.maximum(weight, 1e-12) / self._entropy
        counts = np.array([HEAD_WEIGHTS[head] for head in RANK_HEADS]) * self._told
        return np.asarray((by_head * counts).sum(axis=-1) / max(counts.sum(), 1e-12))

    def _cell(self, p: NDArray[np.floating], head: int, channel: str, here: NDArray[np.bool_]) -> Cell:
        rows = np.flatnonzero(here & self.rows.known[:, head])
        drawn = rows[self.rows.random[rows]]
        label, weight, said = self.rows.label[:, head], self._weight[:, head], p.astype(np.float64)
        share = float((weight[rows] * label[rows]).sum() / weight[rows].sum())
        expected = float(said[drawn].sum())
        return Cell(
            head=RANK_HEADS[head],
            channel=channel,
            messages=len(rows),
            positives=int(label[rows].sum()),
            auc=weighted_auc(said[rows], label[rows], weight[rows])[0] if 0.0 < share < 1.0 else None,
            log_loss=log_loss(said[rows], label[rows], weight[rows]),
            base_log_loss=float(_entropy(np.array(share))),
            random_messages=len(drawn),
            observed_over_expected=float(label[drawn].sum()) / expected if expected > 0.0 else None,
            calibration_error=calibration_error(said[drawn], label[drawn], np.ones(len(drawn))) if len(drawn) else None,
        )


def _entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(share, 1e-15, 1.0 - 1e-15)
    return np.asarray(-(kept * np.log(kept) + (1.0 - kept) * np.log1p(-kept)))


def _interval(value: float, spread: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(spread, [0.025, 0.975])
    return Interval(value, float(low), float(high))
