"""One rank job, for all users due at once: what may be told, what it is worth, and what is done about it.

The story: rights, caps, gaps and quiet hours leave the feasible options; models' scores give each a utility; the
threshold of the segment and channel is its price; the exploration bucket of the day says whether the price counts.
Nothing after the draw changes the action.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful.decision.candidates.eligibility import Check, checks, live
from tactful.decision.policy import channel, explore, utility
from tactful.decision.request import Request, Scores, Thresholds
from tactful.decision.rules import Rules
from tactful.errors import InvalidScores
from tactful.events.records import CHANNELS
from tactful.events.type_columns import TypeColumns
from tactful.kernel import kernel

FLOOR: Final = -1e6
"""A threshold that everything exceeds: for messages that owe no price."""
MAX_REASONS: Final = 8

REASONS: Final[tuple[str, ...]] = (
    "",
    "empty_pool",
    "kill_switch",
    "type_opted_out",
    "channel_not_declared",
    "unreachable",
    "suppressed",
    "digest_too_small",
    "quiet_hours",
    "send_window",
    "in_session",
    "gap_minutes",
    "daily_cap",
    "weekly_cap",
    "type_daily_cap",
    "type_weekly_cap",
    "weekly_budget",
    "pacing",
    "cold_user",
    "active_today",
    "not_ranked",
    "forced_send_spent",
    "above_threshold",
    "below_threshold",
    "transactional",
    "randomised_volume",
    "no_price",
    "random_send",
    "greedy_send",
    "greedy_no_send",
    "expired",
    "cancelled",
    "superseded",
    "aggregated",
    "pool_full",
    "sender_reputation",
    "holdout",
)
REASON_CODE: Final = {name: code for code, name in enumerate(REASONS)}

_RANDOM, _GREEDY = (explore.BUCKETS.index(b) for b in ("random_send", "greedy_send"))
_BY_BUCKET: Final = np.array([REASON_CODE.get(bucket, 0) for bucket in explore.BUCKETS])
_TRANSACTIONAL, _SLICE, _NO_PRICE, _ABOVE, _BELOW = (
    REASON_CODE[code]
    for code in ("transactional", "randomised_volume", "no_price", "above_threshold", "below_threshold")
)
_BITS: Final = 1 << np.arange(len(CHANNELS))


@dataclass(frozen=True)
class Verdict:
    """What is decided at each job; `reason_*` rows are in the order in which they were met, code 0 ends them.

    `candidate` and `channel` are the sent option, or for a hold the best one that was considered; -1 for none.
    `best` is the largest utility by channel over feasible ranked options, -inf where there is none: what the
    threshold's quantiles are made of. `drop_code` says which pool places are closed without being told, and why.
    """

    sends: Bool[np.ndarray, " n"]
    candidate: Int[np.ndarray, " n"]
    channel: Int[np.ndarray, " n"]
    utility: Float[np.ndarray, " n"]
    threshold: Float[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]
    forced: Bool[np.ndarray, " n"]
    feasible: Bool[np.ndarray, "n c h"]
    utilities: Float[np.ndarray, "n c h"]
    thresholds: Float[np.ndarray, "n h"]
    best: Float[np.ndarray, "n h"]
    reason_code: Int[np.ndarray, "n r"]
    reason_number: Float[np.ndarray, "n r"]
    reason_limit: Float[np.ndarray, "n r"]
    drop_code: Int[np.ndarray, "n c"]
    drop_number: Float[np.ndarray, "n c"]
    drop_limit: Float[np.ndarray, "n c"]


@dataclass(frozen=True, eq=False)
class Options:
    """What rights, caps, gaps and quiet hours leave of each job, with what they told: known before a model is asked.

    `open` tells whether a job has any option at all. `decide` goes on from it and writes into it: it is good for one
    decision.
    """

    feasible: Bool[np.ndarray, "n c h"]
    open: Bool[np.ndarray, " n"]
    notes: "_Notes"
    drops: "_Drops"


def options(seed: int, request: Request, controls: Thresholds, types: TypeColumns, rules: Rules) -> Options:
    """Returns what may be sent in each rank job of the request, before anything is drawn or scored."""
    pool = request.pool
    notes = _Notes(request.n)
    drops = _Drops(pool.present.shape)
    age_hours = pool.age_us / 3.6e9
    drops.add("expired", pool.present & pool.expired & (pool.tried == 0), age_hours)
    drops.add("cancelled", pool.present & pool.cancelled, np.ones(pool.present.shape))
    drops.add("superseded", pool.present & pool.duplicate, age_hours)

    alive = live(pool)
    notes.add("empty_pool", ~_any(alive), np.zeros(request.n), np.ones(request.n))
    channels = request.person.n_sends.shape[1]
    met = checks(seed, request, types, rules, controls)
    return Options(*_feasible(alive, channels, met, notes, drops), notes, drops)


def decide(
    seed: int,
    request: Request,
    scores: Scores,
    controls: Thresholds,
    types: TypeColumns,
    rules: Rules,
    left: Options | None = None,
) -> Verdict:
    """Returns the decision of every rank job in the request.

    Args:
        left: `options` of the same request, if they are known already.

    Raises:
        InvalidScores: an option that may be sent has no finite utility.
    """
    person, pool = request.person, request.pool
    left = left or options(seed, request, controls, types, rules)
    feasible, any_option, notes, drops = left.feasible, left.open, left.notes, left.drops
    kind = np.where(pool.present, pool.type, 0)
    ranked = types.ranked[kind]
    urgent = np.zeros(request.n, dtype=np.bool_)
    _transactional_first(feasible, ranked, urgent)
    if scores.ranked is not None:
        feasible = _only_asked(request, scores.ranked | ~ranked, feasible, notes)
        any_option = _any(feasible)

    worth = _utilities(request, scores, rules)
    _refuse_nan(worth, feasible, pool.type)
    free = urgent | person.volume_slice | (rules.price == "none")
    low, mid, high = (
        np.where(free[:, None], FLOOR, c[person.arm, person.segment])
        for c in (controls.low, controls.mid, controls.high)
    )
    buckets = np.where(urgent | person.volume_slice, 0, person.bucket).astype(np.int8)
    spent = person.forced_today & ((buckets == _RANDOM) | (buckets == _GREEDY))
    notes.add("forced_send_spent", spent & any_option, np.ones(request.n), np.ones(request.n))

    rank = types.channel_rank.take(kind, axis=0)
    tried = (pool.tried[:, :, None] & _BITS) != 0 if rules.channel_mode == "ladder" else None
    at_low = channel.choose(worth, low, feasible, pool.key, rank, rules.channel_mode, tried)
    at_high, greedy = (
        at_low
        if np.array_equal(price, low)
        else channel.choose(worth, price, feasible, pool.key, rank, rules.channel_mode, tried)
        for price in (high, mid)
    )
    action = explore.act(
        seed, person.key, person.now_us, buckets, at_low, at_high, greedy, feasible, pool.key, person.forced_today
    )
    sends = action.candidate >= 0
    candidate = np.where(sends, action.candidate, greedy.candidate)
    where = np.where(sends, action.channel, greedy.channel)
    prices = np.where(action.high[:, None], high, low)
    chosen, price = _at(worth, candidate, where), prices[np.arange(request.n), where]
    _conclude(notes, request, rules, sends, any_option & ~spent, urgent, buckets, chosen, price)
    best = np.full(worth.shape[::2], -np.inf)
    _best_ranked(worth, feasible, ranked, best)
    return Verdict(
        sends=sends,
        candidate=candidate,
        channel=where,
        utility=np.where(candidate >= 0, chosen, np.nan),
        threshold=np.where(candidate >= 0, price, np.nan),
        probability=action.probability,
        forced=sends & ((buckets != 0) | person.volume_slice) & ~urgent,
        feasible=feasible,
        utilities=worth,
        thresholds=prices,
        best=best,
        reason_code=notes.code,
        reason_number=notes.number,
        reason_limit=notes.limit,
        drop_code=drops.code,
        drop_number=drops.number,
        drop_limit=drops.limit,
    )


def _feasible(
    alive: NDArray[np.bool_], channels: int, met: list[Check], notes: "_Notes", drops: "_Drops"
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Applies the checks in order, and returns the options left and who has any.

    What each check removes first is what its reason tells of.
    """
    left = np.repeat(alive[:, :, None], channels, axis=2)
    options_left = np.count_nonzero(alive, axis=1) * channels
    for check in met:
        if not check.blocked.any():
            continue
        number, limit = check.number.astype(np.float64), check.limit.astype(np.float64)
        _remove(
            check.blocked, number, limit, REASON_CODE[check.code], check.rights, check.refuses, left, options_left,
            notes.code, notes.number, notes.limit, notes.used, drops.code, drops.number, drops.limit,
        )  # fmt: skip
    return left, options_left > 0


