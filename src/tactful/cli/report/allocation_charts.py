"""The charts of an allocation. Needs the `report` extra (altair)."""

import altair as alt
import numpy as np

from tactful.cli.report.allocation import histogram
from tactful.cli.report.drawing import OURS, PALETTE, WIDTH, Chart, Spec, finished, legend, sized
from tactful.runtime.allocation_report import AllocationReport

_TODAY, _NEW = "today", "new"


def allocation_charts(report: AllocationReport) -> list[Chart]:
    """Returns every chart of an allocation, in reading order."""
    return [
        Chart(
            "budgets",
            "How many people have which weekly budget",
            "Where the green bars leave the grey ones, budgets move; zero is a decision, too.",
            budgets(report),
        ),
        Chart(
            "shifts",
            "Who gets more, who gets less",
            "Mean weekly budget of each activity state, from today (grey) to new (green).",
            shifts(report),
        ),
        Chart(
            "segments",
            "Budgets by activity and reach",
            "Each row is a segment and its number of people; the darker a cell, the more of them have that budget.",
            segments(report),
        ),
        Chart(
            "activity",
            "What the model expects of it",
            "Active days a week of one person of each activity state, under today's budgets and under the new ones.",
            activity(report),
        ),
    ]


def budgets(report: AllocationReport) -> Spec:
    """People by budget, today beside new."""
    totals = {
        _TODAY: np.sum([shift.before for shift in report.activities], axis=0),
        _NEW: np.sum([shift.after for shift in report.activities], axis=0),
    }
    rows = [{"when": when, "k": k, "people": int(n)} for when, counts in totals.items() for k, n in enumerate(counts)]
    return finished(
        sized(rows)
        .mark_bar()
        .encode(
            x=alt.X("k:O", title="weekly budget: messages at most", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("when:N", sort=[_TODAY, _NEW]),
            y=alt.Y("people:Q", title="people", axis=alt.Axis(format=",d", tickMinStep=1)),
            color=_when(),
            tooltip=["when:N", "k:O", alt.Tooltip("people:Q", format=",d")],
        )
    )


def shifts(report: AllocationReport) -> Spec:
    """The mean budget of each activity state, today and new, joined by a line."""
    return _joined(report, "mean weekly budget", {s.name: (s.mean_before, s.mean_after) for s in report.activities})


def activity(report: AllocationReport) -> Spec:
    """Expected active days of each activity state, today and new, joined by a line."""
    days = {s.name: (s.active_days_before, s.active_days_after) for s in report.activities}
    return _joined(report, "active days a week, of one person", days)


def segments(report: AllocationReport) -> Spec:
    """Budgets of every segment as rows of colour."""
    names, rows = histogram(report)
    cells = [
        {"segment": f"{segment} ({sum(counts):,})", "k": k, "people": n, "share": n / max(sum(counts), 1)}
        for segment, counts in rows
        for k, n in zip(names, counts, strict=True)
    ]
    order = [f"{segment} ({sum(counts):,})" for segment, counts in rows]
    return finished(
        sized(cells)
        .mark_rect()
        .encode(
            x=alt.X("k:O", title="weekly budget", sort=names, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("segment:N", title=None, sort=order, axis=alt.Axis(labelLimit=220)),
            color=alt.Color(
                "share:Q",
                title="share of the segment",
                scale=alt.Scale(range=["#f6f6f4", "#00553e"], domainMin=0),
                legend=alt.Legend(format=".0%", orient="bottom", gradientLength=160),
            ),
            tooltip=["segment:N", "k:O", alt.Tooltip("people:Q", format=",d"), alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=WIDTH - 100, height=max(22 * len(order), 60))  # long names stand at the left
    )


def _joined(report: AllocationReport, title: str, pairs: dict[str, tuple[float, float]]) -> Spec:
    """Two points a state, joined; states in the order of the report."""
    rows = [
        {"state": state, "when": when, "value": value}
        for state, both in pairs.items()
        for when, value in zip((_TODAY, _NEW), both, strict=True)
    ]
    order = [shift.name for shift in report.activities]
    y = alt.Y("state:N", title=None, sort=order)
    x = alt.X("value:Q", title=title, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=6))
    base = sized(rows)
    line = base.mark_line(color="#bbbbbb").encode(x=x, y=y, detail="state:N")
    points = base.mark_point(filled=True, size=110, opacity=1).encode(
        x=x, y=y, color=_when(), tooltip=["state:N", "when:N", alt.Tooltip("value:Q", format=".2f")]
    )
    return finished(alt.layer(line, points))


def _when() -> alt.Color:
    return alt.Color(
        "when:N", title=None, legend=legend(), scale=alt.Scale(domain=[_TODAY, _NEW], range=[PALETTE[0], OURS])
    )
