"""Some weeks of a simulated app as the log that rankers learn from: every send with what its decision read.

Nothing is left out here, so each send was kept for sure. Messages that do not go through the pool are not in the log:
they are sent whatever a ranker says.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Int64, UInt64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.decision.decide import Verdict
from tactful.decision.policy.explore import BUCKETS
from tactful.decision.request import Request
from tactful.events.registry import Registry
from tactful.features.join import Sends, Touches, kinds_mask
from tactful.features.ranking import RankInputs
from tactful.kernel import at_most_threads
from tactful.simulator.arms.policy import Policy
from tactful.simulator.closed_loop import USERS_PER_THREAD, Explored, Loop
from tactful.simulator.columns import joined, pick
from tactful.simulator.exploration_log import window_us
from tactful.simulator.protocol import TICK_US, EngagementColumns, SendColumns
from tactful.simulator.visits import VIEW
from tactful.training.ranking.log import RankLog

_RANDOM = BUCKETS.index("random_send")
_OF_POOL = ("candidate", "candidate_ids", "present")


def rank_log(explored: Explored, policy: Policy, days: int) -> RankLog:
    """Lives through `days` after an exploration, and returns what was sent and what came of it.

    `explored` is left as it is.

    Args:
        explored: a world and its users' states.
        policy: decides; a share of random sends (`settings.exploration`) is what calibration needs.
        days: UTC days that are logged.
    """
    loop = Loop.after(explored, policy)
    told = _Told()
    tally = loop.tally(days, on_rank=told.ranked)
    sends, seen = [SendColumns.none()], []
    with at_most_threads(1 + loop.users.n // USERS_PER_THREAD):
        for _ in range(days * DAY_US // TICK_US):
            sent, _, did = loop.live(tally)
            sends.append(sent)
            seen.append(pick(did, did.kind != VIEW))
    return told.log(joined(sends), joined(seen), loop.registry, loop.type_of, loop.at_us)


@dataclass(frozen=True)
class _Part:
    """Sends of one call, in the order of `inputs`."""

    inputs: RankInputs
    user: Int64[np.ndarray, " m"]
    at_us: Int64[np.ndarray, " m"]
    candidate: Int64[np.ndarray, " m"]
    random: Bool[np.ndarray, " m"]


class _Told:
    """Notes what each decision to send had read."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def ranked(self, rows: NDArray[np.int64], request: Request, verdict: Verdict) -> None:
        """Keeps the inputs of those that were sent, with the one candidate."""
        i = np.flatnonzero(verdict.sends)
        c = verdict.candidate[i]
        of, here = request.inputs_of(i), np.arange(len(i))
        columns = {f.name: getattr(of, f.name) for f in fields(RankInputs)}
        picked = {name: column[here, c][:, None] if name in _OF_POOL else column for name, column in columns.items()}
        random = verdict.forced[i] & (request.person.bucket[i] == _RANDOM)
        self._parts.append(
            _Part(RankInputs(**picked), rows[i], request.person.now_us[i], request.pool.offset[i, c], random)
        )

    def log(
        self,
        sends: SendColumns,
        seen: EngagementColumns,
        registry: Registry,
        type_of: Int64[np.ndarray, " types"],
        until_us: int,
    ) -> RankLog:
        """Returns the log: both sides hold the same sends, one by (user, instant, candidate), in each its own order."""
        inputs = joined([part.inputs for part in self._parts])
        user, at, candidate, random = (
            np.concatenate([getattr(part, name) for part in self._parts])
            for name in ("user", "at_us", "candidate", "random")
        )
        mine = np.lexsort((candidate, at, user))
        theirs = np.lexsort((sends.candidate, sends.at_us, sends.user))
        kind = type_of[sends.type[theirs]]
        ranked = np.flatnonzero(registry.columns().ranked[kind])
        mine, theirs, kind = mine[ranked], theirs[ranked], kind[ranked]
        sends = pick(sends, theirs)
        rules = [each.engagement for each in registry.types]
        return RankLog(
            inputs=pick(inputs, mine),
            sends=Sends(
                user=sends.user,
                at_us=sends.at_us,
                window_us=np.array([window_us(rule) for rule in rules], dtype=np.int64)[kind],
                kinds=np.array([kinds_mask(rule.kinds) for rule in rules], dtype=np.int64)[kind],
                channel=sends.channel.astype(np.int64),
                decision=_key(sends.decision),
            ),
            random=random[mine],
            logged=np.ones(len(mine)),
            touches=Touches(
                user=seen.user,
                at_us=seen.at_us,
                kind=seen.kind.astype(np.int64),
                channel=seen.channel.astype(np.int64),
                decision=_key(seen.decision),
            ),
            until_us=until_us,
        )


def _key(decision: Int64[np.ndarray, " m"]) -> UInt64[np.ndarray, " m"]:
    """Decision numbers as keys, 0 for none; in the order of the numbers."""
    return (decision + 1).astype(np.uint64)
