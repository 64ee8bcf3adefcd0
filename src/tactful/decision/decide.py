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

from tactful.decision.candidates.eligibility import checks, live
from tactful.decision.candidates.feasible import feasible_options
from tactful.decision.policy import channel, explore, utility
from tactful.decision.reasons import REASON_CODE, Drops, Notes
from tactful.decision.request import Request, Scores, Thresholds
from tactful.decision.rules import Rules
from tactful.errors import InvalidScores
from tactful.events.records import CHANNELS
from tactful.events.type_columns import TypeColumns
from tactful.kernel import kernel

FLOOR: Final = -1e6
"""A threshold that everything exceeds: for messages that owe no price."""
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
    notes: Notes
    drops: Drops


def options(seed: int, request: Request, controls: Thresholds, types: TypeColumns, rules: Rules) -> Options:
    """Returns what may be sent in each rank job of the request, before anything is drawn or scored."""
    pool = request.pool
    notes = Notes(request.n)
    drops = Drops(pool.present.shape)
    age_hours = pool.age_us / 3.6e9
    drops.add("expired", pool.present & pool.expired & (pool.tried == 0), age_hours)
    drops.add("cancelled", pool.present & pool.cancelled, np.ones(pool.present.shape))
    drops.add("superseded", pool.present & pool.duplicate, age_hours)

    alive = live(pool)
    notes.add("empty_pool", ~_any(alive), np.zeros(request.n), np.ones(request.n))
    channels = request.person.n_sends.shape[1]
    met = checks(seed, request, types, rules, controls)
    return Options(*feasible_options(alive, channels, met, notes, drops), notes, drops)


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
    request: Request, asked: NDArray[np.bool_], feasible: NDArray[np.bool_], notes: Notes
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
    notes: Notes,
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
