"""The sender's reputation: complaints and bounces at a mailbox provider throttle, then stop, what is not owed.

A provider that hears too many complaints puts everybody's mail aside, receipts too. So rates are watched by (channel,
mailbox provider); above a first level ranked, non-critical messages go out on a share of user-days only, above a second
on none. Which user-days is a hash, settled before anything is drawn, so that logged probabilities stay exact.
Counting is done by the runtime; dimensions: h channels, p groups of mailboxes (`features.mailbox`), n users.
"""

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from tactful import draws
from tactful.clock import DAY_US
from tactful.errors import InvalidSettings
from tactful.events.records import CHANNELS
from tactful.features.mailbox import MAILBOXES

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
SHAPE: Final = (len(CHANNELS), len(MAILBOXES))


class Levels(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When complaints and bounces at a mailbox provider throttle, then stop, ranked messages on that channel.

    Attributes:
        complaint_throttle: complaints a send from which on ranked messages are throttled; 0.1 %, below which the large
            mailbox providers ask senders to stay.
        complaint_stop: complaints a send from which on none goes out; 0.3 %, at which they begin to refuse mail. 1 is
            never, as in every one of the four.
        bounce_throttle: bounces a send from which on ranked messages are throttled; 2 %, more than a list of living
            addresses has.
        bounce_stop: bounces a send from which on none goes out; 5 %.
        throttled_share: of the user-days, on which messages still go out while throttled.
        window_days: UTC days that are counted, the current one included; 7.
        min_sends: of the window, below which nothing is judged; 2,000, two complaints at 0.1 %.

    Raises:
        InvalidSettings: a level that stops lies below the one that throttles.
    """

    complaint_throttle: Share = 0.001
    complaint_stop: Share = 0.003
    bounce_throttle: Share = 0.02
    bounce_stop: Share = 0.05
    throttled_share: Share = 0.5
    window_days: Annotated[int, msgspec.Meta(ge=1, le=28)] = 7
    min_sends: Annotated[int, msgspec.Meta(ge=1)] = 2000

    def __post_init__(self) -> None:
        for what, throttle, stop in (
            ("complaint", self.complaint_throttle, self.complaint_stop),
            ("bounce", self.bounce_throttle, self.bounce_stop),
        ):
            if stop < throttle:
                raise InvalidSettings(
                    f"got {what}_stop = {stop:g} below {what}_throttle = {throttle:g}, expected it at or above: "
                    "throttling comes first"
                )


@dataclass(frozen=True)
class Guard:
    """By channel and mailbox group: the share of user-days that is open, and the rate and level that made it so."""

    share: Float[np.ndarray, "channels mailboxes"]
    rate: Float[np.ndarray, "channels mailboxes"]
    level: Float[np.ndarray, "channels mailboxes"]

    @classmethod
    def open(cls) -> "Guard":
        """Returns the guard that holds nothing back."""
        return cls(np.ones(SHAPE), np.zeros(SHAPE), np.zeros(SHAPE))


def judge(
    sends: Int[np.ndarray, "channels mailboxes"],
    complaints: Int[np.ndarray, "channels mailboxes"],
    bounces: Int[np.ndarray, "channels mailboxes"],
    levels: Levels,
) -> Guard:
    """Returns what the counts of the window leave open; of two levels that are reached the one that allows less tells.

    >>> cell = np.zeros(SHAPE, dtype=np.int64); cell[0, 1] = 1
    >>> guard = judge(cell * 10_000, cell * 15, cell * 0, Levels())
    >>> float(guard.share[0, 1]), float(guard.rate[0, 1]), float(guard.level[0, 1]), float(guard.share[0, 0])
    (0.5, 0.0015, 0.001, 1.0)
    """
    enough = sends >= levels.min_sends
    guard = Guard.open()
    for count, level, share in (
        (complaints, levels.complaint_throttle, levels.throttled_share),
        (bounces, levels.bounce_throttle, levels.throttled_share),
        (complaints, levels.complaint_stop, 0.0),
        (bounces, levels.bounce_stop, 0.0),
    ):
        rate = count / np.maximum(sends, 1)
        met = enough & (rate >= level) & (rate > 0.0) & (guard.share > share)
        guard.share[met], guard.rate[met], guard.level[met] = share, rate[met], level
    return guard


def groups(mailbox: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n h"]:
    """Returns under which group a person counts on each channel: her mailbox's for e-mail, one for all elsewhere."""
    group = np.zeros((len(mailbox), len(CHANNELS)), dtype=np.int64)
    group[:, CHANNELS.index("email")] = mailbox
    return group


def shut(
    seed: int,
    user: UInt64[np.ndarray, " n"],
    now_us: Int[np.ndarray, " n"],
    mailbox: Int[np.ndarray, " n"],
    guard: Guard,
) -> Bool[np.ndarray, "n h"]:
    """Returns the channels on which a user gets nothing that is ranked on this UTC day."""
    if guard.share.min() >= 1.0:
        return np.zeros((len(user), len(CHANNELS)), dtype=np.bool_)
    share = guard.share[np.arange(len(CHANNELS)), groups(mailbox)]
    drawn = draws.uniform(seed, user, now_us // DAY_US, "sender reputation")
    closed: Bool[np.ndarray, "n h"] = drawn[:, None] >= share
    return closed
