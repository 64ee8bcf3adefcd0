"""What a simulated app exchanges with whoever drives it: columns in, columns out, the user as row index.

Tick by tick (one hour) a driver calls `candidates(start, end)`, decides, then `respond(sends, start, end)`.
Turning columns into records for the engine is `adapter.py`; how people behave is `world.py`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt64

from tactful.clock import HOUR_US
from tactful.errors import TruthForbidden

TICK_US = HOUR_US
"""One step of a world, microseconds."""

FIRST_CANDIDATE = 1_000_000
"""Candidate numbers start here. Item numbers below it are the app's catalogue; a candidate's content is the
item that bears the candidate's own number."""


@dataclass(frozen=True)
class UserColumns:
    """Who there is; row i is the user with user_id f"u{i:06d}".

    `zone` indexes `zones` (IANA names); bit i of `reach` says that channel i of `events.records.CHANNELS` may
    be used at the start (who left since is learned from engagements); `signup_us` is microseconds since 1970;
    `quiet_start` and `quiet_end` are local minutes of the day, crossing midnight; `user_key` is
    `draws.key(user_id)`.
    """

    zones: tuple[str, ...]
    zone: Int16[np.ndarray, " n"]
    reach: UInt8[np.ndarray, " n"]
    signup_us: Int64[np.ndarray, " n"]
    quiet_start: Int16[np.ndarray, " n"]
    quiet_end: Int16[np.ndarray, " n"]
    user_key: UInt64[np.ndarray, " n"]

    @property
    def n(self) -> int:
        """How many users."""
        return len(self.user_key)


@dataclass(frozen=True)
class CandidateColumns:
    """What people could be told about, ordered by (created_us, user).

    `candidate` is unique in the world and the same in every arm; its id is f"c{candidate}". `type` indexes
    `types`. `quality` lies in 0..1.
    """

    types: tuple[str, ...]
    user: Int64[np.ndarray, " m"]
    candidate: Int64[np.ndarray, " m"]
    type: Int16[np.ndarray, " m"]
    created_us: Int64[np.ndarray, " m"]
    expires_us: Int64[np.ndarray, " m"]
    category: Int32[np.ndarray, " m"]
    quality: Float32[np.ndarray, " m"]


@dataclass(frozen=True)
class SendColumns:
    """What was sent. `channel` indexes `events.records.CHANNELS`, `type` the world's types.

    `decision` is the caller's own number of the decision, not negative; it comes back in the engagements.
    """

    user: Int64[np.ndarray, " m"]
    at_us: Int64[np.ndarray, " m"]
    channel: Int8[np.ndarray, " m"]
    type: Int16[np.ndarray, " m"]
    category: Int32[np.ndarray, " m"]
    quality: Float32[np.ndarray, " m"]
    candidate: Int64[np.ndarray, " m"]
    decision: Int64[np.ndarray, " m"]

    @classmethod
    def none(cls) -> "SendColumns":
        """Returns no sends: silence in this tick."""
        return cls(
            user=np.zeros(0, np.int64),
            at_us=np.zeros(0, np.int64),
            channel=np.zeros(0, np.int8),
            type=np.zeros(0, np.int16),
            category=np.zeros(0, np.int32),
            quality=np.zeros(0, np.float32),
            candidate=np.zeros(0, np.int64),
            decision=np.zeros(0, np.int64),
        )


@dataclass(frozen=True)
class EngagementColumns:
    """What people did in a tick, ordered by (at_us, user, kind).

    `kind` indexes `events.records.KINDS`; `channel` is -1 where no message is involved, `category` and `item`
    -1 where there is no content, `decision` -1 where it is organic; `value` is seconds watched (views).
    """

    user: Int64[np.ndarray, " m"]
    kind: Int8[np.ndarray, " m"]
    at_us: Int64[np.ndarray, " m"]
    channel: Int8[np.ndarray, " m"]
    category: Int32[np.ndarray, " m"]
    item: Int64[np.ndarray, " m"]
    decision: Int64[np.ndarray, " m"]
    value: Float32[np.ndarray, " m"]


@runtime_checkable
class Truth(Protocol):
    """What only an oracle may know, at the instant when it was asked for."""

    @property
    def fatigue(self) -> Float32[np.ndarray, " n"]:
        """How many recent messages still weigh on each user (a decayed count)."""
        ...

    @property
    def reachable(self) -> UInt8[np.ndarray, " n"]:
        """The channels still open to each user, a bitmask like `UserColumns.reach`."""
        ...

    def organic(self, start_us: int, hours: int) -> Float32[np.ndarray, "n hours"]:
        """Returns the chance of a session of her own in each hour from `start_us`, at the present habit."""
        ...

    def click_probability(self, sends: SendColumns) -> Float32[np.ndarray, " m"]:
        """Returns the chance that each send, were it the next, is clicked, at the present fatigue."""
        ...

    def leave_probability(self, sends: SendColumns) -> Float32[np.ndarray, " m"]:
        """Returns the chance that each send makes its user close that channel for good."""
        ...

    def active_after_leaving(self) -> Float32[np.ndarray, " n"]:
        """Returns the daily chance of activity once every channel is closed and habit has settled."""
        ...

    def remaining_value(self) -> Float64[np.ndarray, " n"]:
        """Returns the discounted active days to come that reach and habit are worth."""
        ...


@runtime_checkable
class World(Protocol):
    """An app with people in it, on a simulated clock. Made by a module's `make(seed, n_users, ...)`."""

    @property
    def start_us(self) -> int:
        """The instant at which the world begins, a whole UTC hour."""
        ...

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that candidates come in; columns hold an index into it."""
        ...

    def users(self) -> UserColumns:
        """Returns everyone, as known to the app at the start."""
        ...

    def candidates(self, start_us: int, end_us: int) -> CandidateColumns:
        """Returns what came up in [start_us, end_us), whole ticks; it depends on no send."""
        ...

    def respond(self, sends: SendColumns, start_us: int, end_us: int) -> EngagementColumns:
        """Lives through one tick and returns what people did in it, late answers to earlier sends included.

        Called once per tick, in time order; every `at_us` of the sends lies within [start_us, end_us). A send
        on a channel that its user has closed reaches nobody.

        Raises:
            TickOutOfOrder: when the tick is not the next one, is not one hour, or a send lies outside it.
        """
        ...

    def truth(self) -> Truth:
        """Returns the truth at the end of the last tick. For oracles and scores only."""
        ...


class TruthlessWorld:
    """A world that refuses to tell its truth: honest arms are tested in it."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def start_us(self) -> int:
        """The instant at which the world begins."""
        return self._world.start_us

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that candidates come in."""
        return self._world.types

    def users(self) -> UserColumns:
        """Returns everyone."""
        return self._world.users()

    def candidates(self, start_us: int, end_us: int) -> CandidateColumns:
        """Returns what came up in [start_us, end_us)."""
        return self._world.candidates(start_us, end_us)

    def respond(self, sends: SendColumns, start_us: int, end_us: int) -> EngagementColumns:
        """Lives through one tick."""
        return self._world.respond(sends, start_us, end_us)

    def truth(self) -> Truth:
        """Refuses.

        Raises:
            TruthForbidden: always.
        """
        raise TruthForbidden(
            "got a request for the truth, expected none from an honest arm; use what the arm was sent, "
            "or run an oracle in the bare world"
        )
