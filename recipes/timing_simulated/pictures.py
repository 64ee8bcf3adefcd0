"""The pictures of the page, as PNG, from what is kept beside the cells."""

from pathlib import Path
from typing import Any, Final

import altair as alt
import msgspec
import numpy as np
import vl_convert as vlc

from timing_simulated.planned_volume import PlannedVolume
from timing_simulated.portraits import Attention, Cluster

_BLUE: Final = "#1f5a7a"
_RED: Final = "#c0392b"
_GREY: Final = "#9a9a9a"


def write(folder: Path) -> None:
    """Writes every picture from its data."""
    data = {name: (folder / f"{name}.json").read_bytes() for name in ("attention", "clusters", "planned_volume")}
    charts = {
        "attention": attention(msgspec.json.decode(data["attention"], type=Attention)),
        "clusters": clusters(msgspec.json.decode(data["clusters"], type=list[Cluster])),
        "planned_volume": planned_volume(msgspec.json.decode(data["planned_volume"], type=PlannedVolume)),
    }
    for name, chart in charts.items():
        (folder / f"{name}.png").write_bytes(vlc.vegalite_to_png(chart.to_dict(), scale=2.0))


def attention(of: Attention) -> alt.TopLevelMixin:
    """Returns one person's history beside the attention to it: slots downwards, days ago to the right."""
    days = len(of.rest)
    cells = [
        {
            "slot": slot,
            "day": -1 - day,
            "what": "clicked" if of.clicks[slot][day] else "there" if of.active[slot][day] else "sent to her",
        }
        for slot in range(24)
        for day in range(days)
        if of.active[slot][day] or of.receipts[slot][day] or of.clicks[slot][day]
    ]
    weights = [{"slot": s, "day": -1 - d, "weight": of.heeded[s][d]} for s in range(24) for d in range(days)]
    names = ["sent to her", "there", "clicked"]
    what = alt.Color("what:N", title=None, sort=names, scale=alt.Scale(domain=names, range=[_GREY, _BLUE, _RED]))
    left = alt.Chart(alt.InlineData(values=cells)).mark_rect().encode(_day(days), _slot("hour of her day"), what)
    scale = alt.Scale(domain=[0.0, 1.0], range=["#ffffff", _BLUE], interpolate="rgb")
    colour = alt.Color("weight:Q", title="attention", scale=scale)
    right = alt.Chart(alt.InlineData(values=weights)).mark_rect().encode(_day(days), _slot(None), colour)
    size = {"width": 380, "height": 340}
    parts = alt.hconcat(
        _with_rest(left, of.rest).properties(**size, title="what she did"),
        _with_rest(right, of.rest).properties(**size, title="what each hour of the coming work day heeds"),
    )
    title = alt.TitleParams(
        f"Simulated: {days} days of one person ({of.user}) and the slot model's attention to them",
        subtitle=f"Black: days of rest. Largest share that an hour gives to none of the days: {max(of.nothing):.2f}",
    )
    whole: alt.TopLevelMixin = parts.resolve_scale(color="independent").properties(title=title)
    return whole


def clusters(found: list[Cluster]) -> alt.TopLevelMixin:
    """Returns predicted and true profiles of each kind of people."""
    names = ["slot model", "truth"]
    colour = alt.Color("what:N", title=None, sort=names, scale=alt.Scale(domain=names, range=[_BLUE, _RED]))
    panels = []
    for one in found:
        data = [
            {"slot": slot, "what": name, "value": value}
            for name, values in zip(names, (one.predicted, one.true), strict=True)
            for slot, value in enumerate(values)
            if value is not None
        ]
        panel = (
            alt.Chart(alt.InlineData(values=data))
            .mark_line(point=alt.OverlayMarkDef(size=18))
            .encode(
                alt.X("slot:Q", title="hour of sending", scale=alt.Scale(domain=[6, 23])),
                alt.Y("value:Q", title="relative to her mean", scale=alt.Scale(domain=[0.4, 1.8])),
                colour,
            )
        )
        panels.append(panel.properties(width=210, height=150, title=f"{100 * one.share:.0f} % of people"))
    rows = [alt.hconcat(*panels[at : at + 3]) for at in range(0, len(panels), 3)]
    return alt.vconcat(*rows).properties(
        title="Simulated: chance of a click by hour of sending on a work day, by kind of predicted profile"
    )


def planned_volume(of: PlannedVolume) -> alt.TopLevelMixin:
    """Returns planned and real sends of a segment by hour, each as a share of its day."""
    data: list[dict[str, Any]] = []
    for what, values in (("planned", of.planned), ("sent", of.sent)):
        whole = float(np.sum(values))
        data += [{"hour": hour, "what": what, "share": 100.0 * x / whole} for hour, x in enumerate(values)]
    base = alt.Chart(alt.InlineData(values=data)).encode(
        alt.X("hour:O", title="hour of the UTC day", axis=alt.Axis(labelAngle=0)),
        alt.Y("share:Q", title="share of the day, %"),
    )
    names = ["planned", "sent"]
    colour = alt.Color("what:N", title=None, sort=names, scale=alt.Scale(domain=names, range=["#222222", _BLUE]))
    bars = base.transform_filter("datum.what == 'sent'").mark_bar(opacity=0.85).encode(colour)
    line = base.transform_filter("datum.what == 'planned'").mark_line(point=True).encode(colour)
    per_day = f"{sum(of.planned) / of.days:,.0f} planned, {sum(of.sent) / of.days:,.0f} sent a day"
    title = alt.TitleParams(
        f"Simulated: planned and sent by hour, segment {of.segment}",
        subtitle=f"{of.users:,} people in the engine, days {of.skipped + 1} to {of.skipped + of.days}: {per_day}",
    )
    return alt.layer(bars, line).properties(width=560, height=260, title=title)


def _day(days: int) -> alt.X:
    return alt.X(
        "day:O",
        title="days before",
        sort=list(range(-days, 0)),
        scale=alt.Scale(domain=list(range(-days, 0))),
        axis=alt.Axis(values=[-28, -21, -14, -7, -1], labelAngle=0),
    )


def _slot(title: str | None) -> alt.Y:
    axis = alt.Axis(values=list(range(0, 24, 3)))
    return alt.Y("slot:O", title=title, scale=alt.Scale(domain=list(range(24))), axis=axis)


def _with_rest(chart: alt.Chart, rest: tuple[int, ...]) -> Any:
    """The chart with a mark below each day of rest."""
    marks = [{"day": -1 - day, "slot": 23} for day, kind in enumerate(rest) if kind]
    below = alt.Chart(alt.InlineData(values=marks)).mark_point(shape="square", filled=True, size=22, color="black")
    return alt.layer(chart, below.encode(_day(len(rest)), alt.Y("slot:O"), yOffset=alt.value(16)))