@kernel
def _remove(
    blocked: NDArray[np.bool_], number: NDArray[np.float64], limit: NDArray[np.float64], code: int, rights: bool,
    refuses: bool, left: NDArray[np.bool_], options_left: NDArray[Any], note_code: NDArray[Any],
    note_number: NDArray[Any], note_limit: NDArray[Any], notes_used: NDArray[Any], drop_code: NDArray[Any],
    drop_number: NDArray[Any], drop_limit: NDArray[Any],
) -> None:  # fmt: skip
    """Takes what a check blocks out of what is left of each job, and notes its reason; a job without options is over.

    A dimension of 1 of `blocked`, `number` and `limit` stands for all jobs, places or channels.
    """
    by_job, by_place, by_channel = blocked.shape[0] > 1, blocked.shape[1] > 1, blocked.shape[2] > 1
    for r in range(left.shape[0]):
        row = r if by_job else 0
        if options_left[r] == 0 or not (by_place or by_channel or blocked[row, 0, 0]):
            continue
        told, why, bound = False, 0.0, 0.0
        for c in range(left.shape[1]):
            place = c if by_place else 0
            if not (by_channel or blocked[row, place, 0]):
                continue
            gone, stays = False, False
            for h in range(left.shape[2]):
                if not left[r, c, h]:
                    continue
                if not blocked[row, place, h if by_channel else 0]:
                    stays = True
                    continue
                left[r, c, h], gone = False, True
                options_left[r] -= 1
                if not told:
                    told, why, bound = True, _of_option(number, r, c, h), _of_option(limit, r, c, h)
            if refuses and gone and not stays and drop_code[r, c] == 0:
                drop_code[r, c], drop_number[r, c], drop_limit[r, c] = code, why, bound
        if told and (options_left[r] == 0 or not rights) and notes_used[r] < note_code.shape[1]:
            last = notes_used[r]
            note_code[r, last], note_number[r, last], note_limit[r, last] = code, why, bound
            notes_used[r] += 1


