"""What the slot models learn from: what people did, where their clocks stand, and what they were sent, as columns."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from tactful.clock import DAY_US
from tactful.errors import InvalidRecord
from tactful.events.records import KINDS
from tactful.features.context import Zones

ANSWER_US: Final = DAY_US
"""A message counts as clicked if it is clicked within a day; sends younger than that teach nothing yet."""


@dataclass(frozen=True, eq=False)
class TimingLog:
    """n people, e engagements and s sends, up to an instant.

    Attributes:
        key: `draws.key` of the user id.
        zone: index into `zones` of where she is now.
        known_from: first local day on record, days since 1970-01-01: of sign-up, or of her first input if later.
        e_user, e_at_us, e_kind, e_value: as `features.slots.day_slots` takes them; no later than their acceptance.
        s_user, s_at_us: messages that reached her, and when.
        s_probability: the logged chance that the slot of the send was chosen; 0 where none was logged.
        s_clicked: whether it was clicked within `ANSWER_US`.
        began_us, until_us: of the log; the end is exclusive.
        left_out: people of the store beside these n, when there are more than are learned from.
    """

    key: UInt64[np.ndarray, " n"]
    zone: Int64[np.ndarray, " n"]
    known_from: Int64[np.ndarray, " n"]
    zones: Zones
    e_user: Int64[np.ndarray, " e"]
    e_at_us: Int64[np.ndarray, " e"]
    e_kind: Int64[np.ndarray, " e"]
    e_value: Float64[np.ndarray, " e"]
    s_user: Int64[np.ndarray, " s"]
    s_at_us: Int64[np.ndarray, " s"]
    s_probability: Float64[np.ndarray, " s"]
    s_clicked: Bool[np.ndarray, " s"]
    began_us: int
    until_us: int
    left_out: int = 0

    def __post_init__(self) -> None:
        """Checks ranges; lengths are checked where columns are joined."""
        for name, column, end in (
            ("zone", self.zone, len(self.zones.names)),
            ("e_user", self.e_user, len(self.key)),
            ("e_kind", self.e_kind, len(KINDS)),
            ("s_user", self.s_user, len(self.key)),
        ):
            if len(column) and not (column.min() >= 0 and column.max() < end):
                raise InvalidRecord(f"got {name} {column.min()} to {column.max()}, expected 0 to {end - 1}")
        if not ((self.s_probability >= 0.0) & (self.s_probability <= 1.0)).all():
            raise InvalidRecord("got a slot probability outside [0, 1]; log 0 where it is not known")

    def __len__(self) -> int:
        return len(self.key)
