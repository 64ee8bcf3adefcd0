"""What a world is fitted to: the people of an app, what they were sent and what they did, in columns.

One form for an app's store (`stored.py`) and for a simulated app (`imitate.py`, `explored`), so that both are counted
by the same functions. The world knows two channels, so what is no e-mail counts as a push.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from tactful.clock import DAY_US
from tactful.features.context import Zones
from tactful.features.join import Sends, Touches, kinds_mask
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.protocol import EngagementColumns, SendColumns

MOST_DAYS = 56
"""Days of a log that are fitted to, the last ones: older weeks are of an app that has changed since."""
FEWEST_DAYS = 21
ANSWER_US = DAY_US
"""How long an answer counts for its message: the world's people answer within a day, so later ones are left out."""
ANSWERS = kinds_mask(["open", "click"])


@dataclass(frozen=True)
class AppLog:
    """People (n rows) and what went on between them and the app in [since_us, until_us), whole UTC days.

    Attributes:
        zones, zone: the clocks in use, and each person's.
        reach: bit 0 for e-mail, bit 1 for any other channel that was open at the start; never 0.
        drawn: whether her weekly budget was drawn at random.
        sends: what reached people, sorted by (user, at_us, decision); channels are `EMAIL` and `PUSH`.
        type: of each send, an index into the world's types, -1 for one that it does not have.
        touches: what people did; channel -1 where the log does not say.
        left_out: people who were not counted, for they came later or could not be reached.
    """

    zones: Zones
    zone: Int64[np.ndarray, " n"]
    reach: UInt8[np.ndarray, " n"]
    drawn: Bool[np.ndarray, " n"]
    since_us: int
    until_us: int
    sends: Sends
    type: Int64[np.ndarray, " s"]
    touches: Touches
    left_out: int = 0

    @property
    def n(self) -> int:
        """How many people."""
        return len(self.zone)

    @property
    def days(self) -> int:
        """How many days, those of settling included."""
        return (self.until_us - self.since_us) // DAY_US

    @property
    def counted_from_us(self) -> int:
        """When counting begins: a simulated app needs a third of the days, two weeks at most, to forget its start."""
        return self.since_us + min(14, self.days // 3) * DAY_US


def sends_of(
    user: Int64[np.ndarray, " s"],
    at_us: Int64[np.ndarray, " s"],
    channel: Int64[np.ndarray, " s"],
    decision: Int64[np.ndarray, " s"],
) -> Sends:
    """Returns simulated sends for the join; they must be sorted already. Decisions are numbered from 0."""
    m = len(user)
    return Sends(
        user=user,
        at_us=at_us,
        window_us=np.full(m, ANSWER_US),
        kinds=np.full(m, ANSWERS),
        channel=channel,
        decision=(decision + 1).astype(np.uint64),
    )


def touches_of(seen: EngagementColumns) -> Touches:
    """Returns what simulated people did for the join."""
    return Touches(
        user=seen.user,
        at_us=seen.at_us,
        kind=seen.kind.astype(np.int64),
        channel=seen.channel.astype(np.int64),
        decision=(seen.decision + 1).astype(np.uint64),
    )


def explored(log: ExplorationLog, drawn: Bool[np.ndarray, " n"]) -> AppLog:
    """Returns the log of a simulated app (`closed_loop.explore`) as that of any app: nothing of its truth is in it."""
    order = np.lexsort((log.sends.decision, log.sends.at_us, log.sends.user))
    sends: SendColumns = log.sends
    return AppLog(
        zones=Zones.of(log.users.zones),
        zone=log.users.zone.astype(np.int64),
        reach=log.users.reach & np.uint8(1 << EMAIL | 1 << PUSH),
        drawn=drawn,
        since_us=log.start_us,
        until_us=log.end_us,
        sends=sends_of(
            sends.user[order], sends.at_us[order], sends.channel[order].astype(np.int64), sends.decision[order]
        ),
        type=sends.type[order].astype(np.int64),
        touches=touches_of(log.seen),
    )