@kernel
def _of_option(values: NDArray[np.float64], r: int, c: int, h: int) -> float:
    value: float = values[min(r, values.shape[0] - 1), min(c, values.shape[1] - 1), min(h, values.shape[2] - 1)]
    return value


@kernel
def _transactional_first(feasible: NDArray[np.bool_], ranked: NDArray[np.bool_], urgent: NDArray[np.bool_]) -> None:
    """Where a transactional message may go, that is urgent: options of ranked ones are none there."""
    for r in range(feasible.shape[0]):
        for c in range(feasible.shape[1]):
            if not ranked[r, c] and feasible[r, c].any():
                urgent[r] = True
        for c in range(feasible.shape[1]):
            if urgent[r] and ranked[r, c]:
                feasible[r, c, :] = False


def _only_asked(
    request: Request, asked: NDArray[np.bool_], feasible: NDArray[np.bool_], notes: "_Notes"
) -> NDArray[np.bool_]:
    """Leaves out what the ranker was not asked about; transactional messages need no rank."""
    left: NDArray[np.bool_] = feasible & asked[:, :, None]
    number = _per_place(feasible).sum(axis=1).astype(np.float64)
    notes.add("not_ranked", _any(feasible & ~left), number, np.full(request.n, float(request.most_ranked)))
    return left


@kernel
def _best_ranked(
    worth: NDArray[np.float64], feasible: NDArray[np.bool_], ranked: NDArray[np.bool_], best: NDArray[np.float64]
) -> None:
    """The largest utility by channel of what is feasible and ranked; `best` comes as -inf."""
    for r in range(worth.shape[0]):
        for c in range(worth.shape[1]):
            for h in range(worth.shape[2]):
                if feasible[r, c, h] and ranked[r, c] and worth[r, c, h] > best[r, h]:
                    best[r, h] = worth[r, c, h]


