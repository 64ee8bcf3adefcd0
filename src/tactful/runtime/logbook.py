"""Turns what was decided for many users into records: decisions, drops, plans, thresholds, budgets that were drawn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from jaxtyping import Int, UInt64
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import from_us
from tactful.decision.decide import Verdict
from tactful.decision.policy.explore import BUCKETS
from tactful.decision.policy.reputation import Guard
from tactful.decision.reasons import REASONS
from tactful.decision.request import Request, Scores, Thresholds
from tactful.events.records import (
    CHANNELS,
    Action,
    BudgetAssignment,
    Control,
    Decision,
    Option,
    Reason,
    SlotPlan,
    encode,
)
from tactful.features.mailbox import MAILBOXES
from tactful.features.segments import SEGMENTS
from tactful.features.volume import SCHEMA, volume_features
from tactful.models.protocol import SlotScores
from tactful.runtime.control import Epoch
from tactful.runtime.freezing import frozen
from tactful.runtime.settings import Settings
from tactful.runtime.steps import DayPlan, Outcome, PlanRequest
from tactful.stores.protocols import ControlRow

T = TypeVar("T")


@dataclass(frozen=True)
class Names:
    """Texts that arrays refer to by number."""

    user_ids: list[str]
    types: tuple[str, ...]
    arms: tuple[str, ...]
    candidates: Mapping[int, str]
    model_version: str
    policy_version: str


class Logged(msgspec.Struct, frozen=True, gc=False):
    """A decision with the keys that the store files it under."""

    key: int
    user_key: int
    at_us: int
    record: Decision


def decision_keys(
    user: UInt64[np.ndarray, " n"],
    at_us: Int[np.ndarray, " n"],
    candidate: UInt64[np.ndarray, " n"],
    channel: Int[np.ndarray, " n"],
) -> UInt64[np.ndarray, " n"]:
    """Returns the key of each decision: a hash of (user, instant, candidate, channel)."""
    option = draws.bits(0, candidate, channel, "decision option")
    return draws.bits(0, user ^ option, at_us, "decision")


def decision_id(key: int) -> str:
    """Returns the id of a decision's key, 16 hex digits."""
    return f"{key:016x}"


_HOLD: Final = -1
_DROP: Final = -2


def decisions(
    rows: Int[np.ndarray, " n"],
    request: Request,
    scores: Scores,
    outcome: Outcome,
    controls: Thresholds,
    names: Names,
    settings: Settings,
) -> list[Logged]:
    """Returns one decision per rank job, and one drop for each candidate that was closed without being told."""
    verdict, person, pool = outcome.verdict, request.person, request.pool
    here = np.arange(request.n)
    candidate = np.where(verdict.candidate >= 0, pool.key[here, verdict.candidate], 0).astype(np.uint64)
    channel = np.where(verdict.sends, verdict.channel, _HOLD)
    keys = decision_keys(person.key, person.now_us, candidate, channel).tolist()
    options = _options(verdict, scores, pool.key, names)
    user, at_us, instants = person.key.tolist(), person.now_us.tolist(), [from_us(t) for t in person.now_us.tolist()]
    sends, best, where = verdict.sends.tolist(), verdict.candidate.tolist(), verdict.channel.tolist()
    worth, price, p = verdict.utility.tolist(), verdict.threshold.tolist(), verdict.probability.tolist()
    kind = np.where(verdict.candidate >= 0, pool.type[here, verdict.candidate], -1).tolist()
    heads = scores.values[here, verdict.candidate, verdict.channel].tolist()
    bucket, bucket_p = person.bucket.tolist(), person.bucket_probability.tolist()
    segment, arm, turn = person.segment.tolist(), person.arm.tolist(), person.turn.tolist()
    slot, slot_p, left = outcome.slot.tolist(), outcome.slot_probability.tolist(), outcome.budget_left.tolist()
    features = _features(request, scores, verdict)
    reasons = _reasons(verdict)
    full = frozen(request, verdict, settings)
    ids, row = names.candidates, rows.tolist()
    chosen = candidate.tolist()
    made = []
    for i in range(request.n):
        some = best[i] >= 0
        action: Action = "send" if sends[i] else "hold"
        record = Decision(
            decision_id=decision_id(keys[i]),
            user_id=names.user_ids[row[i]],
            at=instants[i],
            action=action,
            channel=CHANNELS[where[i]] if some else None,
            candidate_id=ids[chosen[i]] if some else None,
            type=names.types[kind[i]] if some else None,
            reasons=reasons[i],
            heads=scores.heads,
            scores=tuple(heads[i]) if some else (),
            utility=worth[i] if some else None,
            threshold=price[i] if some else None,
            feasible=options[i],
            bucket=BUCKETS[bucket[i]],
            bucket_probability=bucket_p[i],
            action_probability=p[i],
            slot_probability=slot_p[i],
            arm=names.arms[arm[i]],
            segment=SEGMENTS[segment[i]],
            slot=slot[i],
            turn=turn[i],
            budget_left=left[i],
            features=features[i],
            model_version=names.model_version,
            policy_version=names.policy_version,
            control_version=controls.version,
            snapshot=full.snapshot[i],
            snapshot_place=full.place[i],
            log_probability=full.probability[i],
        )
        made.append(Logged(keys[i], user[i], at_us[i], record))
    made.extend(_drops(rows, request, verdict, controls, names))
    return made


