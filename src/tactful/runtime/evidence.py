"""What a store knows of one user at an instant: the decision, the plan, the profile and the candidates behind it.

Only reads; the store may be open read-only. `explaining.py` makes sentences of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from tactful import draws
from tactful.clock import DAY_US, from_us, to_us
from tactful.errors import UnknownUser
from tactful.events.records import Cancel, Candidate, Decision, SlotPlan, User, UserInput, decode
from tactful.events.registry import Registry
from tactful.runtime import event_types
from tactful.runtime.budget_origin import BudgetOrigin, budget_origin
from tactful.runtime.experiments_in_force import settings_in
from tactful.runtime.noted_models import ModelName, noted
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

_ALWAYS_US: Final = 2**62
_READ_AT_ONCE: Final = 50_000
_NEAREST: Final = 3
_PLANNED_US: Final = 3 * DAY_US
"""Everybody is planned once a day: older plans are looked through only where none is younger."""


@dataclass(frozen=True)
class Evidence:
    """All that an explanation rests on.

    `at` is the instant of the decision, without one that asked for; `decided_until` is how far the engine has come.
    `drops` are the candidates closed at the decision's instant, `waiting` those open at `at`. `origin` tells where the
    budget in force comes from; None before the first plan of a day. `spent` counts the sends of that plan's quota,
    `slot_model` names who foretold it.
    """

    user_id: str
    at: datetime
    first_seen: datetime
    decided_until: datetime | None
    profile: User | None
    decision: Decision | None
    drops: tuple[Decision, ...]
    plan: SlotPlan | None
    waiting: tuple[Candidate, ...]
    settings: Settings
    registry: Registry
    origin: BudgetOrigin | None = None
    spent: int = 0
    slot_model: ModelName | None = None

    @property
    def timezone(self) -> str:
        """The user's zone; UTC until a profile says otherwise."""
        return self.profile.timezone if self.profile else "UTC"

    @property
    def quota_is_used_up(self) -> bool:
        """Whether the day's plan leaves nothing of the weekly budget, so that no job runs."""
        return self.plan is not None and self.plan.quota <= self.spent

    def expires(self, candidate: Candidate) -> datetime:
        """Returns when a candidate is not worth telling any more."""
        lifetime = self.registry.types[self.registry.index(candidate.type)].lifetime
        return candidate.expires_at or candidate.created_at + lifetime


def gather(
    store: Store, settings: Settings, user_id: str, at: datetime | None = None, decision_id: str | None = None
) -> Evidence:
    """Returns what is known of a user at an instant (the latest by default), or at one decision.

    An instant leads to the latest decision before it; but where the plan of its day has no quota and nothing was
    decided since, it stands for itself.

    Raises:
        UnknownUser: nothing of the user was ever accepted, or the decision is not the user's.
    """
    key = draws.key(user_id)
    inputs = store.inputs_of(key, 0, _ALWAYS_US)
    if not inputs:
        raise UnknownUser(_nobody(store, user_id))
    committed = int(store.load_meta("committed") or b"-1")
    until_us = to_us(at) if at else max(committed, inputs[-1].log_ts_us)
    decisions = _decisions(store, key, until_us)
    decision = _named(store, user_id, decision_id) if decision_id else _latest(decisions)
    if at and decision and not decision_id and _silent_day(_plan(store, key, until_us), decision):
        decision = None
    if decision:
        until_us = to_us(decision.at)
    records = [(i.log_ts_us, decode(i.data)) for i in inputs if i.log_ts_us <= until_us]
    told = {d.candidate_id for d in decisions if d.action != "hold" and to_us(d.at) <= until_us}
    profiles = [r for _, r in records if isinstance(r, User)]
    plan = _plan(store, key, until_us)
    weeks = settings.exploration.volume_period_weeks
    registry = event_types.by_now(store, settings)
    evidence = Evidence(
        user_id=user_id,
        at=from_us(until_us),
        first_seen=from_us(inputs[0].log_ts_us),
        decided_until=from_us(committed) if committed >= 0 else None,
        profile=profiles[-1] if profiles else None,
        decision=decision,
        drops=tuple(d for d in decisions if decision and d.at == decision.at and d.action == "drop" and d != decision),
        plan=plan,
        waiting=tuple(r for _, r in records if isinstance(r, Candidate) and r.candidate_id not in told),
        settings=settings_in(store, settings, decision.arm) if decision else settings,
        registry=registry,
        origin=budget_origin(store, key, inputs, to_us(plan.at), weeks) if plan else None,
        spent=_spent(plan, decisions, until_us, settings, registry) if plan else 0,
        slot_model=noted(store, plan.model_version) if plan else None,
    )
    return _without_dead(evidence, [r for _, r in records if isinstance(r, Cancel)])


