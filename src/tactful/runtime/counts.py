"""What happened, in numbers that only add: plans, jobs, sends, utilities and answers, by UTC day.

The price of a send (`control.py`) and the guard of the sender's reputation (`reputation.py`) rest on these and on
nothing else of the users. Counts are integers, so they may be added in any order and in any parts: at once where the
controller is in the same memory, or as a report of many decisions where it is not (`price_keeper.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from jaxtyping import Bool, Int, Int64, Shaped, UInt8, UInt64
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
from tactful.kernel import kernel
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


def add_cells(layers: Shaped[np.ndarray, "days ..."], cells: Cells) -> None:
    """Adds counts to an array of which each layer is a UTC day, in a ring.

    >>> layers = np.zeros((10, *shape_of("due", arms=1)))
    >>> add_cells(layers, Cells(np.array([20_003]), np.array([17]), np.array([5])))
    >>> float(layers[3, 0, 17])
    5.0
    """
    _add_cells(layers.reshape(len(layers), -1), cells.day, cells.cell, cells.n)


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
    counted = (reach > 0) & ~(request.k_random | request.again)
    first, last = request.slot_us.min(axis=1) // DAY_US, request.slot_us.max(axis=1) // DAY_US
    free = _in_production(settings, key, first, int((last - first).max(initial=0)) + 1)
    slots, ahead = np.zeros(free.shape, dtype=np.int64), np.zeros(request.slot_us.shape, dtype=np.bool_)
    _slots_ahead(request.slot_us, request.now_us - HOUR_US, counted, first, free, slots, ahead)
    row, day = np.nonzero(slots)
    if not len(row):
        return Counts()
    segment = request.past.segment.astype(np.int64)
    due = _cells("due", arms, first[row] + day, (arm[row], segment[row]), slots[row, day] * request.k[row])
    newest = int((first[row] + day).max())
    row, slot = np.nonzero(ahead & (plan.sends > 0))
    job, channel = np.nonzero((reach[row, None] & (1 << np.arange(N_CHANNELS))) != 0)
    row, slot = row[job], slot[job]
    day, hour = np.divmod(request.slot_us[row, slot] // HOUR_US, 24)
    share = SHARE_UNIT // np.bitwise_count(reach).astype(np.int64)[row]
    planned = _cells("planned", arms, day, (hour, arm[row], segment[row], channel), share * plan.sends[row, slot])
    return Counts(newest, {"due": due, "planned": planned})


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
    settings: Settings, key: UInt64[np.ndarray, " n"], first: Int[np.ndarray, " n"], days: int
) -> Bool[np.ndarray, "n days"]:
    """Whether the bucket of each UTC day from the first on is none that forces; a local day spans two or three."""
    free = np.empty((len(key), days), dtype=np.bool_)
    for ahead in range(days):
        drawn, _ = explore.bucket(settings.seed, key, (first + ahead) * DAY_US, settings.exploration.shares)
        free[:, ahead] = drawn == 0
    return free


@kernel
def _slots_ahead(
    slot_us: NDArray[np.int64], from_us: NDArray[np.int64], counted: NDArray[np.bool_], first: NDArray[np.int64],
    free: NDArray[np.bool_], slots: NDArray[np.int64], ahead: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Marks each counted user's slots after an instant that lie on free UTC days, and counts them by day."""
    for r in range(len(counted)):
        if not counted[r]:
            continue
        for k in range(slot_us.shape[1]):
            day = slot_us[r, k] // DAY_US - first[r]
            if slot_us[r, k] > from_us[r] and free[r, day]:
                slots[r, day] += 1
                ahead[r, k] = True


@kernel
def _add_cells(layers: NDArray[Any], day: NDArray[np.int64], cell: NDArray[np.int64], n: NDArray[np.int64]) -> None:
    for i in range(len(cell)):
        layers[day[i] % len(layers), cell[i]] += n[i]


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
