"""What a report tells of, as plain arrays: the same people under several arms, and one arm looked at from inside.

Dimensions: n users, D UTC days, H = 24 hours of the UTC day, K = 24 slots of the local day, m users looked at
closely, t epochs, c prices. Not here: how it was simulated (`simulate.py`) and what follows (`estimates.py`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class ArmDays:
    """One arm: what each user got and did on each UTC day of the run.

    `key` is a short name without spaces, `title` what a person reads. `opens` are those of e-mail, for a push that is
    looked at shows as its click only. `left` counts channels that the user
    closed that day. `quiet` counts sends inside the user's quiet hours.
    """

    key: str
    title: str
    sends: Int[np.ndarray, "n D"]
    opens: Int[np.ndarray, "n D"]
    clicks: Int[np.ndarray, "n D"]
    active: Bool[np.ndarray, "n D"]
    left: Int[np.ndarray, "n D"]
    quiet: Int[np.ndarray, "n D"]


@dataclass(frozen=True)
class Volume:
    """Tactful's arm in the large.

    Attributes:
        target: messages that the UTC day should bring, by day; 0 where it was not known yet.
        sent: messages that the day brought.
        planned_by_hour, sent_by_hour: messages by hour of the UTC day, over the whole run.
        budget: messages a week allowed to each user at the end.
    """

    target: Float[np.ndarray, " D"]
    sent: Int[np.ndarray, " D"]
    planned_by_hour: Int[np.ndarray, " H"]
    sent_by_hour: Int[np.ndarray, " H"]
    budget: Int[np.ndarray, " n"]


@dataclass(frozen=True)
class Sample:
    """Some of the people (m rows) looked at closely: the last finished day of each, and the prices they met.

    Attributes:
        user_ids: their names.
        slots: predicted share of each person's activity by slot of that day; rows sum to 1.
        jobs: slots in which the pool was to be ranked.
        told: messages sent in each slot.
        quiet: slots in which only critical messages go out.
        price_at_us: instants at which prices took effect.
        price: thresholds by instant and name, in utility (clicks that would not have come by themselves).
        price_names: the segment and channel of each price.
    """

    user_ids: tuple[str, ...]
    slots: Float[np.ndarray, "m K"]
    jobs: Bool[np.ndarray, "m K"]
    told: Int[np.ndarray, "m K"]
    quiet: Bool[np.ndarray, "m K"]
    price_at_us: Int[np.ndarray, " t"]
    price: Float[np.ndarray, "t c"]
    price_names: tuple[str, ...]

    def example(self) -> int:
        """Returns the row of a person whose day is worth looking at: something was sent, and the day has a shape.

        Of those with a message (else with rank jobs, else of all) the one whose day is peaked but not certain:
        the largest slot is nearest to a quarter.
        """
        told, ranked = self.told.any(axis=1), self.jobs.any(axis=1)
        pick = told if told.any() else ranked if ranked.any() else ~told
        distance = np.where(pick, np.abs(self.slots.max(axis=1) - 0.25), np.inf)
        return int(np.argmin(distance))


@dataclass(frozen=True)
class Story:
    """Several arms on the same simulated people, the first one silence and the last one Tactful's."""

    seed: int
    start_us: int
    arms: tuple[ArmDays, ...]
    volume: Volume
    sample: Sample

    @property
    def n_users(self) -> int:
        """How many people."""
        return int(self.arms[0].sends.shape[0])

    @property
    def n_days(self) -> int:
        """How many days."""
        return int(self.arms[0].sends.shape[1])