def _utilities(request: Request, scores: Scores, rules: Rules) -> NDArray[np.float64]:
    person = request.person
    weights = utility.weight_table(scores.heads, rules.weights, rules.weights_by_segment)
    if rules.utility == "nep":
        return utility.nep(scores.values, weights, person.segment)
    return utility.incremental(
        scores.values,
        scores.heads,
        weights,
        person.segment,
        scores.mean_unsubscribe,
        person.p_organic,
        person.active_today,
        rules.already_active_today,
        rules.further_visit,
    )


def _refuse_nan(worth: NDArray[np.float64], feasible: NDArray[np.bool_], kind: NDArray[np.int64]) -> None:
    """Passes if every feasible option has a finite utility: NaN would lose against any price, and nobody would know."""
    wrong = feasible & ~np.isfinite(worth)
    if wrong.any():
        row, place, where = np.argwhere(wrong)[0].tolist()
        raise InvalidScores(
            f"got the utility {worth[row, place, where]} for {int(wrong.sum())} of {int(feasible.sum())} feasible "
            f"options (first: row {row}, event type {int(kind[row, place])}, {CHANNELS[where]}), expected finite "
            "numbers; put another model in force, and see what it was given"
        )


def _conclude(
    notes: "_Notes",
    request: Request,
    rules: Rules,
    sends: NDArray[np.bool_],
    open_: NDArray[np.bool_],
    urgent: NDArray[np.bool_],
    buckets: NDArray[np.int8],
    chosen: NDArray[np.float64],
    price: NDArray[np.float64],
) -> None:
    """The last reason: what settled it once something was feasible."""
    by_price = np.where(sends, _ABOVE, _BELOW) if rules.price == "threshold" else np.full(request.n, _NO_PRICE)
    code = np.where(buckets == 0, by_price, _BY_BUCKET[buckets])
    code = np.where(urgent, _TRANSACTIONAL, np.where(request.person.volume_slice, _SLICE, code))
    free = (code == _TRANSACTIONAL) | (code == _SLICE) | (code == _NO_PRICE)
    notes.add(code, open_, chosen, np.where(free, 0.0, price))


def _any(pairs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a row has any pair."""
    found: NDArray[np.bool_] = np.logical_or.reduce(pairs.reshape(len(pairs), -1), axis=1)
    return found


def _per_place(pairs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a pool place has any pair."""
    found: NDArray[np.bool_] = np.logical_or.reduce(pairs, axis=2)
    return found


def _at(values: NDArray[Any], candidate: NDArray[Any], where: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values[np.arange(len(values)), candidate, where]
    return found


class _Notes:
    """Reasons of n rows, appended where a mask holds; a row keeps its first `MAX_REASONS`."""

    def __init__(self, n: int) -> None:
        self.code = np.zeros((n, MAX_REASONS), dtype=np.int64)
        self.number = np.zeros((n, MAX_REASONS))
        self.limit = np.zeros((n, MAX_REASONS))
        self.used = np.zeros(n, dtype=np.int64)

    def add(
        self, code: str | NDArray[np.int64], mask: NDArray[np.bool_], number: NDArray[Any], limit: NDArray[Any]
    ) -> None:
        """Appends a reason, the same for all rows or a code for each."""
        rows = np.flatnonzero(mask & (self.used < MAX_REASONS))
        if not len(rows):
            return
        place = (rows, self.used[rows])
        self.code[place] = REASON_CODE[code] if isinstance(code, str) else code[rows]
        self.number[place] = number[rows]
        self.limit[place] = limit[rows]
        self.used[rows] += 1


class _Drops:
    """Pool places to close, with the first reason that closed each."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.code = np.zeros(shape, dtype=np.int64)
        self.number = np.zeros(shape)
        self.limit = np.zeros(shape)

    def add(self, code: str, mask: NDArray[np.bool_], number: NDArray[Any]) -> None:
        """Closes places that were open; `number` has a value for each place of the pool."""
        place = np.nonzero(mask & (self.code == 0))
        self.code[place] = REASON_CODE[code]
        self.number[place] = number[place]