def _drops(
    rows: NDArray[np.int64], request: Request, verdict: Verdict, controls: Thresholds, names: Names
) -> list[Logged]:
    i, c = np.nonzero(verdict.drop_code)
    if not len(i):
        return []
    person, pool = request.person, request.pool
    return drops(
        user_ids=[names.user_ids[r] for r in rows[i].tolist()],
        user=person.key[i],
        at_us=person.now_us[i],
        candidate=pool.key[i, c],
        kind=pool.type[i, c],
        code=verdict.drop_code[i, c],
        number=verdict.drop_number[i, c],
        limit=verdict.drop_limit[i, c],
        turn=person.turn[i],
        arm=person.arm[i],
        control_version=controls.version,
        names=names,
    )


def drops(
    *,
    user_ids: list[str],
    user: NDArray[np.uint64],
    at_us: NDArray[np.int64],
    candidate: NDArray[np.uint64],
    kind: NDArray[np.int64],
    code: NDArray[np.int64],
    number: NDArray[np.float64],
    limit: NDArray[np.float64],
    turn: NDArray[np.int64],
    arm: NDArray[np.int64],
    control_version: int,
    names: Names,
) -> list[Logged]:
    """Returns drop decisions, one for each candidate closed without being told."""
    keys = decision_keys(user, at_us, candidate, np.full(len(user), _DROP))
    made = []
    for j, key in enumerate(keys.tolist()):
        at = int(at_us[j])
        record = Decision(
            decision_id=decision_id(key),
            user_id=user_ids[j],
            at=from_us(at),
            action="drop",
            candidate_id=names.candidates[int(candidate[j])],
            type=names.types[int(kind[j])],
            reasons=(Reason(REASONS[int(code[j])], float(number[j]), float(limit[j])),),
            turn=int(turn[j]),
            arm=names.arms[int(arm[j])],
            policy_version=names.policy_version,
            control_version=control_version,
        )
        made.append(Logged(key, int(user[j]), at, record))
    return made


def _options(verdict: Verdict, scores: Scores, key: NDArray[np.uint64], names: Names) -> list[tuple[Option, ...]]:
    """The feasible set of every job, in pool order."""
    i, c, h = np.nonzero(verdict.feasible)
    flat = map(
        Option,
        [names.candidates[k] for k in key[i, c].tolist()],
        [CHANNELS[channel] for channel in h.tolist()],
        zip(*scores.values[i, c, h].T.tolist(), strict=True),
        verdict.utilities[i, c, h].tolist(),
        verdict.thresholds[i, h].tolist(),
    )
    return _by_row(flat, i, len(key))


def _reasons(verdict: Verdict) -> list[tuple[Reason, ...]]:
    i, r = np.nonzero(verdict.reason_code)
    flat = map(
        Reason,
        [REASONS[code] for code in verdict.reason_code[i, r].tolist()],
        verdict.reason_number[i, r].tolist(),
        verdict.reason_limit[i, r].tolist(),
    )
    return _by_row(flat, i, len(verdict.reason_code))


def _by_row(flat: Iterable[T], row: NDArray[np.int64], n: int) -> list[tuple[T, ...]]:
    """Things in the order of their rows, as one tuple for each of n rows."""
    things, ends = list(flat), np.searchsorted(row, np.arange(n + 1)).tolist()
    return [tuple(things[a:b]) for a, b in pairwise(ends)]


