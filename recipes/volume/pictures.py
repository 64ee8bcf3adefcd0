"""The pictures of the result page, as PNG: frontier, learned curves, the paper's Figure 7, the trap."""

from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import vl_convert as vlc

from volume.cell import Cell
from volume.curves import Curves
from volume.trap import Sprung

HABIT = "the habit, scaled"
_COLOURS = {
    "uniform": "#888888",
    "kdd18_exact": "#c98a1b",
    "discounted": "#1f5a7a",
    "ctr_percentile": "#c0392b",
    "true_curves": "#3c8d40",
    HABIT: "#000000",
}


def write(results: Path, cells: list[Cell], front: list[Cell], curves: Curves, sprung: Sprung) -> None:
    """Writes every picture."""
    for name, chart in (
        ("frontier", frontier(front)),
        ("curves", learned(curves)),
        ("who_gets_what", who(cells)),
        ("trap", trap(sprung)),
    ):
        (results / f"{name}.png").write_bytes(vlc.vegalite_to_png(chart.to_dict(), scale=2.0))


def frontier(cells: list[Cell]) -> alt.TopLevelMixin:
    """Returns J and daily actives by messages sent, one line an arm, means over the seeds."""
    seeds, arms = {c.seed for c in cells}, {c.arm for c in cells}
    data = []
    for arm in sorted(arms):
        for volume in sorted({c.volume for c in cells if c.arm == arm}):
            mine = [c for c in cells if c.arm == arm and c.volume == volume]
            for what, value in (("J", "score"), ("daily active, %", "daily_active")):
                figure = float(np.mean([getattr(c, value) for c in mine])) * (1.0 if what == "J" else 100.0)
                sent = float(np.mean([c.sends_per_user_week for c in mine]))
                data.append({"arm": arm, "sent": sent, "value": figure, "what": what})
    panels = [
        alt.Chart(alt.InlineData(values=[d for d in data if d["what"] == what]))
        .mark_line(point=True)
        .encode(
            x=alt.X("sent:Q", title="messages sent a user and week"),
            y=alt.Y("value:Q", title=what, scale=alt.Scale(zero=False)),
            color=_colour(sorted(arms)),
        )
        .properties(width=300, height=230)
        for what in ("daily active, %", "J")
    ]
    return alt.hconcat(*panels, title=f"Simulated: volume and what it brings, {len(seeds)} seeds")


def learned(curves: Curves) -> alt.TopLevelMixin:
    """Returns activity and gain by budget, learned (lines) and true (points), one column an activity state."""
    states = [s for s in dict.fromkeys(p.activity for p in curves.points) if s != "resurrected"]
    rows = []
    for title, said, true, error in (
        ("active a day", "active_learned", "active_true", "active_error"),
        ("closes a channel in a week", "leaves_learned", "leaves_true", "leaves_error"),
        ("gain over 0, active days to come", "gain_learned", "gain_true", ""),
    ):
        panels = []
        for state in states:
            data = [
                {
                    "k": p.k,
                    "learned": getattr(p, said),
                    "true": getattr(p, true),
                    "low": getattr(p, true) - 2 * (getattr(p, error) if error else 0.0),
                    "high": getattr(p, true) + 2 * (getattr(p, error) if error else 0.0),
                }
                for p in curves.points
                if p.activity == state
            ]
            base = alt.Chart(alt.InlineData(values=data)).encode(x=alt.X("k:Q", title="budget a week"))
            scale = alt.Scale(zero=False)
            line = base.mark_line(color=_COLOURS["discounted"]).encode(
                y=alt.Y("learned:Q", title=title if state == states[0] else None, scale=scale)
            )
            bars = base.mark_rule(color="#c0392b").encode(y="low:Q", y2="high:Q")
            dots = base.mark_point(color="#c0392b", filled=True).encode(y="true:Q")
            panels.append(alt.layer(line, bars, dots).properties(width=150, height=130, title=state))
        rows.append(alt.hconcat(*panels))
    heading = alt.TitleParams(
        "Simulated: learned curves (blue) and the truth (red; bars: two standard errors over people)",
        subtitle="Truth of the first two rows: everyone lived eight weeks at each budget; of the third: arithmetic.",
    )
    return alt.vconcat(*rows, title=heading)


def who(cells: list[Cell]) -> alt.TopLevelMixin:
    """Returns messages a week by twentieth of own visits, one line an arm: the paper's Figure 7."""
    arms = ["uniform", "ctr_percentile", "kdd18_exact", "discounted", "true_curves"]
    data: list[dict[str, Any]] = []
    for arm in arms:
        mine = [c.sends_by_visits for c in cells if c.arm == arm]
        mean = np.mean(mine, axis=0)
        data += [{"arm": arm, "part": 5.0 * i + 2.5, "sent": float(x)} for i, x in enumerate(mean)]
    habit = np.mean([c.habit_by_visits for c in cells if c.arm == "uniform"], axis=0)
    habit = habit * cells[0].volume / habit.mean()
    data += [{"arm": HABIT, "part": 5.0 * i + 2.5, "sent": float(x)} for i, x in enumerate(habit)]
    arms.append(HABIT)
    chart: alt.TopLevelMixin = (
        alt.Chart(alt.InlineData(values=data))
        .mark_line(point=True)
        .encode(
            x=alt.X("part:Q", title="percentile of own visits (rare visitors left)", scale=alt.Scale(domain=[0, 100])),
            y=alt.Y("sent:Q", title="messages sent a user and week"),
            color=_colour(arms),
        )
        .properties(width=560, height=300, title="Simulated: who gets how much, at equal volume")
    )
    return chart


def trap(sprung: Sprung) -> alt.TopLevelMixin:
    """Returns activity by budget as four ways to look at it have it."""
    series = {
        "who had it": sprung.naive,
        "learned from the habit": sprung.observational,
        "learned from drawn budgets": sprung.randomised,
        "the truth: everyone at it": sprung.true,
    }
    data = [
        {"k": k, "value": 100.0 * value, "what": what}
        for what, values in series.items()
        for k, value in zip(sprung.budgets, values, strict=True)
    ]
    colour = alt.Color(
        "what:N",
        title=None,
        sort=list(series),
        scale=alt.Scale(domain=list(series), range=["#bbbbbb", "#c0392b", "#1f5a7a", "#3c8d40"]),
    )
    chart: alt.TopLevelMixin = (
        alt.Chart(alt.InlineData(values=data))
        .mark_line(point=True)
        .encode(
            x=alt.X("k:Q", title="budget a week"),
            y=alt.Y("value:Q", title="active a day, %", scale=alt.Scale(zero=False)),
            color=colour,
        )
        .properties(width=420, height=260, title="Simulated: what more messages seem to do, and what they do")
    )
    return chart


def _colour(arms: list[str]) -> alt.Color:
    return alt.Color(
        "arm:N", title=None, sort=arms, scale=alt.Scale(domain=arms, range=[_COLOURS[name] for name in arms])
    )
