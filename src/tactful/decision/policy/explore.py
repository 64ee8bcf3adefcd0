"""Exploration: what is randomised, by which hash, and the exact probability of everything that was done.

Every draw is a hash of (seed, user, time, purpose). Probabilities are what later estimates divide by, so
each is computed from the same arguments as its draw, next to it. Not here: the sampler of slots
(`timing/send_time.py`), which reports its own inclusion probabilities, and the estimators that will read the
log (`experiments`).
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int, Int8, Int64, UInt8, UInt64
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US
from tactful.decision.policy.channel import Choice
from tactful.errors import InvalidScores, InvalidSettings
from tactful.kernel import kernel

Bucket: TypeAlias = Literal["production", "random_send", "greedy_send", "greedy_no_send"]
BUCKETS: tuple[Bucket, ...] = ("production", "random_send", "greedy_send", "greedy_no_send")
_PRODUCTION, _RANDOM_SEND, _GREEDY_SEND, _GREEDY_NO_SEND = range(4)


class Exploration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is randomised. Shares are 0..1; the buckets' sizes are those that NEP published.

    Attributes:
        random_send: share of user-days on which one random feasible option is sent.
        greedy_send: share of user-days on which the best option is sent at any price.
        greedy_no_send: share of user-days on which nothing is sent.
        jitter: moves the threshold of production jobs by so much in quantile, up or down with equal chance.
        slot_epsilon: share of user-days whose slots are sampled instead of chosen.
        volume_share: share of the users whose weekly budget is drawn at random.
        volume_period_weeks: for how many weeks one such draw holds; eight, because the effect of volume on leaving
            shows slowly.
        volume_choices: the weekly budgets that are drawn from, with equal chance.
        logged_sends: share of the production's sends that are logged with all that a ranker read of them; a tenth, as
            NEP does: what was explored is always logged so.
        full_history: share of the users of whom every decision is logged so, holds too, with the whole pool.

    Raises:
        InvalidSettings: a share outside 0..1, buckets that leave no production, or bad budgets.
    """

    random_send: float = 0.005
    greedy_send: float = 0.0025
    greedy_no_send: float = 0.0025
    jitter: float = 0.05
    slot_epsilon: float = 0.05
    volume_share: float = 0.02
    volume_period_weeks: int = 8
    volume_choices: tuple[int, ...] = (0, 1, 2, 3, 5, 7, 10)
    logged_sends: float = 0.1
    full_history: float = 0.01

    def __post_init__(self) -> None:
        for name in (
            "random_send",
            "greedy_send",
            "greedy_no_send",
            "jitter",
            "slot_epsilon",
            "volume_share",
            "logged_sends",
            "full_history",
        ):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InvalidSettings(f"exploration.{name}: got {value}, expected a share in 0..1")
        if self.shares[_PRODUCTION] <= 0:
            raise InvalidSettings("exploration: the buckets leave nothing for production; lower their shares")
        if self.jitter >= 0.5:
            raise InvalidSettings(f"exploration.jitter: got {self.jitter}, expected less than half a quantile range")
        if self.volume_period_weeks < 1:
            raise InvalidSettings(
                f"exploration.volume_period_weeks: got {self.volume_period_weeks}, expected 1 or more"
            )
        choices = self.volume_choices
        if not choices or len(set(choices)) < len(choices) or not all(0 <= k <= 255 for k in choices):
            raise InvalidSettings(
                f"exploration.volume_choices: got {choices}, expected distinct weekly budgets of 0..255"
            )

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """Probabilities of `BUCKETS`, in their order; they sum to one."""
        forced = self.random_send + self.greedy_send + self.greedy_no_send
        return (1 - forced, self.random_send, self.greedy_send, self.greedy_no_send)


@dataclass(frozen=True, eq=False)
class Action:
    """What is done at each job: an option, or a hold (candidate and channel -1), with its probabilities.

    `high` says which of the two thresholds the job drew. `probability` is the chance of this action given the
    bucket; `by_bucket` the chance that each of `BUCKETS` would have given it: `path_weight` needs all four.
    """

    candidate: Int[np.ndarray, " n"]
    channel: Int[np.ndarray, " n"]
    high: Bool[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]
    by_bucket: Float[np.ndarray, "n b"]


