"""The picture of the decisions benchmark: every arm's gain over the base, a panel a world. Needs the `report` extra."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import altair as alt

from tactful.cli.report.drawing import OURS as GREEN
from tactful.cli.report.drawing import PALETTE, Spec, finished
from tactful.simulator.bench import compare
from tactful.simulator.bench.arms import ORACLES, OURS
from tactful.simulator.bench.cell import Cell
from tactful.simulator.bench.worlds import CONTRADICTING

_KINDS: Final = {"ours": GREEN, "no truth": PALETTE[3], "sees the truth": PALETTE[0]}
_PANEL: Final = 250
_ROW: Final = 17
_SCALE: Final = 2.0


def decisions_chart(cells: Sequence[Cell], worlds: Sequence[str]) -> Spec:
    """Returns the picture: points with 95 % intervals of J over the better of the simple ways, by world."""
    shown = {world: rows_of(cells, world) for world in worlds}
    panels = [_panel(rows, world) for world, rows in shown.items() if len(rows) > 1]
    title = alt.TitleParams(
        "Active days that each way of deciding adds to the best simple one, at equal volume",
        subtitle="J a person with 95 % interval; 0 is the better of hand-set caps and personal hours. Simulated.",
        anchor="start",
    )
    return finished(alt.concat(*panels, columns=2).resolve_scale(x="shared").properties(title=title))


def write_png(spec: Spec, file: Path) -> None:
    """Draws a picture into a file."""
    import vl_convert

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(vl_convert.vegalite_to_png(spec, scale=_SCALE))


def rows_of(cells: Sequence[Cell], world: str) -> list[dict[str, Any]]:
    """Returns what a panel shows: arms in falling order of their gain over the base.

    Silence is there only where it is what an arm must not fall behind; elsewhere it dwarfs the rest.
    """
    arms = compare.of_world(cells, world)
    base = compare.base_of(arms)
    rows: list[dict[str, Any]] = []
    for name in arms:
        found = compare.gain(arms[name], arms[base]) if base else None
        if found is None or (name == compare.SILENCE and world not in CONTRADICTING):
            continue
        kind = "ours" if name == OURS else "sees the truth" if name in ORACLES else "no truth"
        rows.append({"arm": name, "kind": kind, "gain": found.value, "low": found.low, "high": found.high})
    return sorted(rows, key=lambda row: -float(row["gain"]))


def _panel(rows: list[dict[str, Any]], world: str) -> alt.LayerChart | alt.FacetChart:
    order = [row["arm"] for row in rows]
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=[*_KINDS], range=[*_KINDS.values()]),
        legend=alt.Legend(orient="bottom", title=None),
    )
    drawn = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("arm:N", sort=order, title=None, axis=alt.Axis(labelLimit=160)), color=colour
    )
    span = drawn.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="J over the base"), x2="high:Q")
    point = drawn.mark_point(filled=True, size=60, opacity=1.0).encode(x="gain:Q")
    zero = alt.Chart(alt.InlineData(values=[{"x": 0.0}])).mark_rule(color="#999999", strokeDash=[3, 3]).encode(x="x:Q")
    size = {"width": _PANEL, "height": max(_ROW * len(rows), 3 * _ROW)}
    return alt.layer(zero, span, point).properties(title=world, **size)
