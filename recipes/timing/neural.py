"""The slot model on the tasks: days become batches, one fit for each task and seed, and its ablations.

For the sessions the activity head is fitted as a model of choice (softmax over the day), as the rivals are. For trials
it is fitted as the model says: activity in every slot, or clicks on what was received with activity beside it. A
fifth of the users, who are not learnt from, say when to stop: the same rule as for LightGBM. Settings were chosen on
9-11 October of Globo, learning from 1-8, and serve every data set.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tactful.models.slot_model import ACTIVE, CLICK, SlotBatch, SlotNet
from tactful.training.dataset import in_order
from tactful.training.fit import Course, fit, seeded
from tactful.training.timing.user_days import PastAndDay, UserDays
from timing.days import NOT_KNOWN, Day
from timing.histograms import Days, Fit, Predict, Task

ROWS: Final = 60_000
"""User-days to learn from, at most."""
FEWEST_KNOWN: Final = 3
COURSE: Final[Mapping[str, Any]] = {"learning_rate": 6e-3, "batch_rows": 128, "max_epochs": 6, "patience": 2}
ACTIVE_BESIDE: Final = 0.3
"""Share of the loss that activity has beside clicks."""
_AT_ONCE: Final = 2048


class Sessions(nn.Module):
    """A slot model whose loss is that of choice: in which slot a session falls, given that there is one."""

    def __init__(self, net: SlotNet) -> None:
        super().__init__()
        self.net = net

    def loss(self, batch: SlotBatch) -> Tensor:
        """Returns the mean negative log likelihood of the sessions (`active`), in nats a user-day."""
        scores = _logits(self.net, batch)[..., ACTIVE].log_softmax(dim=1)
        return -(batch.active * scores).sum(dim=1).mean()


def slot_model(train: Days, task: Task, seed: int, without: str | None = None) -> Predict:
    """Fits the slot model, or it `without` one of its parts; it sees as far back as the last training day."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seen = max(day.known for day in train)
    held = np.random.default_rng(seed).permutation(len(train[0].sessions)) % 5 == 0
    past = [_past_and_day(day, task, seen) for day in train]
    day, user = _pairs(train, task, seed)
    teach, stop = (UserDays(past, day[rows], user[rows]) for rows in (~held[user], held[user]))
    share = ACTIVE_BESIDE if train[0].trial == "receipt" and task == "trials" else 1.0
    n_slots, n_days, n_features = past[0].history.shape[1:]
    parts = {} if without is None else {without: False}
    net = seeded(lambda: SlotNet(n_slots, n_days, n_features, active_share=share, **parts), seed)
    fit(Sessions(net) if task == "sessions" else net, teach, stop, Course(**COURSE, seed=seed))
    torch.set_num_threads(threads)
    net.eval()
    return partial(_foretell, net, task, CLICK if share < 1.0 else ACTIVE)


def _pairs(train: Days, task: Task, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """User-days with a session (or a trial), of days with some past; ROWS of them are drawn."""
    some = [((d.sessions if task == "sessions" else d.trials) > 0).any(axis=1) for d in train]
    enough = np.array([d.known >= FEWEST_KNOWN for d in train])
    day, user = np.nonzero(np.stack(some) & enough[:, None])
    chosen = np.sort(np.random.default_rng(seed).permutation(len(day))[:ROWS])
    return day[chosen], user[chosen]


def _past_and_day(day: Day, task: Task, seen: int) -> PastAndDay:
    """The day's past, cut to `seen` days; its outcomes are NaN where it is judged, and not read there."""
    types, n = day.types_before[:seen], len(day.history)
    active = day.sessions if task == "sessions" or day.trial == "receipt" else day.positives
    receipts = day.trials if day.trial == "receipt" else np.zeros_like(day.trials)
    return PastAndDay(
        history=day.history[:, :, :seen],
        known=np.broadcast_to(types != NOT_KNOWN, (n, seen)),
        rest=np.maximum(types, 0).astype(np.int64),
        today_rest=day.type,
        segment=np.full(n, -1),
        active=active if task == "sessions" else np.minimum(active, 1.0),
        receipts=receipts,
        clicked=np.where(receipts > 0, day.positives / np.maximum(receipts, 1.0), 0.0).astype(np.float32),
    )


def _foretell(net: SlotNet, task: Task, head: int, day: Day) -> NDArray[np.float64]:
    n = len(day.history)
    users = UserDays([_past_and_day(day, task, net.shape[1])], np.zeros(n, dtype=np.int64), np.arange(n))
    with torch.no_grad():
        logits = torch.cat([_logits(net, users.batch(rows))[..., head] for rows in in_order(n, _AT_ONCE)]).double()
    p = logits.softmax(dim=1) if task == "sessions" else logits.sigmoid()
    return np.asarray(p.numpy(), dtype=np.float64)


def _logits(net: SlotNet, batch: SlotBatch) -> Tensor:
    logits: Tensor = net(batch.history, batch.known, batch.rest, batch.today_rest, batch.segment)
    return logits


def _without(part: str) -> Fit:
    return lambda train, task, seed: slot_model(train, task, seed, part)


PARTS: Final = ("rotary", "day_types", "slot_attention", "target_attention")
ABLATIONS: Final[Mapping[str, Fit]] = {f"slot model without {part.replace('_', ' ')}": _without(part) for part in PARTS}
