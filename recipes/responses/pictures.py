"""Pictures of the semantic-temporal correlation, as PNG: Figures 1, 3, 4, 6 and 7 of TIN's paper."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import altair as alt
import numpy as np
import vl_convert as vlc
from numpy.typing import NDArray

from tactful.clock import HOUR_US
from tactful.training.histories import gap_edges
from tactful.training.sequences import Sequences

PARTS: Final = ("poor", "medium", "strong")
_ROWS: Final = 20_000
"""Of a data set, to show its intervals by."""
Floats = NDArray[np.float64]


class History(NamedTuple):
    """Behaviours of one row, newest first, and what they say about the target by source: the truth, or a model."""

    target: int
    categories: NDArray[np.int64]
    values: Mapping[str, Floats]


def heat(name: str, panels: Mapping[str, Floats], categories: NDArray[np.int64], folder: Path) -> None:
    """Draws correlations by category of the behaviour (the first is the target's own) and position, a panel a source.

    Each panel is scaled by its largest value: those of different models have different units.
    """
    charts = [_heat(title, values, [str(c) for c in categories]) for title, values in panels.items()]
    title = f"Toys, target category {categories[0]}: behaviours by category and position"
    _write(alt.hconcat(*charts, title=title), folder / f"{name}.png")


def shares(by_target: Mapping[str, Sequence[float]], bounds: Sequence[float], folder: Path) -> None:
    """Draws for how many target categories a model goes with the truth poorly, in part, strongly."""
    data = []
    for model, values in by_target.items():
        known = np.array([value for value in values if np.isfinite(value)])
        parts = np.bincount(np.searchsorted(bounds, known, side="left"), minlength=len(PARTS)) / len(known)
        data += [{"model": model, "part": PARTS[i], "share": float(part)} for i, part in enumerate(parts)]
    chart = (
        alt.Chart(alt.InlineData(values=data))
        .mark_bar()
        .encode(
            x=alt.X("part:N", title=None, sort=list(PARTS), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("share:Q", title="share of target categories", axis=alt.Axis(format="%")),
            color=alt.Color("part:N", sort=list(PARTS), legend=None, scale=alt.Scale(range=_SHADES)),
            column=alt.Column("model:N", title=None, sort=list(by_target)),
        )
        .properties(width=110, height=160, title="Toys: learned against true decay with position, Pearson")
    )
    _write(chart, folder / "figure-6.png")


def histories(rows: Sequence[History], folder: Path) -> None:
    """Draws single histories: what each behaviour says, in truth and to the models."""
    charts = []
    for row in rows:
        names = [f"{i + 1}: {category}" for i, category in enumerate(row.categories)]
        data = [
            {"source": source, "behaviour": names[i], "value": float(value)}
            for source, values in row.values.items()
            for i, value in enumerate(np.nan_to_num(_scaled(values)))
        ]
        charts.append(
            _cells(data, names, list(row.values), "behaviour", "source").properties(
                width=330, height=170, title=f"target category {row.target}"
            )
        )
    title = "Toys: behaviours by position and category, each line scaled by its largest"
    _write(alt.hconcat(*charts, title=title), folder / "figure-7.png")


def intervals(rows: Sequences, folder: Path) -> None:
    """Draws how long ago behaviours were, and the edges of the equally full bins."""
    samples, at_us = rows.samples, rows.behaviours.at_us
    assert samples.at_us is not None
    assert at_us is not None
    every = np.arange(0, len(samples), max(1, len(samples) // _ROWS))
    place = samples.end[every, None] - 1 - np.arange(rows.shape.length)
    known = place >= samples.start[every, None]
    ago = (np.broadcast_to(samples.at_us[every, None], place.shape)[known] - at_us[place[known]]) / HOUR_US
    step = np.linspace(-2.5, np.log10(ago.max()), 60)
    count, edges = np.histogram(np.log10(np.maximum(ago, 10.0**-2.5)), step)
    bars = [
        {"from": float(10 ** edges[i]), "to": float(10 ** edges[i + 1]), "share": float(n / count.sum()), "none": 0.0}
        for i, n in enumerate(count)
    ]
    scale = alt.Scale(type="log")
    chart = (
        alt.Chart(alt.InlineData(values=bars))
        .mark_rect()
        .encode(
            x=alt.X("from:Q", title="hours before the target", scale=scale),
            x2="to:Q",
            y=alt.Y("share:Q", title="share of behaviours", axis=alt.Axis(format="%")),
        )
    )
    lines = [
        {"edge": edge / HOUR_US} for edge in gap_edges(rows.behaviours, samples, rows.shape.length, rows.shape.gaps)
    ]
    marks = alt.Chart(alt.InlineData(values=lines)).mark_rule(color="#c0392b").encode(x=alt.X("edge:Q", scale=scale))
    title = "Globo: intervals from behaviour to target; edges of the bins of TTE-T in red"
    _write(alt.layer(chart, marks).properties(width=480, height=220, title=title), folder / "figure-4.png")


_SHADES: Final = ["#c0392b", "#c98a1b", "#1f5a7a"]


def _heat(title: str, values: Floats, names: list[str]) -> alt.Chart:
    data = [
        {"category": names[i], "position": str(j + 1), "value": float(value)}
        for i, line in enumerate(_scaled(values))
        for j, value in enumerate(line)
        if np.isfinite(value)
    ]
    positions = [str(j + 1) for j in range(values.shape[1])]
    return _cells(data, positions, names, "position", "category").properties(width=190, height=110, title=title)


def _scaled(values: Floats) -> Floats:
    """The values by their largest; NaN stays NaN."""
    scaled: Floats = values / np.max(values[np.isfinite(values)], initial=1e-12)
    return scaled


def _cells(data: list[dict[str, Any]], across: list[str], down: list[str], x: str, y: str) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=data))
        .mark_rect()
        .encode(
            x=alt.X(f"{x}:N", title=x, sort=across),
            y=alt.Y(f"{y}:N", title=y, sort=down),
            color=alt.Color("value:Q", title=None, legend=None, scale=alt.Scale(scheme="blues", domain=[0, 1])),
        )
    )
    return chart


def _write(chart: alt.TopLevelMixin, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(vlc.vegalite_to_png(chart.to_dict(), scale=2.0))
