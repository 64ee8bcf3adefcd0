"""What the controller wrote in the last weeks: ranked sends against target by UTC day, and the price over time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Float, Int64

from tactful.clock import DAY_US, HOUR_US, to_us
from tactful.stores.protocols import Store

DAYS: Final = 28
_KEY: Final = "thresholds"
_EPOCHS: Final = 24 * DAYS


@dataclass(frozen=True, eq=False)
class Controlled:
    """Numbers by segment and channel (`segments.SEGMENTS`, `records.CHANNELS`).

    Attributes:
        days: UTC days since 1970, of which the last may be running.
        sent, target: by day, of all experiments' arms together; what was forced or drawn at random is in neither.
        saturated: whether the target was lowered to what could be reached, by day, anywhere in the arms.
        at_us: from when on prices held.
        price: by that instant, of the first arm, which is everybody's who is in no experiment.
    """

    days: Int64[np.ndarray, " d"]
    sent: Float[np.ndarray, "d s h"]
    target: Float[np.ndarray, "d s h"]
    saturated: Float[np.ndarray, "d s h"]
    at_us: Int64[np.ndarray, " e"]
    price: Float[np.ndarray, "e s h"]


class _Looked(msgspec.Struct, frozen=True):
    """What is read of a look of the controller."""

    threshold: list[float]
    target_day: list[float]
    actual: list[float]
    saturated: list[bool]
    shape: tuple[int, int, int]


class _Epoch(msgspec.Struct, frozen=True, tag_field="record", tag="control"):
    effective_at: datetime
    value: _Looked


_DECODER: Final = msgspec.msgpack.Decoder(_Epoch)


def controlled(store: Store) -> Controlled | None:
    """Returns the last `DAYS` days of the controller; None if it never looked."""
    latest = store.latest_control(_KEY)
    if latest is None:
        return None
    looks = [_DECODER.decode(row.data) for row in store.controls_of(_KEY, latest.version - _EPOCHS)]
    at_us = np.array([to_us(one.effective_at) for one in looks], dtype=np.int64)
    day = (at_us - HOUR_US - 1) // DAY_US  # a look takes effect an hour after the hour that it ends with
    last = np.flatnonzero(np.append(day[1:] != day[:-1], True))
    sent, target, saturated = (
        np.stack([_cells(looks[i], name).sum(axis=0) for i in last]) for name in ("actual", "target_day", "saturated")
    )
    price = np.stack([_cells(one, "threshold")[0] for one in looks])
    return Controlled(day[last], sent, target, saturated, at_us, price)


def _cells(look: _Epoch, name: str) -> Float[np.ndarray, "a s h"]:
    return np.array(getattr(look.value, name), dtype=np.float64).reshape(look.value.shape)
