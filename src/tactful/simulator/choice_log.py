"""Some weeks of a simulated app in which a coin decides by user and day: the best message, a random one, or silence.

What learns the worth of a send from here needs no model of who used to be told: it compares people like each other
whom the coin told apart. One row is a choice, the first job of a user's UTC day at which something could be sent.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int8, Int64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.decision.candidates.eligibility import live
from tactful.decision.decide import Verdict
from tactful.decision.policy.explore import BUCKETS, Exploration
from tactful.decision.request import Request
from tactful.decision.rules import Rules
from tactful.events.records import KINDS
from tactful.features.history import N_CHANNELS
from tactful.features.ranking import USER, USER_IDS
from tactful.kernel import at_most_threads
from tactful.runtime.settings import Settings, Volume
from tactful.simulator.arms.policy import Policy
from tactful.simulator.closed_loop import USERS_PER_THREAD, Explored, Loop
from tactful.simulator.columns import joined, pick
from tactful.simulator.protocol import TICK_US, EngagementColumns
from tactful.simulator.visits import SESSION

RANDOM, GREEDY, SILENT = (BUCKETS.index(name) for name in ("random_send", "greedy_send", "greedy_no_send"))
BY_COIN: Final = Exploration(
    random_send=0.2, greedy_send=0.2, greedy_no_send=0.59, jitter=0.0, slot_epsilon=0.5, volume_share=0.0
)
"""About as many messages as the arms send; one day in a hundred is left, as there must be some, and not learned from.
Half of the days have jobs at hours drawn by lot, so that hours are told apart from people."""
CLICKS_ONLY: Final = {"click": 1.0, "unsubscribe": 0.0}
"""Weights under which the best message is the one that is clicked most."""
_NEVER: Final = int(np.iinfo(np.int64).max)
LEAVES: Final = (KINDS.index("unsubscribe"), KINDS.index("disable"))

STATE: Final[tuple[str, ...]] = (*USER, "hour_sin", "hour_cos", "weekend", "best_click")
"""What is known at a job, about 0..1: of the person and the hour, and the click probability of her best message."""


@dataclass(frozen=True)
class Choices:
    """m choices by (user, instant), and what everybody did.

    Attributes:
        user: row of the world.
        at_us: when the choice was made.
        state: columns of `STATE`.
        bucket: what the coin said, an index into `explore.BUCKETS`; its chance stands in `BY_COIN`.
        sent: event type of the message that went out, an index into the registry; -1 for silence.
        eligible: share of the options (candidate x channel) that each event type had: the chance of a random send.
        e_user, e_at_us, e_kind: sessions, and channels closed, by (user, instant).
        reach: how many channels each user of the world had open at the first instant.
        until_us: where the log ends.
    """

    user: Int64[np.ndarray, " m"]
    at_us: Int64[np.ndarray, " m"]
    state: Float32[np.ndarray, "m f"]
    bucket: Int8[np.ndarray, " m"]
    sent: Int64[np.ndarray, " m"]
    eligible: Float32[np.ndarray, "m types"]
    e_user: Int64[np.ndarray, " e"]
    e_at_us: Int64[np.ndarray, " e"]
    e_kind: Int8[np.ndarray, " e"]
    reach: Int64[np.ndarray, " n"]
    until_us: int


def states(request: Request, click: Float[np.ndarray, "n c h"]) -> Float32[np.ndarray, "n f"]:
    """Returns the columns of `STATE` of every job; `click` are the click probabilities of the options."""
    hour, weekday = (request.inputs.user_ids[:, list(USER_IDS).index(name)] for name in ("hour", "weekday"))
    turn = hour * (2.0 * np.pi / 24.0)
    best = np.where(reached(request), click, 0.0).max(axis=(1, 2), initial=0.0)
    of_job = np.stack([np.sin(turn), np.cos(turn), weekday >= 5, best], axis=1).astype(np.float32)
    return np.concatenate([request.inputs.user, of_job], axis=1)


def reached(request: Request) -> Bool[np.ndarray, "n c h"]:
    """Returns which options of each job are open candidates on open channels, whatever caps say."""
    channels = (request.person.reachable & ~request.person.blocked)[:, None] & (1 << np.arange(N_CHANNELS))
    options: Bool[np.ndarray, "n c h"] = live(request.pool)[:, :, None] & (channels != 0)[:, None, :]
    return options


def by_coin(policy: Policy, ranked: int = 0) -> Policy:
    """Returns the policy with the coin in the place of its price; its best message is the one clicked most.

    Args:
        policy: says when jobs run, and who ranks.
        ranked: candidates of a job that the ranker scores, all if 0.
    """
    settings = Settings(
        seed=policy.settings.seed,
        rules=Rules(price="none", utility="nep", weights=CLICKS_ONLY, candidates_ranked=ranked),
        exploration=BY_COIN,
        volume=Volume(per_user_per_week=7.0, headroom=0.0),
        timing=policy.settings.timing,
    )
    return Policy(settings, policy.scorer, waits_for_slot=policy.waits_for_slot)


def choice_log(explored: Explored, policy: Policy, days: int) -> Choices:
    """Lives through `days` after an exploration and returns the choices; `explored` is left as it is.

    Args:
        explored: a world that is not scored.
        policy: of `by_coin`.
        days: UTC days that are logged.
    """
    loop = Loop.after(explored, policy)
    state = loop.population.table.rows
    reach = np.bitwise_count(state["addresses"] & state["opt_in"] & ~state["blocked"]).astype(np.int64)
    chosen = _Chosen(len(loop.registry.types), loop.registry.columns().ranked)
    tally, seen = loop.tally(days, on_rank=chosen.ranked), []
    with at_most_threads(1 + loop.users.n // USERS_PER_THREAD):
        for _ in range(days * DAY_US // TICK_US):
            *_, did = loop.live(tally)
            seen.append(pick(did, np.isin(did.kind, (SESSION, *LEAVES))))
    return chosen.log(joined(seen), reach, loop.at_us)


def next_at(
    choices: Choices, which: Bool[np.ndarray, " e"], after_us: Int64[np.ndarray, " m"]
) -> Int64[np.ndarray, " m"]:
    """Returns the instant of each chooser's first engagement among `which` after an instant; very late without one."""
    user, at = choices.e_user[which], choices.e_at_us[which]
    if not len(user):
        return np.full(len(after_us), _NEVER)
    first = int(min(at.min(), after_us.min(initial=choices.until_us)))
    span = int(max(choices.until_us, after_us.max(initial=0))) - first + 1
    place = np.searchsorted(user * span + (at - first), choices.user * span + (after_us - first), side="right")
    there = np.minimum(place, len(user) - 1)
    found: NDArray[np.int64] = np.where((place < len(user)) & (user[there] == choices.user), at[there], _NEVER)
    return found


