"""What happened, in numbers that only add: plans, jobs, sends, utilities and answers, by UTC day.

The price of a send (`control.py`) and the guard of the sender's reputation (`reputation.py`) rest on these and on
nothing else of the users. Counts are integers, so they may be added in any order and in any parts: at once where the
controller is in the same memory, or as a report of many decisions where it is not (`price_keeper.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from jaxtyping import Bool, Int, Int64, UInt8, UInt64
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.decision.decide import Verdict
from tactful.decision.policy import explore
from tactful.decision.policy.reputation import SHAPE, groups
from tactful.decision.policy.threshold import BINS, bins_of
from tactful.decision.request import Person, Request
from tactful.events.records import KINDS
from tactful.features.history import APPLIED, EVICTED, N_CHANNELS, EngagementRows
from tactful.features.segments import SEGMENTS
from tactful.runtime.settings import Settings
from tactful.runtime.steps import DayPlan, PlanRequest

SHARE_UNIT: Final = 60
"""Planned sends are counted in sixtieths, divisible by every number of channels: integers add in any order."""
SENT, COMPLAINED, BOUNCED = range(3)
"""What is counted by channel and mailbox group."""
_ANSWERS: Final = ((COMPLAINED, KINDS.index("complaint")), (BOUNCED, KINDS.index("bounce")))
Name: TypeAlias = str
"""Of an array that counts are added to: `due`, `planned`, `jobs`, `reachable`, `sent`, `utilities`, `mailboxes`."""


@dataclass(frozen=True)
class Cells:
    """Counts `n` for cells of an array that has one layer a UTC day (`cell`: flat, in the layer)."""

    day: Int64[np.ndarray, " m"]
    cell: Int64[np.ndarray, " m"]
    n: Int64[np.ndarray, " m"]


@dataclass(frozen=True)
class Counts:
    """What is to be added to each array; `newest` is the latest UTC day that plans or jobs have reached, -1: none."""

    newest: int = -1
    of: Mapping[Name, Cells] = field(default_factory=dict)


def shape_of(name: Name, arms: int) -> tuple[int, ...]:
    """Returns the shape of one day's layer of an array.

    >>> shape_of("sent", arms=1)
    (1, 18, 5)
    """
    cells = (arms, len(SEGMENTS), N_CHANNELS)
    shapes = {
        "due": cells[:2],
        "planned": (24, *cells),
        "jobs": (24, N_CHANNELS),
        "reachable": cells,
        "sent": cells,
        "utilities": (*cells, BINS),
        "mailboxes": (3, *SHAPE),
    }
    return shapes[name]


def of_plans(
    settings: Settings,
    arms: int,
    key: UInt64[np.ndarray, " n"],
    request: PlanRequest,
    plan: DayPlan,
    arm: Int[np.ndarray, " n"],
    reach: Int[np.ndarray, " n"],
) -> Counts:
    """Returns planned sends by the hours of the UTC days they fall in, spread over the reachable channels.

    The plans shape the day; its total is the budgets' (`due`, a budget for every hour ahead), since a send that was
    held is planned again on the next day, and a sum of plans would count it twice. Users whose volume or sends are
    randomised that day are left out, as their sends are; so is a day that is planned again, for its first plan is
    counted.

    Args:
        settings: for the exploration buckets.
        arms: how many there are.
        key: of the users.
        request, plan: what was planned.
        arm: of each user.
        reach: channels on which each can be reached, a bit each.
    """
    counted = (request.slot_us > request.now_us[:, None] - HOUR_US) & (reach > 0)[:, None]
    counted &= ~(request.k_random | request.again)[:, None]
    day = request.slot_us // DAY_US
    counted &= _in_production(settings, key, day)
    row, slot = np.nonzero(counted)
    if not len(row):
        return Counts()
    segment = request.past.segment.astype(np.int64)
    due = _cells("due", arms, day[row, slot], (arm[row], segment[row]), request.k[row])
    some = plan.sends[row, slot] > 0
    row, slot = row[some], slot[some]
    job, channel = np.nonzero((reach[row, None] & (1 << np.arange(N_CHANNELS))) != 0)
    row, slot = row[job], slot[job]
    hour = request.slot_us[row, slot] // HOUR_US % 24
    share = SHARE_UNIT // np.bitwise_count(reach).astype(np.int64)[row]
    planned = _cells(
        "planned", arms, day[row, slot], (hour, arm[row], segment[row], channel), share * plan.sends[row, slot]
    )
    return Counts(int(day[counted].max()), {"due": due, "planned": planned})


def of_jobs(arms: int, request: Request, verdict: Verdict, feasible_before: Int[np.ndarray, " n"]) -> Counts:
    """Returns sends (without forced ones), reachable sends, and the utilities of feasible jobs.

    Args:
        arms: how many there are.
        request, verdict: what was decided.
        feasible_before: feasible jobs that the user's day had before this one: only the first `quota` of a
            day are reachable sends.
    """
    person = request.person
    row, channel = np.nonzero(verdict.best > -np.inf)
    if not len(row):
        return Counts()
    days, segment = person.now_us // DAY_US, person.segment.astype(np.int64)
    ones, place = np.ones(len(row), dtype=np.int64), (person.arm[row], segment[row], channel)
    within = (feasible_before < person.quota)[row]
    kept = np.flatnonzero(verdict.sends & ~verdict.forced & ~np.isneginf(verdict.best.max(axis=1)))
    sent = (person.arm[kept], segment[kept], verdict.channel[kept])
    return Counts(
        int(days.max()),
        {
            "jobs": _cells("jobs", arms, days[row], (person.now_us[row] // HOUR_US % 24, channel), ones),
            "reachable": _cells("reachable", arms, days[row], place, within.astype(np.int64)),
            "sent": _cells("sent", arms, days[kept], sent, np.ones(len(kept), dtype=np.int64)),
            "utilities": _cells("utilities", arms, days[row], (*place, bins_of(verdict.best[row, channel])), ones),
        },
    )


def of_sends(person: Person, verdict: Verdict) -> Counts:
    """Returns sends of every kind by mailbox group: a provider does not tell them apart."""
    row = np.flatnonzero(verdict.sends)
    if not len(row):
        return Counts()
    channel = verdict.channel[row]
    group = groups(person.mailbox)[row, channel]
    return _by_mailbox(person.now_us[row], np.full(len(row), SENT), channel, group)


def of_answers(acts: EngagementRows, mailbox: UInt8[np.ndarray, " m"], status: Int[np.ndarray, " m"]) -> Counts:
    """Returns complaints and bounces that name their channel, each once, on the day on which they were accepted.

    Args:
        acts: engagements of m rows.
        mailbox: the group of each one's user.
        status: what `history.observe` said of them.
    """
    what = np.full(len(acts.row), -1)
    for counted, kind in _ANSWERS:
        what[acts.kind == kind] = counted
    row = np.flatnonzero((what >= 0) & (acts.channel >= 0) & ((status == APPLIED) | (status == EVICTED)))
    if not len(row):
        return Counts()
    channel = acts.channel[row].astype(np.int64)
    group = groups(mailbox[row].astype(np.int64))[np.arange(len(row)), channel]
    return _by_mailbox(acts.log_us[row], what[row], channel, group)


def summed(parts: Sequence[Counts]) -> Counts:
    """Returns counts that add what all of these add, every cell once and those of 0 left out."""
    found: dict[Name, Cells] = {}
    for name in sorted({name for part in parts for name in part.of}):
        cells = [part.of[name] for part in parts if name in part.of]
        day, cell, n = (np.concatenate([getattr(one, f) for one in cells]) for f in ("day", "cell", "n"))
        order = np.lexsort((cell, day))
        day, cell, n = day[order], cell[order], n[order]
        first = np.flatnonzero(np.diff(day, prepend=-1) | np.diff(cell, prepend=-1))
        total = np.add.reduceat(n, first) if len(first) else n
        some = total != 0
        found[name] = Cells(day[first][some], cell[first][some], total[some])
    return Counts(max((part.newest for part in parts), default=-1), found)


def _in_production(
    settings: Settings, key: UInt64[np.ndarray, " n"], day: Int[np.ndarray, "n K"]
) -> Bool[np.ndarray, "n K"]:
    """Whether the bucket of each slot's UTC day is none that forces; a local day spans two or three of them."""
    first, shares = day.min(axis=1), settings.exploration.shares
    ahead = day - first[:, None]
    free = np.empty((len(key), int(ahead.max(initial=0)) + 1), dtype=np.bool_)
    for days in range(free.shape[1]):
        drawn, _ = explore.bucket(settings.seed, key, (first + days) * DAY_US, shares)
        free[:, days] = drawn == 0
    inside: Bool[np.ndarray, "n K"] = np.take_along_axis(free, ahead, axis=1)
    return inside


def _cells(
    name: Name, arms: int, day: NDArray[np.int64], place: tuple[NDArray[np.int64], ...], n: NDArray[np.int64]
) -> Cells:
    cell = np.ravel_multi_index(place, shape_of(name, arms)).astype(np.int64)
    return Cells(day.astype(np.int64), cell, n.astype(np.int64))


def _by_mailbox(
    at_us: NDArray[np.int64], what: NDArray[np.int64], channel: NDArray[np.int64], group: NDArray[np.int64]
) -> Counts:
    one = np.ones(len(at_us), dtype=np.int64)
    return Counts(-1, {"mailboxes": _cells("mailboxes", 1, at_us // DAY_US, (what, channel, group), one)})
