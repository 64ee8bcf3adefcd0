"""Fits the network of `models/slot_model.py` to user-days and exports it; the only file of timing that needs torch.

It learns from the same days as the boosted model, clicks first with activity beside them, and stops by the same people.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from rich.console import Console

from tactful.models.slot_model import SlotNet
from tactful.training.export import export
from tactful.training.fit import Course, fit, seeded
from tactful.training.timing.days import LocalDay, SplitDays
from tactful.training.timing.user_days import PastAndDay, UserDays

ROWS: Final = 60_000
"""User-days to learn from, at most."""
COURSE: Final[dict[str, Any]] = {"learning_rate": 6e-3, "batch_rows": 128, "max_epochs": 6, "patience": 2}
ACTIVE_BESIDE: Final = 0.3
"""Share of the loss that activity has beside clicks; all of it where nobody clicked."""


def fit_network(
    split: SplitDays,
    clicks: bool,
    held_out: Bool[np.ndarray, " n"],
    seed: int = 0,
    console: Console | None = None,
) -> bytes:
    """Returns the fitted network as an ONNX graph, for `ServedSlots`; it reads as many days as it has seen.

    Args:
        split: days to learn from; the judged ones are not looked at.
        clicks: whether there are enough clicks to learn from.
        held_out: people who are not learned from, and say when to stop.
        console: shows progress there.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    past = [_past_and_day(day, split.seen_days) for day in split.learned]
    day, user = _pairs(split.learned, seed)
    teach, stop = (UserDays(past, day[rows], user[rows]) for rows in (~held_out[user], held_out[user]))
    n_slots, n_days, n_features = past[0].history.shape[1:]
    share = ACTIVE_BESIDE if clicks else 1.0
    net = seeded(lambda: SlotNet(n_slots, n_days, n_features, active_share=share), seed)
    fit(net, teach, stop, Course(**COURSE, seed=seed), console=console)
    batch = stop.batch(np.arange(min(len(stop), 64)))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # which libraries of images are not there is no news
    graph = export(net, {name: getattr(batch, name) for name in ("history", "known", "rest", "today_rest", "segment")})
    torch.set_num_threads(threads)
    return graph


def _pairs(days: Sequence[LocalDay], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    day, user = np.nonzero(np.stack([one.present for one in days]))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(day))[:ROWS])
    return day[chosen], user[chosen]


def _past_and_day(day: LocalDay, seen_days: int) -> PastAndDay:
    """Weights of messages are those of `days.py`, so the slot probability need not be told again."""
    return PastAndDay(
        history=day.window.history[:, :, :seen_days],
        known=day.window.known[:, :seen_days],
        rest=np.asarray(day.window.rest[0, :seen_days]),
        today_rest=day.rest,
        segment=np.full(len(day.present), -1),
        active=day.active,
        receipts=day.weight,
        clicked=(day.clicks / np.maximum(day.receipts, 1.0)).astype(np.float32),
    )
