"""What is on record of a person, entry by entry, in words for her page. Pure; the entries are those of the timeline."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec

from tactful.api.dashboard.masking import masked_in
from tactful.api.timeline import (
    Budgeted,
    Chose,
    Decided,
    Engaged,
    Entry,
    Offered,
    Planned,
    Profiled,
    Suppressed,
    Touched,
    Try,
    Withdrawn,
)
from tactful.events.records import Decision, Preferences, QuietHours, User
from tactful.runtime.reasons import WORDS, said

_FAILED: Final = ("gave_up", "failed", "unreachable", "unrenderable", None)
"""Outcomes of a try that somebody should look at."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the page: when, what, and the same in words.

    `kind` names how the row is marked, `budget` what she had left at a decision, `decision_id` is "" where none is
    meant, `tries` say how a send fared.
    """

    at: datetime
    what: str
    kind: str
    words: str
    budget: str = ""
    decision_id: str = ""
    tries: tuple[str, ...] = ()
    troubled: bool = False


def happening(entry: Entry, addresses: Collection[str] = ()) -> Happening:
    """Returns an entry in words.

    Args:
        entry: of the timeline.
        addresses: of the person, which are masked wherever a provider repeats them.
    """
    match entry:
        case Decided():
            return _decided(entry, addresses)
        case Engaged(engagement=act):
            what, about = act.kind.replace("_", " "), f" with {act.item}" if act.item else ""
            through = f" by {act.channel}" if act.channel else ""
            told = f"{what}{about}{through}"
            return _row(entry, "engagement", "did", told, act.decision_id or "")
        case Touched(touch=touch):
            told = f"{touch.kind} by a machine: {touch.why}"
            return _row(entry, "machine", "machine", masked_in(told, addresses), touch.decision_id)
        case Offered(candidate=candidate):
            until = f", open until {_minute(candidate.expires_at)}" if candidate.expires_at else ""
            return _row(entry, "event", "offered", f"{candidate.type} {candidate.candidate_id}{until}")
        case Withdrawn(cancel=cancel):
            told = f"candidate {cancel.candidate_id}" if cancel.candidate_id else f"all of {cancel.cancel_key}"
            return _row(entry, "withdrawn", "changed", told)
        case Suppressed(suppression=one):
            what = f"{one.channel or 'every channel'} {'opened again' if one.lifted else 'closed'}"
            told = f"{what}: {one.reason}" if one.reason else what
            return _row(entry, "suppression", "changed", masked_in(told, addresses))
        case Budgeted(budget=budget):
            drawn = f"drawn at random, chance {budget.probability:.3g}"
            how = drawn if budget.randomised else f"assigned by {budget.assignment_id}"
            return _row(entry, "budget", "changed", f"{budget.k} a week, {how}")
        case Planned(plan=plan):
            jobs = ", ".join(f"{slot:02d}:00" for slot in plan.jobs) or "no hour"
            return _row(entry, "plan", "planned", f"quota {plan.quota}; jobs at {jobs}")
        case Profiled(user=user):
            return _row(entry, "profile", "changed", _profile(user))
        case Chose(preferences=chosen):
            return _row(entry, "her choice", "changed", _choice(chosen))


def _row(entry: Entry, what: str, kind: str, words: str, decision_id: str = "") -> Happening:
    return Happening(at=entry.at, what=what, kind=kind, words=words, decision_id=decision_id)


def _decided(entry: Decided, addresses: Collection[str]) -> Happening:
    decision = entry.decision
    about = " ".join(part for part in (decision.type, decision.candidate_id) if part)
    by = f" by {decision.channel}" if decision.action == "send" else ""
    because = "no reason is on record"
    if decision.reasons:
        last = decision.reasons[-1]
        because = said(WORDS[last.code].sentence, last, decision)
    tries = [_tried(one, addresses) for one in entry.tries]
    if entry.next_try is not None:
        due = _minute(entry.next_try)
        tries.append(f"again at {due}" if tries else f"waits in the outbox, due {due}")
    return Happening(
        at=entry.at,
        what=decision.action,
        kind=decision.action,
        words=f"{about}{by}: {because}" if about else because,
        budget=_budget(decision),
        decision_id=decision.decision_id,
        tries=tuple(tries),
        troubled=bool(entry.tries) and entry.tries[-1].outcome in _FAILED,
    )


def _tried(one: Try, addresses: Collection[str]) -> str:
    said_ = f": {masked_in(one.detail, addresses)}" if one.detail else ""
    return f"{one.number}. {one.begun:%H:%M:%S} {(one.outcome or 'in doubt').replace('_', ' ')}{said_}"


def _budget(decision: Decision) -> str:
    if "k" not in decision.features:
        return ""
    sent, k = decision.features.get("sent_7d", 0.0), decision.features["k"]
    return f"{sent:g} of {k:g} sent, {decision.budget_left:.2f} tokens"


def _profile(user: User) -> str:
    told = [f"agreed to {', '.join(user.opt_in) or 'no channel'}", user.timezone, user.locale]
    if user.type_opt_out:
        told.append(f"without {', '.join(user.type_opt_out)}")
    if user.quiet_hours is not None:
        told.append(f"quiet {quiet(user.quiet_hours)}")
    return ", ".join(told)


def _choice(chosen: Preferences) -> str:
    switched = [*chosen.channels.items(), *chosen.types.items()]
    told = [f"{name} {'on' if on else 'off'}" for name, on in switched]
    told += [f"address of {name} {'set' if address else 'taken away'}" for name, address in chosen.addresses.items()]
    told += [f"address of {name} is dead" for name in chosen.dead]
    if isinstance(chosen.quiet_hours, QuietHours):
        told.append(f"quiet {quiet(chosen.quiet_hours)}")
    elif chosen.quiet_hours is not None:
        told.append("no quiet hours of her own")
    if chosen.weekly_wish is not None:
        told.append("no wish" if chosen.weekly_wish == "none" else f"{chosen.weekly_wish} a week at most")
    return ", ".join(told) or "nothing"


def quiet(hours: QuietHours) -> str:
    """Returns a daily window as a clock says it.

    >>> quiet(QuietHours(1320, 450))
    '22:00-07:30'
    """
    return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (hours.start_minute, hours.end_minute))


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