def _features(request: Request, scores: Scores, verdict: Verdict) -> list[dict[str, float]]:
    """What the decision read, frozen: later training joins these, never a second computation.

    `match` and `recency` are those of the candidate at hand, -1 where there is none.
    """
    person, pool = request.person, request.pool
    here, some = np.arange(request.n), verdict.candidate >= 0
    columns: dict[str, list[Any]] = {
        "p_organic": person.p_organic.tolist(),
        "mean_unsubscribe": scores.mean_unsubscribe.tolist(),
        "match": np.where(some, pool.match[here, verdict.candidate], -1.0).tolist(),
        "recency": np.where(some, pool.recency[here, verdict.candidate], -1.0).tolist(),
        "sent_7d": person.sent_7d.astype(np.float64).tolist(),
        "active_today": person.active_today.astype(np.float64).tolist(),
        "k": person.k.astype(np.float64).tolist(),
        "volume_slice": person.volume_slice.astype(np.float64).tolist(),
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def plans(
    rows: Int[np.ndarray, " n"], request: PlanRequest, scores: SlotScores, plan: DayPlan, names: Names
) -> list[SlotPlan]:
    """Returns the plan of each user's local day."""
    jobs, sends = plan.jobs.tolist(), plan.sends.tolist()
    probs, inclusion = scores.profile.tolist(), plan.inclusion.tolist()
    weights, same = scores.weight.tolist(), (scores.weight == scores.profile).all(axis=1).tolist()
    sampled, quota, day = plan.sampled.tolist(), request.quota.tolist(), request.day.tolist()
    segment, at = request.past.segment.tolist(), request.now_us.tolist()
    return [
        SlotPlan(
            user_id=names.user_ids[row],
            at=from_us(at[i]),
            day=day[i],
            quota=quota[i],
            slot_probs=tuple(probs[i]),
            slot_weights=() if same[i] else tuple(weights[i]),
            jobs=tuple(s for s, j in enumerate(jobs[i]) if j),
            sends=tuple(sends[i]),
            inclusion=tuple(inclusion[i]),
            randomised=sampled[i],
            segment=SEGMENTS[segment[i]],
            model_version=names.model_version,
        )
        for i, row in enumerate(rows.tolist())
    ]


def drawn_budgets(
    rows: Int[np.ndarray, " m"],
    request: PlanRequest,
    state: NDArray[Any],
    user_ids: list[str],
) -> list[BudgetAssignment]:
    """Returns the weekly budgets drawn at random that come into force with these plans.

    They carry what was known of each user at that instant, since all that follows is touched by the budget.

    Args:
        rows: whose plans the request is for: positions in the user table.
        request: what the plans read.
        state: the user table; a plan changes none of the features.
        user_ids: by row.
    """
    fresh = np.flatnonzero(request.new_draw)
    if not len(fresh):
        return []
    now = request.now_us[fresh]
    features = volume_features(state[rows[fresh]], now).astype(np.float64)
    return [
        BudgetAssignment(
            assignment_id=f"random:{period}:{user_ids[row]}",
            user_id=user_ids[row],
            period=period,
            k=k,
            randomised=True,
            probability=probability,
            at=from_us(at),
            segment=segment,
            features=tuple(known),
            feature_schema=SCHEMA,
        )
        for row, period, k, probability, at, segment, known in zip(
            rows[fresh].tolist(),
            request.period[fresh].tolist(),
            request.k[fresh].tolist(),
            request.k_probability[fresh].tolist(),
            now.tolist(),
            request.past.segment[fresh].tolist(),
            features.tolist(),
            strict=True,
        )
    ]


def control(epoch: Epoch) -> ControlRow:
    """Returns an epoch's thresholds for the control log, with the counts that they came from.

    `planned` is a list of [UTC hour, arm, segment, sends], the cells that are not 0; `planned_by_hour` reads it.
    `arms` names the arms in the order of all arrays.
    `reputation` is a list of [channel, mailbox group, share of user-days open, rate, level that it met], where not all
    is open.
    """
    prices = epoch.thresholds
    hour, arm, segment = np.nonzero(epoch.planned)
    planned = [
        [*cell, sends]
        for *cell, sends in zip(
            hour.tolist(), arm.tolist(), segment.tolist(), epoch.planned[hour, arm, segment].tolist(), strict=True
        )
    ]
    value = {
        "threshold": prices.mid.ravel().tolist(),
        "low": prices.low.ravel().tolist(),
        "high": prices.high.ravel().tolist(),
        "planned": planned,
        "target_day": epoch.target_day.ravel().tolist(),
        "actual": epoch.actual.ravel().tolist(),
        "saturated": epoch.saturated.ravel().tolist(),
        "shape": list(prices.mid.shape),
        "arms": list(epoch.arms),
        "reputation": _guarded(prices.guard),
    }
    control = Control(version=prices.version, effective_at=from_us(epoch.effective_us), key="thresholds", value=value)
    return ControlRow(prices.version, epoch.effective_us, "thresholds", encode(control))


def _guarded(guard: Guard) -> list[list[str | float]]:
    channel, group = np.nonzero(guard.share < 1.0)
    numbers = np.stack([guard.share, guard.rate, guard.level], axis=2)[channel, group].tolist()
    return [
        [CHANNELS[h], MAILBOXES[p], *row] for h, p, row in zip(channel.tolist(), group.tolist(), numbers, strict=True)
    ]


def planned_by_hour(control: Control) -> NDArray[np.float64]:
    """Returns the planned sends of a UTC day by (hour, arm, segment), from a control with key `thresholds`.

    Segments are those of `features.segments.SEGMENTS`. It is the day whose hour ended an hour before the control takes
    effect; the one written at its midnight, effective at 1:00 of the next, has every plan of that day.
    """
    planned: NDArray[np.float64] = np.zeros((24, *control.value["shape"][:2]))
    for hour, arm, segment, sends in control.value["planned"]:
        planned[hour, arm, segment] = sends
    return planned
