"""Which step of the price a weekday begins with: the one that it needed in both of the last two weeks.

The controller (`pid.py`) works against a day's error while the day lasts. A weekend on which utilities are higher meets
it anew each week; what comes back by the week is foretold here. Steps are in logits of the price's quantile.
"""

from dataclasses import dataclass
from typing import Final, final

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray

from tactful.errors import InvalidRecord

WEEK: Final = 7
DAYS: Final = 2 * WEEK
LUCK: Final = 2.0
"""An error within so many standard errors of a count teaches nothing."""
POOLED_SENDS: Final = 200.0
"""An error of few sends is mixed with that of the whole arm, which counts for so many."""


@final
@dataclass(frozen=True, eq=False)
class Week:
    """The steps that each of the last 14 days needed at its start, by day number modulo 14; NaN where none is known.

    `foretold` is the step with which the present day began.
    """

    steps: Float[np.ndarray, "14 arms segments channels"]
    foretold: Float[np.ndarray, "arms segments channels"]

    @classmethod
    def start(cls, shape: tuple[int, int, int]) -> "Week":
        """Returns a week of which nothing is known."""
        return Week(np.full((DAYS, *shape), np.nan), np.zeros(shape))

    def midnight(
        self,
        ended: int,
        day: int,
        error: Float[np.ndarray, "arms segments channels"],
        lr: Float[np.ndarray, "arms segments channels"],
    ) -> "Week":
        """Returns the week after a day is over; its `foretold` is the step with which the next begins.

        The day needed s + lr·e, with s what was foretold. Foretold for the next day is what the same weekday needed one
        and two weeks ago, as far as both agree: the smaller of the two, 0 if their signs differ. So a holiday or a
        change of supply comes back in no later week, and a weekday whose level keeps its distance does from the third
        week on.

        Args:
            ended: the day that is over.
            day: the day that begins, later than `ended`; days between them are unknown.
            error: of the day that is over, beyond luck (`beyond_luck`); 0 where it is to teach nothing.
            lr: logits for an error of 1.
        """
        steps = self.steps.copy()
        steps[ended % DAYS] = self.foretold + lr * error
        for skipped in range(ended + 1, min(day, ended + DAYS + 1)):
            steps[skipped % DAYS] = np.nan
        last, before = steps[(day - WEEK) % DAYS], steps[day % DAYS]
        agreed = np.sign(last) * np.minimum(np.abs(last), np.abs(before))
        return Week(steps, np.where(last * before > 0, agreed, 0.0))

    def regrouped(self, source: Int64[np.ndarray, " m"]) -> "Week":
        """Returns the week of m arms, each of which goes on from an arm of this one."""
        return Week(self.steps[:, source], self.foretold[source])

    def to_bytes(self) -> bytes:
        """Returns the week as bytes, exactly."""
        parts = np.concatenate([self.steps, self.foretold[None]])
        return msgspec.msgpack.encode((parts.shape, parts.astype("<f8").tobytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Week":
        """Returns the week that `to_bytes` wrote.

        Raises:
            InvalidRecord: the bytes are no week.
        """
        try:
            shape, stored = msgspec.msgpack.decode(data, type=tuple[tuple[int, int, int, int], bytes])
            parts: NDArray[np.float64] = np.frombuffer(stored, dtype="<f8").reshape(shape).copy()
        except (msgspec.DecodeError, ValueError) as error:
            raise InvalidRecord(f"got bytes that are no week of a controller ({error}); start a new one") from error
        return Week(parts[:DAYS], parts[DAYS])


def beyond_luck(
    error: Float[np.ndarray, "arms segments channels"],
    target_day: Float[np.ndarray, "arms segments channels"],
    teaches: Bool[np.ndarray, "arms segments channels"],
) -> Float[np.ndarray, "arms segments channels"]:
    """Returns each cell's error, mixed with its arm's where it has few sends; 0 where luck explains it.

    w·e + (1 − w)·e_arm with w = F/(F + 200), if it exceeds two of its standard errors, for counts of F sends.

    Args:
        error: of the day, as a share of the target.
        target_day: F, planned sends of the day.
        teaches: the cells whose day is known; the others neither give nor get an error.

    >>> sends = np.array([[[3600.0, 3600.0, 20.0]]])
    >>> beyond_luck(np.array([[[0.2, 0.0, 0.9]]]), sends, np.full((1, 1, 3), True)).round(2).tolist()
    [[[0.19, 0.0, 0.17]]]
    """
    sends = np.where(teaches, target_day, 0.0)
    of_arm = np.maximum(sends.sum(axis=(1, 2), keepdims=True), 1.0)
    arm = (sends * error).sum(axis=(1, 2), keepdims=True) / of_arm
    own = sends / (sends + POOLED_SENDS)
    mixed = own * error + (1 - own) * arm
    luck = LUCK * np.sqrt(sends / (sends + POOLED_SENDS) ** 2 + (1 - own) ** 2 / of_arm)
    return np.where(teaches & (np.abs(mixed) > luck), mixed, 0.0)
