"""Explains a decision, or why there is none: a sentence, a trace, and what would have changed it.

Pure: what the store knows comes in as `Evidence`, the words of every reason stand in `reasons.py`. Nothing is
stored, and nothing is scored again: all numbers are those that the decision had on record.
"""

from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from tactful.events.records import Candidate, Decision, Reason, SlotPlan
from tactful.runtime.budget_origin import BudgetOrigin
from tactful.runtime.budget_origin import told as origin_told
from tactful.runtime.evidence import Evidence
from tactful.runtime.explaining_hours import Hours, hours_of
from tactful.runtime.explaining_objective import Objective, objective, weights
from tactful.runtime.reasons import WORDS, said, shown

Outcome = Literal["passed", "narrowed", "blocked"]

_WAITS_FOR_QUOTA: Final = ("pacing", "weekly_budget")
_VERB: Final = {"send": "Sent", "hold": "Held", "drop": "Dropped"}


class Step(msgspec.Struct, frozen=True):
    """One reason of the trace, in the order in which it was met.

    `narrowed` took some options away and left others; `blocked` left none; `passed` settled a send.
    """

    code: str
    label: str
    number: str
    limit: str
    outcome: Outcome
    sentence: str


class Budget(msgspec.Struct, frozen=True):
    """The user's weekly budget `k`, what was sent in the 7 days before, the pacer's tokens left, and where k is from.

    `source` is `origin` in words.
    """

    k: float
    sent_7d: float
    tokens: float
    origin: BudgetOrigin | None = None
    source: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a user at an instant; `decision` is None where nothing was decided.

    `changes` says for each reason, in the order of the trace, the least that would have changed the outcome;
    `also` what became of other candidates at the same instant. `objective` tells the weights behind its
    utility, where segments have different ones.
    """

    user_id: str
    timezone: str
    at: datetime
    sentence: str
    decision: Decision | None
    trace: tuple[Step, ...]
    changes: tuple[str, ...]
    also: tuple[str, ...]
    budget: Budget | None
    objective: Objective | None
    plan: SlotPlan | None
    hours: Hours | None
    next_opportunity: str


def explain(evidence: Evidence) -> Explanation:
    """Returns the explanation of the decision at hand, or of why there is none."""
    decision = evidence.decision
    if decision is None:
        sentence, change = _silence(evidence)
        trace: tuple[Step, ...] = ()
        changes: tuple[str, ...] = (change,)
    else:
        sentence, trace, changes = _told(decision, evidence), steps(decision), _changes(decision, evidence)
    return Explanation(
        user_id=evidence.user_id,
        timezone=evidence.timezone,
        at=evidence.at,
        sentence=sentence,
        decision=decision,
        trace=trace,
        changes=changes,
        also=tuple(_told(drop, evidence) for drop in evidence.drops),
        budget=_budget(decision, evidence),
        objective=objective(decision, evidence.settings.rules) if decision else None,
        plan=evidence.plan,
        hours=hours_of(evidence),
        next_opportunity=_next(evidence),
    )


def steps(decision: Decision) -> tuple[Step, ...]:
    """Returns the trace of a decision."""
    return tuple(
        Step(
            code=reason.code,
            label=WORDS[reason.code].label,
            number=_figure(reason.number, reason),
            limit=_figure(reason.limit, reason),
            outcome=outcome(reason, decision),
            sentence=said(WORDS[reason.code].sentence, reason, decision),
        )
        for reason in decision.reasons
    )


def outcome(reason: Reason, decision: Decision) -> Outcome:
    """Returns what a reason did to the options of its job."""
    words = WORDS[reason.code]
    if words.passes:
        return "passed"
    return "narrowed" if words.narrows and decision.feasible else "blocked"


def change(reason: Reason, decision: Decision) -> str:
    """Returns the least change of the number or the setting that lifts a reason."""
    return said(WORDS[reason.code].change, reason, decision)


def click_needed(decision: Decision, evidence: Evidence) -> float | None:
    """Returns the click probability at which the utility would meet the threshold, None if there is none in 0..1.

    Utility is linear in it: the slope is the click's weight, times what is left of its worth where utility is
    incremental (1 - p_organic, and the discount of a day that is active already).
    """
    rules = evidence.settings.rules
    if decision.utility is None or decision.threshold is None or "click" not in decision.heads:
        return None
    slope = weights(decision, rules)["click"]
    if rules.utility == "incremental":
        slope *= 1.0 - decision.features.get("p_organic", 0.0)
        if decision.features.get("active_today") and rules.already_active_today == "discount":
            slope *= rules.further_visit
    if slope <= 0.0:
        return None
    p = decision.scores[decision.heads.index("click")] + (decision.threshold - decision.utility) / slope
    return p if 0.0 <= p <= 1.0 else None


def _figure(value: float, reason: Reason) -> str:
    """A number of the trace; ages have no limit, and rights no number."""
    unit = WORDS[reason.code].unit
    return "" if unit == "none" or (unit == "hours" and value == 0.0) else shown(value, unit)


# --- sentences ------------------------------------------------------------------------------------------------


def _told(decision: Decision, evidence: Evidence) -> str:
    """One sentence: what was done, and the reason that settled it."""
    what = f"{decision.type} {decision.candidate_id}" if decision.candidate_id else ""
    by = f" by {decision.channel}" if decision.action == "send" else ""
    verb = f"{_VERB[decision.action]} {what}{by}" if what else "Sent nothing"
    because = "no reason is on record"
    if decision.reasons:
        last = decision.reasons[-1]
        because = said(WORDS[last.code].sentence, last, decision)
    return f"{verb} at {_local(decision.at, evidence)}: {because}."


def _changes(decision: Decision, evidence: Evidence) -> tuple[str, ...]:
    found = []
    for reason in decision.reasons:
        more = " (for one more option to weigh)" if outcome(reason, decision) == "narrowed" else ""
        found.append(f"{WORDS[reason.code].label}: {change(reason, decision)}{more}")
    if decision.reasons and decision.reasons[-1].code == "below_threshold":
        needed = click_needed(decision, evidence)
        if needed is not None:
            predicted = decision.scores[decision.heads.index("click")]
            found.append(f"click probability: above {needed:.4f}, all else equal; predicted was {predicted:.4f}")
    candidate = _candidate(decision, evidence)
    if decision.action == "hold" and candidate is not None:
        found.append(f"time: it stays open until {_local(evidence.expires(candidate), evidence)}; {_next(evidence)}")
    return tuple(found)


def _silence(evidence: Evidence) -> tuple[str, str]:
    """Why nothing was decided up to an instant, and what it takes."""
    when, until = _local(evidence.at, evidence), evidence.decided_until
    if evidence.at < evidence.first_seen:
        return (
            f"Nothing was decided up to {when}: the user's first record came at "
            f"{_local(evidence.first_seen, evidence)}.",
            "an instant after the first record",
        )
    if until is None or until < evidence.first_seen:
        so_far = f"only up to {_local(until, evidence)}" if until else "nothing yet"
        return (
            f"Nothing was decided and there is no plan yet: the engine has worked through {so_far}, and the user's "
            f"first record came at {_local(evidence.first_seen, evidence)}.",
            "an engine that advances past that instant",
        )
    closed = _closed_channels(evidence)
    if not evidence.waiting:
        return (
            f"Nothing was decided up to {when}: no candidate was ever open, so no job ran{closed}.",
            "a candidate for the user",
        )
    count = len(evidence.waiting)
    if evidence.quota_is_used_up:
        return (
            f"Nothing was decided in the day up to {when}: its plan has no message left of the weekly budget, so "
            f"{count} open candidate{'s wait' if count > 1 else ' waits'}{closed}.",
            f"a larger weekly budget; {_next(evidence)}",
        )
    return (
        f"Nothing was decided up to {when}: {count} open candidate{'s wait' if count > 1 else ' waits'} for the "
        f"first job{closed}.",
        _next(evidence),
    )


def _closed_channels(evidence: Evidence) -> str:
    """A remark where the user could not be reached anyway."""
    if evidence.profile is None:
        return "; and no profile has said how to reach the user"
    if not set(evidence.profile.addresses) & set(evidence.profile.opt_in):
        return "; and no channel has both an address and an opt-in"
    return ""


def _next(evidence: Evidence) -> str:
    """When the user may be told next: the plan's next job, or the next day's plan."""
    plan, local = evidence.plan, evidence.at.astimezone(ZoneInfo(evidence.timezone))
    if plan is None:
        return "the next opportunity follows from the first plan of a day"
    day = datetime(1970, 1, 1) + timedelta(days=plan.day)
    tomorrow = f"the next opportunity follows from the plan made at 00:00 on {day + timedelta(days=1):%Y-%m-%d}"
    if evidence.quota_is_used_up and local.date() <= day.date():
        return f"the plan of {day:%Y-%m-%d} has no message left of the weekly budget, so no job runs; {tomorrow}"
    decision = evidence.decision
    if decision and decision.reasons and decision.reasons[-1].code in _WAITS_FOR_QUOTA:
        return tomorrow
    ahead = [slot for slot in plan.jobs if day.date() > local.date() or slot > local.hour]
    if not ahead or local.date() > day.date():
        return tomorrow
    return f"the next opportunity is the job between {ahead[0]:02d}:00 and {ahead[0] + 1:02d}:00 on {day:%Y-%m-%d}"


def _candidate(decision: Decision, evidence: Evidence) -> Candidate | None:
    return next((c for c in evidence.waiting if c.candidate_id == decision.candidate_id), None)


def _budget(decision: Decision | None, evidence: Evidence) -> Budget | None:
    if decision is None or "k" not in decision.features:
        return None
    k, sent_7d, origin = decision.features["k"], decision.features.get("sent_7d", 0.0), evidence.origin
    if origin is None:
        return Budget(k, sent_7d, decision.budget_left)
    source = origin_told(origin, _local(origin.since, evidence) if origin.since else "")
    if evidence.profile is not None and evidence.profile.weekly_wish == k:
        source += f"; no more than the {k:.0f} a week that she wished for"
    return Budget(k, sent_7d, decision.budget_left, origin, source)


def _local(at: datetime, evidence: Evidence) -> str:
    return f"{at.astimezone(ZoneInfo(evidence.timezone)):%Y-%m-%d %H:%M} {evidence.timezone}"
