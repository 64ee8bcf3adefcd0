"""An allocation in words and numbers: the rows of its tables, for the terminal and for the page alike."""

from typing import Final

import numpy as np

from tactful.runtime.allocation_report import AllocationReport, Shift

EXPECTED: Final = ("a week of these people", "today", "new", "change")
GROUPS: Final = ("solved by itself", "people", "budgets today", "allowed", "given", "active days per 1,000 more")
SHIFTS: Final = ("activity", "people", "budget", "-> new", "up", "down", "active days", "-> new")
WEEKLY_NOTE: Final = (
    "For people of low activity states (marginal, dormant, resurrected, unless trained otherwise) an active week "
    "counts as one active day."
)
"""How active days are counted."""
MOST_BINS: Final = 11
"""Budgets are told one by one up to this many, then in ranges."""


def lead(report: AllocationReport) -> tuple[str, ...]:
    """Returns what was asked, of whom, and what it costs, a sentence each."""
    caps = sum(group.caps for group in report.groups)
    asked = {
        "total": f"Asked for {report.amount:,.0f} messages a week",
        "per_user": f"Asked for {report.amount:g} messages a user and week, {report.volume:,.0f} in all",
        "price": f"Asked for every message that brings {report.amount:g} active days or more per 1,000",
    }[report.goal]
    room = f"which leaves room for jobs to say no (volume x {1.0 + report.headroom:g})"
    spent = f"Budgets add up to {caps:,.0f}, {room}"
    if report.goal == "price":
        spent = f"Budgets add up to {caps:,.0f}; the engine then aims at {report.volume:,.0f} messages a week"
    elif any(group.price == 0.0 for group in report.groups):
        spent += f"; {report.unspent:,.0f} were allowed that nobody would gain by"
    return (
        f"Week {report.period}, model {report.model_version}, of what was known at {report.as_of:%Y-%m-%d %H:%M} UTC.",
        f"{asked}, for {report.people:,} people; {report.unreachable:,} users cannot be reached and get none, "
        f"{report.drawn:,} keep a budget that was drawn at random.",
        f"{spent}.",
    )


def expected_rows(report: AllocationReport) -> list[tuple[str, str, str, str]]:
    """Returns what is expected, today against new."""
    before, after = report.before, report.after
    rows = [("sum of the budgets", before.caps, after.caps, 0)]
    if before.sent is not None and after.sent is not None:
        rows.append(("sent, if no price held any back", before.sent, after.sent, 0))
    rows += [
        ("active days", before.active_days, after.active_days, 1),
        ("people who leave", before.unsubscribes, after.unsubscribes, 2),
        ("value: discounted active days a week", 7.0 * before.value, 7.0 * after.value, 1),
    ]
    return [(what, f"{a:,.{d}f}", f"{b:,.{d}f}", f"{b - a:+,.{d}f} ({_relative(a, b)})") for what, a, b, d in rows]


def group_rows(report: AllocationReport) -> list[tuple[str, ...]]:
    """Returns a row for each group with a total of its own, and its price at the margin."""
    return [
        (
            group.name,
            f"{group.people:,}",
            f"{group.caps_today:,.0f}",
            "-" if group.caps_allowed is None else f"{group.caps_allowed:,.0f}",
            f"{group.caps:,.0f}",
            f"{group.price:,.1f}",
        )
        for group in report.groups
    ]


def shift_rows(report: AllocationReport) -> list[tuple[str, ...]]:
    """Returns who gains and who loses, by activity state."""
    return [
        (
            shift.name,
            f"{shift.people:,}",
            f"{shift.mean_before:.2f}",
            f"{shift.mean_after:.2f}",
            f"{shift.up:.0%}",
            f"{shift.down:.0%}",
            f"{shift.active_days_before:.2f}",
            f"{shift.active_days_after:.2f}",
        )
        for shift in report.activities
    ]


def histogram(report: AllocationReport) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Returns names of budgets (one, or a range of them), and the people of every segment that have them now.

    >>> bins(3), bins(22)[:2]
    ([(0, 0), (1, 1), (2, 2), (3, 3)], [(0, 2), (3, 5)])
    """
    ranges = bins(report.k_max)
    names = [f"{low}" if low == high else f"{low}-{high}" for low, high in ranges]
    return names, [(shift.name, _binned(shift, ranges)) for shift in report.segments]


def bins(k_max: int) -> list[tuple[int, int]]:
    """Returns ranges (both ends included) of budgets 0..k_max, as few as `MOST_BINS`."""
    width = -(-(k_max + 1) // MOST_BINS)
    return [(low, min(low + width - 1, k_max)) for low in range(0, k_max + 1, width)]


def _binned(shift: Shift, ranges: list[tuple[int, int]]) -> list[int]:
    counts = np.array(shift.after, dtype=np.int64)
    return [int(counts[low : high + 1].sum()) for low, high in ranges]


def _relative(before: float, after: float) -> str:
    return f"{after / before - 1.0:+.1%}" if before > 0.0 else "-"
