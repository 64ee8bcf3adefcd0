"""Fits the network of `models/ranker.py` to rows; the only file of ranking that needs torch.

It learns from the same rows as the boosted ranker and is stopped and calibrated by the same later days.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from rich.console import Console
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from tactful.features.history import N_CHANNELS
from tactful.models.protocol import RANK_HEADS
from tactful.models.ranker import Ranker, tensors
from tactful.training.fit import Course, Learned, fit, seeded
from tactful.training.ranking.calibrate import own
from tactful.training.ranking.rows import RankRows
from tactful.training.ranking.sample import own_channel
from tactful.training.ranking.select import taken

COURSE: Final[dict[str, Any]] = {"learning_rate": 3e-3, "batch_rows": 256, "max_epochs": 2, "patience": 2}
"""Two epochs; written down before any result."""
_SCORED_AT_ONCE: Final = 1024


class RankBatch(NamedTuple):
    """b messages: the arguments of `Ranker.forward`, and what is known of each (channel, head)."""

    inputs: dict[str, Tensor]
    label: Float[Tensor, "b heads"]
    mask: Float[Tensor, "b h heads"]


class RankSet:
    """Rows as batches; implements `training.dataset.Dataset[RankBatch]`."""

    def __init__(self, rows: RankRows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self._rows)

    def batch(self, rows: Int[np.ndarray, " b"]) -> RankBatch:
        """Returns those rows."""
        some = self._rows.only(rows.astype(np.int64))
        mask = own_channel(some, N_CHANNELS).astype(np.float32)
        return RankBatch(tensors(some.inputs), torch.from_numpy(some.label.astype(np.float32)), torch.from_numpy(mask))


class RankLearner(nn.Module):
    """A ranker with what it learns by: the log likelihood of its heads, on the channel that each message went out on.

    Every head's loss is divided by what its base rate has, so that rare heads are learned, too; no weight is above
    `MOST`, for a head that never came has none.
    """

    MOST: Final = 10.0

    def __init__(self, ranker: Ranker, rate: Float64[np.ndarray, " heads"]) -> None:
        """Takes the ranker and the share of positives of each of `RANK_HEADS` in what is learned from."""
        super().__init__()
        self.ranker = ranker
        self._places = [RANK_HEADS.index(head) for head in ranker.heads]
        share = np.clip(rate[self._places], 1e-6, 1.0 - 1e-6)
        entropy = -(share * np.log(share) + (1.0 - share) * np.log1p(-share))
        weight = torch.from_numpy(np.minimum(1.0 / entropy, self.MOST).astype(np.float32))
        self.register_buffer("weight", weight, persistent=False)

    def loss(self, batch: RankBatch) -> Tensor:
        """Returns the mean over rows of the weighted sum over heads."""
        logits: Tensor = self.ranker(**batch.inputs)[:, 0]
        label = batch.label[:, None, self._places].expand_as(logits)
        each = binary_cross_entropy_with_logits(logits, label, reduction="none")
        weight: Tensor = self.get_buffer("weight")
        return (each * batch.mask[:, :, self._places] * weight).sum() / len(logits)


def fit_network(
    learn: RankRows,
    tune: RankRows,
    seed: int = 0,
    heads: Sequence[str] = RANK_HEADS,
    resume: Path | None = None,
    console: Console | None = None,
    **sizes: Any,
) -> tuple[Ranker, Learned]:
    """Returns the fitted network, in evaluation mode, and how it came about.

    Args:
        learn, tune: as of `boosted.fit_boosted`.
        heads: some of `RANK_HEADS`.
        resume: as of `training.fit.fit`.
        console: shows progress there.
        sizes: further arguments of `Ranker`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    shown = learn.known.sum(axis=0)
    share = (learn.label & learn.known).sum(axis=0) / np.maximum(shown, 1)
    learner = RankLearner(seeded(lambda: Ranker(heads=heads, **sizes), seed), share)
    learned = fit(learner, RankSet(learn), RankSet(tune), Course(**COURSE, seed=seed), resume, console)
    torch.set_num_threads(threads)
    return learner.ranker, learned


def logits_of(ranker: Ranker, rows: RankRows) -> Float64[np.ndarray, "n heads"]:
    """Returns what the network says of each message on its own channel, by its own heads, before calibration."""
    parts = [np.zeros((0, len(ranker.heads)))]
    with torch.no_grad():
        for start in range(0, len(rows), _SCORED_AT_ONCE):
            some = np.arange(start, min(start + _SCORED_AT_ONCE, len(rows)))
            said = ranker(**tensors(taken(rows.inputs, some)))[:, 0].numpy()
            parts.append(own(said.astype(np.float64), rows.channel[some]))
    return np.concatenate(parts)
