"""What a candidate must pass before anything is drawn: rights, caps, gaps, quiet hours, budget; in this order.

Each check blocks (candidate, channel) pairs and names the number and the limit that met. Critical types pass
everything but rights; transactional types pass the budget.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from tactful.clock import MINUTE_US
from tactful.decision.policy import reputation
from tactful.decision.request import Person, Pool, Request, Thresholds
from tactful.decision.rules import Rules
from tactful.events.records import CHANNELS
from tactful.events.type_columns import TypeColumns

_BITS: Final = 1 << np.arange(len(CHANNELS))
_IN_APP: Final = CHANNELS.index("in_app")


@dataclass(frozen=True)
class Check:
    """One test of every pair. `blocked`, `number` and `limit` broadcast to [n, c, h].

    `rights` checks are told as a reason only where they leave nothing at all: a user without e-mail has no
    story to tell at every job. `refuses` marks checks whose candidates are dropped, by setting, instead of held.
    """

    code: str
    blocked: NDArray[np.bool_]
    number: NDArray[Any]
    limit: NDArray[Any]
    rights: bool = False
    refuses: bool = False


def live(pool: Pool) -> Bool[np.ndarray, "n c"]:
    """Returns the places that hold a candidate which may still be told."""
    over = pool.expired | pool.seen | pool.cancelled | pool.absorbed | pool.duplicate
    alive: NDArray[np.bool_] = pool.present & ~over
    return alive


def checks(seed: int, request: Request, types: TypeColumns, rules: Rules, controls: Thresholds) -> list[Check]:
    """Returns all checks in the order in which a candidate meets them."""
    person, pool = request.person, request.pool
    kind = np.where(pool.present, pool.type, 0)
    critical = types.critical[kind][:, :, None]
    ranked = types.ranked[kind][:, :, None]
    return [
        *_rights(person, pool, types, kind, controls.killed),
        *_stopped(kind, controls),
        *_reputation(seed, person, controls.guard, ranked & ~critical),
        *_holdout(person, ranked & ~critical),
        _digest(pool),
        *_hours(person, rules, critical),
        *_caps(person, pool, types, kind, rules, critical),
        *_budget(person, rules, critical, ranked),
    ]


def _rights(person: Person, pool: Pool, types: TypeColumns, kind: NDArray[Any], killed: bool) -> list[Check]:
    undeclared = ((types.channel_mask[:, None] & _BITS) == 0).take(kind, axis=0)
    reachable = ((person.reachable[:, None] & _BITS) != 0)[:, None, :]
    blocked = ((person.blocked[:, None] & _BITS) != 0)[:, None, :]
    n_reachable = reachable.sum(axis=2, keepdims=True)
    return [
        Check("kill_switch", np.full((1, 1, 1), killed), _one(1.0), _one(0.0)),
        Check("type_opted_out", pool.opted_out[:, :, None], _one(1.0), _one(0.0)),
        Check("channel_not_declared", undeclared, _one(0.0), _one(1.0), rights=True),
        Check("unreachable", ~reachable, n_reachable, _one(1.0), rights=True),
        Check("suppressed", blocked, _one(1.0), _one(0.0), rights=True),
    ]


def _stopped(kind: NDArray[Any], controls: Thresholds) -> list[Check]:
    """Kill switches of channels and types; behind the rights, so that they are told of what would have gone only."""
    found = []
    if controls.stopped_channels:
        channels = ((controls.stopped_channels & _BITS) != 0)[None, None, :]
        found.append(Check("channel_stopped", channels, _one(1.0), _one(0.0)))
    if controls.stopped_types:
        types = np.isin(kind, controls.stopped_types)[:, :, None]
        found.append(Check("type_stopped", types, _one(1.0), _one(0.0)))
    return found


def _reputation(seed: int, person: Person, guard: reputation.Guard, bound: NDArray[np.bool_]) -> list[Check]:
    shut = reputation.shut(seed, person.key, person.now_us, person.mailbox, guard)
    if not shut.any():
        return []
    here = (np.arange(len(CHANNELS)), reputation.groups(person.mailbox))
    rate, level = guard.rate[here], guard.level[here]
    return [Check("sender_reputation", shut[:, None, :] & bound, rate[:, None, :], level[:, None, :])]


def _holdout(person: Person, bound: NDArray[np.bool_]) -> list[Check]:
    if not person.held_out.any():
        return []
    return [Check("holdout", _all(person.held_out) & bound, _one(1.0), _one(0.0))]


def _digest(pool: Pool) -> Check:
    few = pool.count < pool.count_needed
    return Check("digest_too_small", few[:, :, None], pool.count[:, :, None], pool.count_needed[:, :, None])


def _hours(person: Person, rules: Rules, critical: NDArray[np.bool_]) -> list[Check]:
    in_session = (person.since_active_us < rules.session_minutes * MINUTE_US)[:, None, None]
    outside_app = (np.arange(len(CHANNELS)) != _IN_APP)[None, None, :]
    if rules.in_session == "ignore":
        in_session = np.zeros_like(in_session)
    return [
        Check(
            "quiet_hours",
            person.quiet[:, None, None] & ~critical,
            person.minute[:, None, None],
            person.quiet_end[:, None, None],
            refuses=rules.in_quiet_hours == "drop",
        ),
        Check(
            "send_window",
            person.closed[:, None, None] & ~critical,
            person.minute[:, None, None],
            person.opens[:, None, None],
        ),
        Check(
            "in_session",
            in_session & outside_app & ~critical,
            (person.since_active_us / MINUTE_US)[:, None, None],
            _one(rules.session_minutes),
        ),
    ]


def _caps(
    person: Person,
    pool: Pool,
    types: TypeColumns,
    kind: NDArray[Any],
    rules: Rules,
    critical: NDArray[np.bool_],
) -> list[Check]:
    refuses = rules.over_cap == "drop"
    since = person.since_send_us / MINUTE_US
    found = [
        Check("gap_minutes", _all(since < rules.gap_minutes), _all(since), _one(rules.gap_minutes)),
        Check("daily_cap", _all(person.sent_day >= rules.daily_cap), _all(person.sent_day), _one(rules.daily_cap),
              refuses=refuses),
    ]  # fmt: skip
    if rules.weekly_cap:
        over = _all(person.sent_week >= rules.weekly_cap)
        found.append(Check("weekly_cap", over, _all(person.sent_week), _one(rules.weekly_cap), refuses=refuses))
    for code, sent, cap in (
        ("type_daily_cap", pool.sent_day, types.daily_cap[kind]),
        ("type_weekly_cap", pool.sent_week, types.weekly_cap[kind]),
    ):
        over = (cap > 0) & (sent >= cap)
        found.append(Check(code, over[:, :, None], sent[:, :, None], cap[:, :, None], refuses=refuses))
    return [Check(c.code, c.blocked & ~critical, c.number, c.limit, refuses=c.refuses) for c in found]


def _budget(person: Person, rules: Rules, critical: NDArray[np.bool_], ranked: NDArray[np.bool_]) -> list[Check]:
    bound = ranked & ~critical
    open_for_exploration = _all(person.exploratory)
    found = [
        Check(
            "weekly_budget",
            _all(person.sent_7d >= person.k) & ~open_for_exploration & bound,
            _all(person.sent_7d),
            _all(person.k),
        ),
        Check(
            "pacing",
            _all(person.sent_plan >= person.quota) & ~open_for_exploration & bound,
            _all(person.sent_plan),
            _all(person.quota),
        ),
    ]
    if rules.cold_user == "hold":
        found.append(Check("cold_user", _all(person.cold) & bound, _one(0.0), _one(1.0)))
    if rules.already_active_today == "hold":
        found.append(Check("active_today", _all(person.active_today) & bound, _one(1.0), _one(0.0)))
    return found


def _all(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, None, None]


@lru_cache(maxsize=64)
def _one(value: float | int) -> NDArray[np.float64]:
    number = np.full((1, 1, 1), float(value))
    number.setflags(write=False)
    return number
