"""Why this hour: the slots of a planned day, which were shut and which chosen, by what they were worth.

Read off the stored plan and the settings; nothing is foretold again.
"""

from datetime import date, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from tactful.clock import HOUR_US, to_us
from tactful.decision.timing.quiet_hours import quiet_slots, shift_quiet_mass
from tactful.decision.timing.send_windows import open_slots
from tactful.events.records import SlotPlan
from tactful.features.context import Zones
from tactful.runtime.evidence import Evidence
from tactful.runtime.noted_models import ModelName

State = Literal["open", "quiet hours", "send windows", "passed", "skipped by the clock"]

_WORTH: Final = {
    "": "its share of her sessions",
    "active": "the chance that she is active",
    "click": "the chance that she clicks",
    "incremental": "the chance that she clicks and would not have come anyway",
}


class HourOfDay(msgspec.Struct, frozen=True, kw_only=True):
    """A slot of the day: her share of activity, its worth to the plan (with what quiet hours moved there), whether it
    was open when the plan was made, and whether a job runs in it, with which inclusion probability."""

    slot: int
    share: float
    worth: float
    state: State
    job: bool
    sends: int
    probability: float


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a day, and the decision's place in it.

    `now` is the slot of the decision, None where it fell on another day; `rank` its place among the open slots by
    worth, 1 the best, None if it was shut. `sentences` say the same in words.
    """

    quota: int
    sampled: bool
    model: ModelName | None
    hours: tuple[HourOfDay, ...]
    now: int | None
    rank: int | None
    sentences: tuple[str, ...]


def hours_of(evidence: Evidence) -> Hours | None:
    """Returns the day's slots at the decision at hand; None where there is no plan."""
    plan = evidence.plan
    if plan is None:
        return None
    hours, now = _hours(plan, evidence), _now(plan, evidence)
    open_worth = [hour.worth for hour in hours if hour.state == "open"]
    rank = None
    if now is not None and hours[now].state == "open":
        rank = 1 + sum(worth > hours[now].worth for worth in open_worth)
    sentences = [_foretold(evidence.slot_model, plan)]
    if now is not None:
        sentences.append(_why(hours[now], rank, len(open_worth), plan))
    shut = _shut(hours)
    return Hours(
        quota=plan.quota,
        sampled=plan.randomised,
        model=evidence.slot_model,
        hours=hours,
        now=now,
        rank=rank,
        sentences=(*sentences, *([shut] if shut else [])),
    )


def _hours(plan: SlotPlan, evidence: Evidence) -> tuple[HourOfDay, ...]:
    states = _states(plan, evidence)
    weight = np.array([plan.slot_weights or plan.slot_probs])
    allowed = np.array([[state == "open" for state in states]])
    worth = shift_quiet_mass(weight, allowed, evidence.settings.rules.best_time_in_quiet_hours)[0].tolist()
    return tuple(
        HourOfDay(
            slot=slot,
            share=share,
            worth=worth[slot],
            state=states[slot],
            job=slot in plan.jobs,
            sends=plan.sends[slot],
            probability=plan.inclusion[slot],
        )
        for slot, share in enumerate(plan.slot_probs)
    )


def _states(plan: SlotPlan, evidence: Evidence) -> list[State]:
    """Whether each slot was open when the plan was made, or what shut it."""
    rules, n = evidence.settings.rules, len(plan.slot_probs)
    own = evidence.profile.quiet_hours if evidence.profile else None
    start, end = (own.start_minute, own.end_minute) if own else (rules.quiet_start_minute, rules.quiet_end_minute)
    quiet = quiet_slots(np.array([start]), np.array([end]), n)[0].tolist()
    windows = open_slots(rules.send_windows, n).tolist()
    begins, exists = Zones.of((evidence.timezone,)).slots_of_days(np.zeros(1, dtype=np.int64), np.array([plan.day]), n)
    passed = (begins[0] <= to_us(plan.at) - HOUR_US).tolist()
    found: list[State] = []
    for slot in range(n):
        if not exists[0, slot]:
            found.append("skipped by the clock")
        elif quiet[slot]:
            found.append("quiet hours")
        elif not windows[slot]:
            found.append("send windows")
        else:
            found.append("passed" if passed[slot] else "open")
    return found


def _now(plan: SlotPlan, evidence: Evidence) -> int | None:
    decision = evidence.decision
    if decision is None or decision.slot < 0:
        return None
    local = decision.at.astimezone(ZoneInfo(evidence.timezone)).date()
    return decision.slot if local == date(1970, 1, 1) + timedelta(days=plan.day) else None


def _foretold(model: ModelName | None, plan: SlotPlan) -> str:
    if model is None:
        return f"Foretold by models {plan.model_version}, of which no names are on record."
    return f"Foretold by {model.name}, version {model.version}: an hour is worth {_WORTH[model.objective]}."


def _why(hour: HourOfDay, rank: int | None, n_open: int, plan: SlotPlan) -> str:
    """Why a job ran in the hour of the decision."""
    name = f"{hour.slot:02d}:00"
    if rank is None:
        return f"{name} was shut ({hour.state}): what was decided there waits for no slot."
    place = f"worth {hour.worth:.4f}, rank {rank} of {n_open} open hours"
    if not hour.job:
        return f"{name} was not chosen ({place}): what was decided there waits for no slot."
    if plan.randomised:
        return f"{name} was drawn for exploration with probability {hour.probability:.3f} ({place})."
    return f"{name} was chosen: {place}; the best {len(plan.jobs)} have a job."


def _shut(hours: tuple[HourOfDay, ...]) -> str:
    """Which hours were shut, by what."""
    found: dict[str, list[int]] = {}
    for hour in hours:
        if hour.state != "open":
            found.setdefault(hour.state, []).append(hour.slot)
    told = [f"{_spans(slots, len(hours))} ({state})" for state, slots in found.items()]
    return f"Shut: {', '.join(told)}." if told else ""


def _spans(slots: list[int], n: int) -> str:
    """Slots as spans of the clock, around midnight too.

    >>> _spans([0, 1, 22, 23], 24), _spans([3, 5, 6], 24)
    ('22:00-02:00', '03:00-04:00, 05:00-07:00')
    """
    if len(slots) == n:
        return "the whole day"
    spans = []
    for start in (slot for slot in slots if (slot - 1) % n not in slots):
        length = next(step for step in range(1, n + 1) if (start + step) % n not in slots)
        spans.append(f"{start:02d}:00-{(start + length) % n:02d}:00")
    return ", ".join(spans)
