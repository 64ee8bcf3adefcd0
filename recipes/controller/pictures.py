"""The pictures of the result page, as PNG: errors by day, prices and sends by hour."""

from pathlib import Path
from typing import Any, Final

import altair as alt
import msgspec
import numpy as np
import vl_convert as vlc

from controller.disturbance import SEVEN, START_DAY, WEEKLY, Disturbance
from controller.follow import Trace
from controller.judge import Verdict

_COLOURS: Final = {
    "ours": "#1f5a7a",
    "ours before: no weekdays": "#7fb3d5",
    "fixed threshold": "#888888",
    "yesterday's quantile": "#3c8d40",
    "textbook PID, raw threshold": "#c98a1b",
    "NEP, simple": "#c0392b",
    "NEP, with learning rate": "#e28fb0",
}
_ROWS: Final = (SEVEN[1], SEVEN[2], SEVEN[4], SEVEN[5], SEVEN[8], WEEKLY[0])
_FROM_DAY: Final = 9
_TO_DAY: Final = 14


class Shown(msgspec.Struct, frozen=True):
    """A rule's days 9 to 13 by hour, of the first segment: price in force, sends, planned sends."""

    rule: str
    price: tuple[float, ...]
    sends: tuple[int, ...]
    planned: tuple[float, ...]


def shown(rule: str, trace: Trace) -> Shown:
    """Returns what is drawn of a run."""
    hours = slice(24 * _FROM_DAY, 24 * _TO_DAY)
    price, sends, planned = trace.price[hours, 0], trace.sends[hours, 0], trace.planned[hours, 0]
    return Shown(
        rule,
        tuple(np.round(price, 5).tolist()),
        tuple(sends.astype(np.int64).tolist()),
        tuple(np.round(planned, 1).tolist()),
    )


def write(results: Path, verdicts: list[Verdict], hours: dict[str, list[Shown]]) -> None:
    """Writes every picture."""
    for name, chart in (("days", days(verdicts)), ("hours", by_hour(hours))):
        (results / f"{name}.png").write_bytes(vlc.vegalite_to_png(chart.to_dict(), scale=2.0))


def days(verdicts: list[Verdict]) -> alt.TopLevelMixin:
    """Returns the error of every day's volume, one panel a disturbance, one line a rule, means over the seeds."""
    panels = [_panel(verdicts, what) for what in _ROWS]
    seeds = len({v.seed for v in verdicts})
    rows = alt.vconcat(*(alt.hconcat(*panels[i : i + 2]) for i in range(0, len(panels), 2)))
    chart: alt.TopLevelMixin = rows.properties(
        title=f"Simulated: error of the day's volume, mean of {seeds} seeds; dashed: trouble begins"
    )
    return chart


def _panel(verdicts: list[Verdict], what: Disturbance) -> alt.LayerChart | alt.FacetChart:
    data: list[dict[str, Any]] = []
    for rule in _COLOURS:
        mean = np.mean([v.days for v in verdicts if v.rule == rule and v.disturbance == what.name], axis=0)
        data += [{"rule": rule, "day": day, "error": float(np.clip(100 * e, -30, 45))} for day, e in enumerate(mean)]
    lines = (
        alt.Chart(alt.InlineData(values=data))
        .mark_line()
        .encode(
            x=alt.X("day:Q", title="day", axis=alt.Axis(tickMinStep=2)),
            y=alt.Y("error:Q", title="error, %", scale=alt.Scale(domain=[-30, 45])),
            color=_colour(),
        )
    )
    marks = [{"day": START_DAY}] if what.ends_day is not None else []
    rule = alt.Chart(alt.InlineData(values=marks)).mark_rule(color="#bbbbbb", strokeDash=[4, 4]).encode(x="day:Q")
    return alt.layer(rule, lines).properties(width=330, height=150, title=what.name)


def by_hour(hours: dict[str, list[Shown]]) -> alt.TopLevelMixin:
    """Returns price and sends of five days by hour in the first segment, a column a disturbance."""
    columns = []
    for what, runs in hours.items():
        kept = [run for run in runs if run.rule in _COLOURS]
        plan = [{"rule": "plan", "day": _FROM_DAY + t / 24, "value": x} for t, x in enumerate(kept[0].planned)]
        prices = _lines(kept, "price", "price of a send")
        dashed = alt.Chart(alt.InlineData(values=plan)).mark_line(color="#000000", strokeDash=[3, 3], strokeWidth=1)
        sends = alt.layer(_lines(kept, "sends", "sends an hour"), dashed.encode(x="day:Q", y="value:Q"))
        columns.append(alt.vconcat(prices.properties(title=what), sends.properties(width=420, height=170)))
    chart: alt.TopLevelMixin = alt.hconcat(*columns).properties(
        title="Simulated: the first segment by hour, seed 1 (dashed: the plan, whose hours are wrong)"
    )
    return chart


def _lines(runs: list[Shown], what: str, title: str) -> alt.Chart:
    data = [
        {"rule": run.rule, "day": _FROM_DAY + t / 24, "value": x}
        for run in runs
        for t, x in enumerate(getattr(run, what))
    ]
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=data))
        .mark_line(strokeWidth=1.5)
        .encode(
            x=alt.X("day:Q", title="day", scale=alt.Scale(domain=[_FROM_DAY, _TO_DAY])),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=what == "sends")),
            color=_colour(),
        )
        .properties(width=420, height=170)
    )
    return chart


def _colour() -> alt.Color:
    names = list(_COLOURS)
    return alt.Color(
        "rule:N", title=None, sort=names, scale=alt.Scale(domain=names, range=[_COLOURS[name] for name in names])
    )
