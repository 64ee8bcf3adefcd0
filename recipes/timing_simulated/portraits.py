"""What lies behind the pictures: the slot model's attention to one person's history, and kinds of profiles it finds."""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from tactful.features.context import Zones
from tactful.features.day_types import day_types
from tactful.features.slots import FEATURES
from tactful.models.slot_model import SlotNet
from tactful.simulator.timing_only import Stage, open_slots
from timing_simulated.profiles import Profile
from timing_simulated.slots import DAYS_BACK, history, known

CLUSTERS: Final = 6
_ROUNDS: Final = 30
_BUSY: Final = 14
"""Sessions of the person whose history is shown, about: enough to see hours, few enough to count."""


class Attention(msgspec.Struct, frozen=True):
    """One person's last days as the slot model reads them, and what it heeds; rows are slots, columns days ago from 1.

    `active`, `receipts` and `clicks` count what she did; `heeded` is the attention of each slot to the same slot of
    each day, `nothing` what it gives to none of them. `rest` says which days are of rest; the day ahead is of work.
    """

    user: str
    active: tuple[tuple[float, ...], ...]
    receipts: tuple[tuple[float, ...], ...]
    clicks: tuple[tuple[float, ...], ...]
    heeded: tuple[tuple[float, ...], ...]
    nothing: tuple[float, ...]
    rest: tuple[int, ...]


class Cluster(msgspec.Struct, frozen=True):
    """People of alike predicted profiles: their share, and mean profiles of a work day relative to each one's mean.

    Of each slot only those people count to whom it is open; None where it is open to nobody. Who has no open channel
    left is not there.
    """

    share: float
    predicted: tuple[float | None, ...]
    true: tuple[float | None, ...]


def attention(stage: Stage, net: SlotNet) -> Attention:
    """Returns the picture of a person who has come about `_BUSY` times and has clicked more than others of those."""
    log, n = stage.log, stage.log.users.n
    today = Zones.of(log.users.zones).local_day(log.users.zone, np.full(n, log.end_us))
    past, there = history(log, today), known(log, today)
    rest = day_types(today[:, None] - np.arange(1, DAYS_BACK + 1)).astype(np.int64)
    came, clicked = (past[..., FEATURES.index(name)].sum(axis=(1, 2)) for name in ("sessions", "clicks"))
    who = int(np.argmax(np.where(np.abs(came - _BUSY) <= 2, clicked, -1.0)))
    one = np.array([who])
    with torch.no_grad():
        columns = (past[one], there[one], rest[one], np.zeros(1, dtype=np.int64), np.full(1, -1))
        weights = net.attention(*(torch.from_numpy(column) for column in columns))[0].numpy()

    def feature(name: str) -> tuple[tuple[float, ...], ...]:
        return _table(past[who, :, :, FEATURES.index(name)])

    return Attention(
        user=f"u{who:06d}",
        active=feature("active"),
        receipts=feature("receipts"),
        clicks=feature("clicks"),
        heeded=_table(weights[:, 1:]),
        nothing=tuple(round(float(x), 5) for x in weights[:, 0]),
        rest=tuple(rest[who].tolist()),
    )


def clusters(stage: Stage, said: Mapping[str, Profile]) -> list[Cluster]:
    """Returns kinds of people by k-means on the logs of their predicted profiles (work days), largest first."""
    there = stage.open_channels > 0
    allowed = open_slots(stage.log.users)[there]
    shapes = [_relative(said[source][0][there], allowed) for source in ("model", "true")]
    of = _kinds(np.where(allowed, np.log(np.maximum(shapes[0], 1e-6)), 0.0))
    made = [
        Cluster(float((of == kind).mean()), *(_mean(shape[of == kind], allowed[of == kind]) for shape in shapes))
        for kind in range(CLUSTERS)
    ]
    return sorted(made, key=lambda one: -one.share)


def _kinds(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Lloyd's algorithm from random people (seed 0); an empty kind keeps its centre."""
    rng = np.random.default_rng(0)
    centres = points[rng.choice(len(points), CLUSTERS, replace=False)]
    of = np.zeros(len(points), dtype=np.int64)
    for _ in range(_ROUNDS):
        of = np.argmin([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        centres = np.stack([points[of == k].mean(axis=0) if (of == k).any() else centres[k] for k in range(CLUSTERS)])
    return of


def _relative(p: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each row over its mean in open slots."""
    mean = np.where(allowed, p, 0.0).sum(axis=1) / allowed.sum(axis=1)
    shape: NDArray[np.float64] = p / np.where(mean > 0.0, mean, 1.0)[:, None]
    return shape


def _mean(shape: NDArray[np.float64], allowed: NDArray[np.bool_]) -> tuple[float | None, ...]:
    counts = allowed.sum(axis=0)
    sums = np.where(allowed, shape, 0.0).sum(axis=0)
    pairs = zip(sums.tolist(), counts.tolist(), strict=True)
    return tuple(round(total / count, 4) if count else None for total, count in pairs)


def _table(values: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(x), 5) for x in row) for row in values)
