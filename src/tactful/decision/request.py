"""What a decision reads: the users due, their pools, and the controls in force, as arrays.

Dimensions: n users due, c pool places, h channels (order of `records.CHANNELS`), a arms, s segments.
A request holds facts only; `runtime/steps.py` fills it from the user table, at one instant per row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, UInt

from tactful.decision.policy.reputation import Guard
from tactful.features.ranking import RankInputs


@dataclass(frozen=True)
class Person:
    """The users due, one row each; counts exclude the decision at hand.

    `reachable` and `blocked` are channel bitmasks (address and opt-in; suppressed), `mailbox` indexes
    `features.mailbox.MAILBOXES`. `sent_day` and `sent_week`
    are counted in the cap's window, `sent_7d` in the rolling week of the budget, `sent_7d_channel` by channel,
    `sent_plan` since the day was planned, for which `quota` sends were allowed. `turn` counts earlier
    decisions of the user at this very instant.
    `quiet_in_us` is the time until quiet hours begin or the app's send windows close, very long where neither does.
    `closed` tells that no send window is open, `opens` at which local minute the next one does.
    `since_send_us`, `since_active_us` are ages, very large when never. `p_organic` is the chance that she comes
    by herself in the rest of the day. `bucket` indexes `policy.explore.BUCKETS`; `forced_today` tells that a ranked
    message went out this UTC day, so that a forced send is spent; `volume_slice` that her budget is
    randomised and delivered without threshold; `held_out` that she is in the permanent holdout.
    """

    key: UInt[np.ndarray, " n"]
    now_us: Int[np.ndarray, " n"]
    minute: Int[np.ndarray, " n"]
    segment: Int[np.ndarray, " n"]
    arm: Int[np.ndarray, " n"]
    reachable: Int[np.ndarray, " n"]
    mailbox: Int[np.ndarray, " n"]
    blocked: Int[np.ndarray, " n"]
    quiet: Bool[np.ndarray, " n"]
    quiet_end: Int[np.ndarray, " n"]
    quiet_in_us: Int[np.ndarray, " n"]
    closed: Bool[np.ndarray, " n"]
    opens: Int[np.ndarray, " n"]
    sent_day: Int[np.ndarray, " n"]
    sent_week: Int[np.ndarray, " n"]
    sent_7d: Int[np.ndarray, " n"]
    sent_7d_channel: Int[np.ndarray, "n h"]
    sent_plan: Int[np.ndarray, " n"]
    quota: Int[np.ndarray, " n"]
    turn: Int[np.ndarray, " n"]
    since_send_us: Int[np.ndarray, " n"]
    since_active_us: Int[np.ndarray, " n"]
    active_today: Bool[np.ndarray, " n"]
    cold: Bool[np.ndarray, " n"]
    p_organic: Float[np.ndarray, " n"]
    tokens: Float[np.ndarray, " n"]
    k: Int[np.ndarray, " n"]
    exploratory: Bool[np.ndarray, " n"]
    bucket: Int[np.ndarray, " n"]
    bucket_probability: Float[np.ndarray, " n"]
    forced_today: Bool[np.ndarray, " n"]
    volume_slice: Bool[np.ndarray, " n"]
    held_out: Bool[np.ndarray, " n"]
    n_sends: Int[np.ndarray, "n h"]
    n_clicks: Int[np.ndarray, "n h"]


@dataclass(frozen=True)
class Pool:
    """Their pools, in pool order (priority, newest, key); a row's unused places are not `present`.

    `offset` and `log_us` say where the input log has the candidate.
    `count` is how many events the candidate stands for (aggregation), `ready` whether that is enough.
    `tried` is the bitmask of channels it went out on already (`ladder`), `seen` that the person came since.
    `absorbed` entries ride on another of their group; `duplicate` ones are superseded by a newer one.
    """

    present: Bool[np.ndarray, "n c"]
    key: UInt[np.ndarray, "n c"]
    offset: Int[np.ndarray, "n c"]
    log_us: Int[np.ndarray, "n c"]
    expires_us: Int[np.ndarray, "n c"]
    type: Int[np.ndarray, "n c"]
    expired: Bool[np.ndarray, "n c"]
    cancelled: Bool[np.ndarray, "n c"]
    seen: Bool[np.ndarray, "n c"]
    tried: Int[np.ndarray, "n c"]
    absorbed: Bool[np.ndarray, "n c"]
    duplicate: Bool[np.ndarray, "n c"]
    count: Int[np.ndarray, "n c"]
    count_needed: Int[np.ndarray, "n c"]
    opted_out: Bool[np.ndarray, "n c"]
    age_us: Int[np.ndarray, "n c"]
    category: Int[np.ndarray, "n c"]
    quality: Float[np.ndarray, "n c"]
    match: Int[np.ndarray, "n c"]
    recency: Int[np.ndarray, "n c"]
    sent_day: Int[np.ndarray, "n c"]
    sent_week: Int[np.ndarray, "n c"]


@dataclass(frozen=True)
class Request:
    """One rank job for each of n users; `inputs_of` makes what a ranker reads of some of them, for whoever asks.

    A ranker is asked about `most_ranked` candidates of each job at most, of all if that is 0. It need not be asked
    about jobs that are not `open`: nothing can be sent in them, whatever it says; None: of no job is that known.
    """

    person: Person
    pool: Pool
    inputs_of: Callable[[Int[np.ndarray, " m"]], RankInputs]
    most_ranked: int = 0
    open: Bool[np.ndarray, " n"] | None = None

    @property
    def n(self) -> int:
        """How many users are due."""
        return len(self.person.key)

    @cached_property
    def inputs(self) -> RankInputs:
        """What a ranker reads of all the jobs: from before the decision, whenever it is asked for."""
        return self.inputs_of(np.arange(self.n))


@dataclass(frozen=True)
class Scores:
    """What the models said; a decision stores these numbers and a replay reads them back.

    `ranked` says of which places they said something; None: of all. Where nothing could be sent, all may be 0.
    """

    heads: tuple[str, ...]
    values: Float[np.ndarray, "n c h heads"]
    mean_unsubscribe: Float[np.ndarray, " n"]
    ranked: Bool[np.ndarray, "n c"] | None = None


@dataclass(frozen=True)
class Thresholds:
    """The controls in force: c and c jittered down and up, by arm, segment and channel; kill switches; reputation.

    `killed` stops everything, `stopped_channels` (a bitmask) and `stopped_types` (their numbers) a part.
    """

    mid: Float[np.ndarray, "a s h"]
    low: Float[np.ndarray, "a s h"]
    high: Float[np.ndarray, "a s h"]
    killed: bool
    version: int
    guard: Guard = field(default_factory=Guard.open)
    stopped_channels: int = 0
    stopped_types: tuple[int, ...] = ()
