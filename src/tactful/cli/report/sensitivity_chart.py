"""The picture of what moves the ranking: the leading arms where one constant of the world is halved or doubled."""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from tactful.cli.report.drawing import OURS as GREEN
from tactful.cli.report.drawing import PALETTE, Spec, finished, legend
from tactful.simulator.bench import compare, sensitivity
from tactful.simulator.bench.arms import OURS
from tactful.simulator.bench.cell import Cell

_COLUMNS: Final = 5
_PANEL: Final = {"width": 150, "height": 130}


def sensitivity_chart(cells: Sequence[Cell]) -> Spec | None:
    """Returns the picture: a panel a constant, a line an arm from half to twice; None without such worlds on file."""
    rows = rows_of(cells)
    if not rows:
        return None
    arms = [OURS, *sorted({row["arm"] for row in rows} - {OURS})]
    colour = alt.Color(
        "arm:N",
        title=None,
        scale=alt.Scale(domain=arms, range=[GREEN, *PALETTE[: len(arms) - 1]]),
        legend=legend(len(arms)),
    )
    lines = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("constant is:O", sort=["× 0.5", "× 2"], title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("gain:Q", title="J over their mean"),
            color=colour,
        )
        .properties(**_PANEL)
    )
    panels = lines.facet(facet=alt.Facet("constant:N", title=None, sort=list(sensitivity.MOST)), columns=_COLUMNS)
    title = alt.TitleParams(
        "Who leads where one constant of the world is halved or doubled",
        subtitle="J a person, less the mean of the leading arms in that world. Lines that cross: a rank changes. "
        "Simulated.",
        anchor="start",
    )
    return finished(panels.properties(title=title))


def rows_of(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Returns a point for every scaled constant and leading arm: its mean J less that of all of them in that world."""
    arms, rows = compare.leading_everywhere(cells, sensitivity.scaled_worlds()), []
    for constant in sensitivity.MOST:
        for by in sensitivity.FACTORS:
            there = compare.of_world(cells, f"{constant}*{by:g}")
            if not arms or any(arm not in there for arm in arms):
                continue
            scores = {arm: sum(cell.score for cell in there[arm]) / len(there[arm]) for arm in arms}
            middle = sum(scores.values()) / len(scores)
            for arm, score in scores.items():
                rows.append({"constant": constant, "constant is": f"× {by:g}", "arm": arm, "gain": score - middle})
    return rows