def _decisions(store: Store, user_key: int, until_us: int) -> list[Decision]:
    rows = store.decisions_of(user_key, 0, until_us + 1)
    return [d for d in (decode(row.data) for row in rows) if isinstance(d, Decision)]


def _latest(decisions: list[Decision]) -> Decision | None:
    """The last decision; at one instant a job's own outcome stands before the candidates that it dropped."""
    return max(decisions, key=lambda d: (d.at, d.action != "drop", d.turn), default=None)


def _plan(store: Store, user_key: int, until_us: int) -> SlotPlan | None:
    """The plan in force at an instant; it is one of the last days, unless the engine stood still."""
    for since_us in (max(0, until_us - _PLANNED_US), 0):
        plans = [decode(row.data) for row in store.plans_of(user_key, since_us, until_us + 1)]
        if plans and isinstance(plans[-1], SlotPlan):
            return plans[-1]
    return None


def _silent_day(plan: SlotPlan | None, decision: Decision) -> bool:
    """Whether a plan without quota was made since the decision."""
    return plan is not None and plan.quota == 0 and plan.at > decision.at


def _spent(plan: SlotPlan, decisions: list[Decision], until_us: int, settings: Settings, registry: Registry) -> int:
    """Sends since the plan that count to its quota."""
    types, every = registry.columns(), settings.volume.counts == "all"
    counts = {name for i, name in enumerate(registry.names) if every or (types.ranked[i] and not types.critical[i])}
    sent = [d for d in decisions if d.action == "send" and d.type in counts]
    return sum(plan.at < d.at and to_us(d.at) <= until_us for d in sent)


def _named(store: Store, user_id: str, decision_id: str) -> Decision:
    try:
        row = store.decision(int(decision_id, 16))
    except ValueError:
        row = None
    decision = decode(row.data) if row else None
    if not isinstance(decision, Decision) or decision.user_id != user_id:
        raise UnknownUser(
            f"got decision {decision_id!r}, which is none of user {user_id!r}; expected the 16 hex digits of one; "
            "leave --decision out to see the latest"
        )
    return decision


def _without_dead(evidence: Evidence, cancels: list[Cancel]) -> Evidence:
    """The same evidence whose waiting candidates are neither expired nor cancelled."""
    ids = {c.candidate_id for c in cancels if c.candidate_id}
    groups = {c.cancel_key for c in cancels if c.cancel_key}
    open_ = tuple(
        c
        for c in evidence.waiting
        if evidence.expires(c) > evidence.at and c.candidate_id not in ids and c.cancel_key not in groups
    )
    return Evidence(**{**vars(evidence), "waiting": open_})


def _nobody(store: Store, user_id: str) -> str:
    near = get_close_matches(user_id, _known_users(store), n=_NEAREST, cutoff=0.5)
    hint = f"; the nearest known ids are {', '.join(map(repr, near))}" if near else ""
    return f"got user {user_id!r}, of whom this store holds nothing{hint}; check the id and the store"


def _known_users(store: Store) -> set[str]:
    saved = {user_id for user_id, _ in store.load_states()}
    return saved or set(_users_of_log(store))


def _users_of_log(store: Store) -> Iterator[str]:
    """The users of a log whose states were never saved."""
    offset = -1
    while part := store.read(offset, _READ_AT_ONCE):
        offset = part[-1].offset
        for logged in part:
            record = decode(logged.data)
            if isinstance(record, UserInput):
                yield record.user_id