def bucket(
    seed: int,
    user_key: UInt64[np.ndarray, " n"],
    at_us: Int64[np.ndarray, " n"],
    shares: tuple[float, float, float, float],
) -> tuple[Int8[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Returns each user's bucket of the UTC day (an index into `BUCKETS`) and its probability.

    One draw per (user, UTC day): all jobs of a day share it, so that a day without sends is a whole day.
    """
    u = draws.uniform(seed, user_key, at_us // DAY_US, "bucket")
    upper = np.cumsum(shares)
    drawn = np.searchsorted(upper[:-1], u, side="right").astype(np.int8)
    return drawn, np.asarray(shares)[drawn]


def draws_high(seed: int, user_key: UInt64[np.ndarray, " n"], at_us: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Returns whether each job takes the higher of its two thresholds: a fair coin per (user, instant)."""
    return draws.uniform(seed, user_key, at_us, "jitter") >= 0.5


def random_option(
    seed: int,
    user_key: UInt64[np.ndarray, " n"],
    at_us: Int64[np.ndarray, " n"],
    feasible: Bool[np.ndarray, "n c h"],
    order: UInt64[np.ndarray, "n c"],
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Returns a feasible (candidate, channel) of each job, all equally likely; (-1, -1) where there is none.

    The options are counted in the order of `order`, then of the channels: the pool's arrangement never
    matters.
    """
    u = draws.uniform(seed, user_key, at_us, "random send")
    candidate, channel = np.full((2, len(u)), -1)
    _draw_option(feasible, order, u, candidate, channel)
    return candidate, channel


def action_probability(
    candidate: Int[np.ndarray, " n"],
    channel: Int[np.ndarray, " n"],
    low: Choice,
    high: Choice,
    greedy: Choice,
    feasible: Bool[np.ndarray, "n c h"],
    spent: Bool[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, "n 4"]:
    """Returns the exact probability that each of `BUCKETS` gives an action, one column a bucket.

    - production: half for what the low threshold does, half for what the high one does;
    - random send: one over the number of feasible options; a hold is certain if there are none or the day's
      send is spent, else impossible;
    - greedy send: certain for the greedy option; a hold is certain where there is none or the day's send is
      spent;
    - greedy no-send: certain for a hold.

    Args:
        candidate: of the action; -1 for a hold.
        channel: of the action; -1 for a hold.
        low, high: the choices under the lower and the higher threshold (`channel.choose`).
        greedy: the choice that a forced send takes: the best option under the threshold without jitter.
        feasible: the options that the draw was made over.
        spent: whether a forced day has had its one send; never by default. It must follow from what was sent
            today, not from the bucket, since all four columns are chances of one and the same history.
    """
    by_bucket = np.empty((len(candidate), len(BUCKETS)))
    _probabilities(
        candidate, channel, low.candidate, low.channel, low.sends, high.candidate, high.channel, high.sends,
        greedy.candidate, greedy.channel, feasible, _closed(spent, len(candidate)), by_bucket,
    )  # fmt: skip
    return by_bucket


def act(
    seed: int,
    user_key: UInt64[np.ndarray, " n"],
    at_us: Int64[np.ndarray, " n"],
    buckets: Int8[np.ndarray, " n"],
    low: Choice,
    high: Choice,
    greedy: Choice,
    feasible: Bool[np.ndarray, "n c h"],
    order: UInt64[np.ndarray, "n c"],
    spent: Bool[np.ndarray, " n"] | None = None,
) -> Action:
    """Returns the action of each job, drawn from its distribution, with its probabilities.

    Arguments as in `bucket`, `random_option` and `action_probability`.
    """
    rises = draws_high(seed, user_key, at_us)
    drawn = np.flatnonzero(buckets == _RANDOM_SEND)
    random_candidate, random_channel = np.full((2, len(buckets)), -1)
    if len(drawn):
        random_candidate[drawn], random_channel[drawn] = random_option(
            seed, user_key[drawn], at_us[drawn], feasible[drawn], order[drawn]
        )
    closed, holds = _closed(spent, len(buckets)), np.full(len(buckets), -1)
    sends = np.where(rises, high.sends, low.sends)
    candidates = [
        np.where(sends, np.where(rises, high.candidate, low.candidate), -1),
        np.where(closed, -1, random_candidate),
        np.where(closed, -1, greedy.candidate),
        holds,
    ]
    channels = [
        np.where(sends, np.where(rises, high.channel, low.channel), -1),
        np.where(closed, -1, random_channel),
        np.where(closed, -1, greedy.channel),
        holds,
    ]
    candidate, channel = np.choose(buckets, candidates), np.choose(buckets, channels)
    by_bucket = action_probability(candidate, channel, low, high, greedy, feasible, spent)
    probability = by_bucket[np.arange(len(buckets)), buckets]
    return Action(candidate, channel, rises, probability, by_bucket)


def slot_slice(
    seed: int, user_key: UInt64[np.ndarray, " n"], day: Int64[np.ndarray, " n"], epsilon: float
) -> Bool[np.ndarray, " n"]:
    """Returns whether the slots of each user's day are sampled rather than chosen, with chance `epsilon`."""
    return draws.uniform(seed, user_key, day, "slot slice") < epsilon


def volume_slice(
    seed: int,
    user_key: UInt64[np.ndarray, " n"],
    period: Int64[np.ndarray, " n"],
    share: float,
    choices: tuple[int, ...],
) -> tuple[Bool[np.ndarray, " n"], UInt8[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Returns who has a random weekly budget in a period, that budget, and its probability among the choices.

    Outside the slice the budget is 0 and means nothing, and the probability is 1 (nothing was drawn).

    Args:
        seed: the run's seed.
        user_key: user keys.
        period: the number of the period: at_us // (volume_period_weeks * WEEK_US).
        share: chance of being in the slice, 0..1.
        choices: distinct weekly budgets, equally likely.
    """
    inside = draws.uniform(seed, user_key, period, "volume slice") < share
    u = draws.uniform(seed, user_key, period, "volume budget")
    budget = np.asarray(choices, dtype=np.uint8)[(u * len(choices)).astype(np.int64)]
    return inside, np.where(inside, budget, 0).astype(np.uint8), np.where(inside, 1 / len(choices), 1.0)


def path_weight(
    target: Float[np.ndarray, "n t"],
    by_bucket: Float[np.ndarray, "n t b"],
    shares: tuple[float, float, float, float],
) -> Float[np.ndarray, " n"]:
    """Returns the importance weight of each user-day: π(path) / Σ_b P(b) Π_t π_b(a_t | h_t).

    The bucket holds for the whole day, so the jobs of a day are not independent draws: their probabilities
    are multiplied within each bucket and then mixed. The mean of the weights over logged days is one for a
    policy that the log covers.

    Args:
        target: probability that the judged policy gives each action of the day; pad absent jobs with 1.
        by_bucket: `Action.by_bucket` of each job; pad absent jobs with 1.
        shares: probabilities of the buckets on that day.

    Raises:
        InvalidScores: a path that no bucket could have taken.
    """
    logged = by_bucket.prod(axis=1) @ np.asarray(shares)
    if not (logged > 0).all():
        raise InvalidScores(
            f"got a user-day (row {np.flatnonzero(~(logged > 0))[0]}) whose actions have probability 0 in "
            "every bucket, expected one that was drawn; compare the shares and the logged options of that day"
        )
    weight: Float[np.ndarray, " n"] = target.prod(axis=1) / logged
    return weight


@kernel
def _draw_option(
    feasible: NDArray[np.bool_], order: NDArray[np.uint64], u: NDArray[np.float64], candidate: NDArray[Any],
    channel: NDArray[Any],
) -> None:  # fmt: skip
    """Counts each job's options up to the one that was drawn; those without any stay as they are."""
    for r in range(len(u)):
        size = feasible[r].sum()
        left = min(int(u[r] * size), size - 1)
        for c in np.argsort(order[r]):
            for h in range(feasible.shape[2]):
                if feasible[r, c, h]:
                    if left == 0:
                        candidate[r], channel[r] = c, h
                    left -= 1


@kernel
def _probabilities(
    candidate: NDArray[Any], channel: NDArray[Any], low: NDArray[Any], low_channel: NDArray[Any],
    low_sends: NDArray[np.bool_], high: NDArray[Any], high_channel: NDArray[Any], high_sends: NDArray[np.bool_],
    greedy: NDArray[Any], greedy_channel: NDArray[Any], feasible: NDArray[np.bool_], closed: NDArray[np.bool_],
    by_bucket: NDArray[np.float64],
) -> None:  # fmt: skip
    for r in range(len(candidate)):
        c, h = candidate[r], channel[r]
        holds, size = c < 0, 0 if closed[r] else feasible[r].sum()
        does_low = c == low[r] and h == low_channel[r] if low_sends[r] else holds
        does_high = c == high[r] and h == high_channel[r] if high_sends[r] else holds
        forced = greedy[r] >= 0 and not closed[r]
        by_bucket[r, _PRODUCTION] = 0.5 * does_low + 0.5 * does_high
        if holds:
            by_bucket[r, _RANDOM_SEND] = size == 0
        else:
            by_bucket[r, _RANDOM_SEND] = 1 / size if size > 0 and feasible[r, c, h] else 0.0
        by_bucket[r, _GREEDY_SEND] = c == greedy[r] and h == greedy_channel[r] if forced else holds
        by_bucket[r, _GREEDY_NO_SEND] = holds


def _closed(spent: Bool[np.ndarray, " n"] | None, n: int) -> Bool[np.ndarray, " n"]:
    return np.zeros(n, dtype=bool) if spent is None else spent