class _Chosen:
    """Notes jobs at which something could be sent, with what was known and done."""

    def __init__(self, n_types: int, ranked: Bool[np.ndarray, " types"]) -> None:
        self._types, self._pooled = np.arange(n_types), ranked
        self._parts: list[tuple[NDArray[np.generic], ...]] = []

    def ranked(self, rows: NDArray[np.int64], request: Request, verdict: Verdict) -> None:
        """Keeps the jobs that could be a user's choice of the day: no ranked message has gone out on it yet."""
        of_pool = self._pooled[np.where(request.pool.present, request.pool.type, 0)]
        free = (verdict.feasible & of_pool[:, :, None]).any(axis=(1, 2)) & ~request.person.forced_today
        i = np.flatnonzero(free & (request.person.bucket > 0))
        kind, options = request.pool.type[i], verdict.feasible[i].sum(axis=2)
        eligible = ((kind[:, :, None] == self._types) * options[:, :, None]).sum(axis=1)
        sent = np.where(verdict.sends[i], kind[np.arange(len(i)), verdict.candidate[i]], -1)
        self._parts.append(
            (
                rows[i],
                request.person.now_us[i],
                states(request, verdict.utilities)[i],
                request.person.bucket[i].astype(np.int8),
                sent.astype(np.int64),
                (eligible / options.sum(axis=1, keepdims=True)).astype(np.float32),
            )
        )

    def log(self, seen: EngagementColumns, reach: Int64[np.ndarray, " n"], until_us: int) -> Choices:
        """Returns the first of each user and UTC day, and what was done in all."""
        user, at, state, bucket, sent, eligible = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        order = np.lexsort((at, user))
        day = at[order] // DAY_US
        new = np.append(True, (user[order][1:] != user[order][:-1]) | (day[1:] != day[:-1]))
        first, by_user = order[new], np.lexsort((seen.at_us, seen.user))
        return Choices(
            user=user[first],
            at_us=at[first],
            state=state[first],
            bucket=bucket[first],
            sent=sent[first],
            eligible=eligible[first],
            e_user=seen.user[by_user],
            e_at_us=seen.at_us[by_user],
            e_kind=seen.kind[by_user],
            reach=reach,
            until_us=until_us,
        )
