"""The report of an experiment as one HTML file: lifts by metric, and the first metric day by day. Needs `report`."""

from html import escape

import altair as alt

from tactful.cli.report.document import document, section, table
from tactful.cli.report.drawing import OURS, PALETTE, PLAN, Chart, Spec, finished, legend, sized
from tactful.cli.report.experiment import (
    ARMS,
    GUARDRAILS,
    LEGEND,
    METRICS,
    arm_rows,
    guardrail_rows,
    lead,
    metric_rows,
)
from tactful.experiments.comparison import Comparison

_COLOURS = (OURS, *PALETTE[1:])
_DRAWN = len(_COLOURS)
"""Arms with a colour of their own; of a hundred, the page draws those with the largest lifts and lists all."""


def experiment_page(found: Comparison) -> str:
    """Returns the report as HTML."""
    pictures = [
        Chart(
            "lifts",
            "Lift over the control, by metric",
            "Thick lines hold for one look, thin ones for every look (95 %). What crosses 0 is not told from the "
            "control.",
            lifts(found),
        ),
        Chart(
            "sequence",
            f"{found.measured[0].metric}, day by day",
            "The lift since the start, with an interval that holds at all looks together: the first day on which it "
            "leaves 0 may end the experiment.",
            sequence(found),
        ),
    ]
    warned = "".join(f'<p class="caption"><b>{escape(one)}</b></p>' for one in found.warnings)
    tables = "".join(
        f'<section style="margin-top: 18px">\n<h2>{title}</h2>\n{table(heads, rows)}\n</section>\n'
        for title, heads, rows in (
            ("Arms", ARMS, arm_rows(found)),
            ("Metrics", METRICS, metric_rows(found)),
            ("Guardrails", GUARDRAILS, guardrail_rows(found)),
        )
        if rows
    )
    body = f"""<h1>{"Experiment " * bool(found.guardrails)}{escape(found.name)}</h1>
<p class="lead">{escape(lead(found))}</p>
{warned}
<div class="charts">
{"".join(section(picture) for picture in pictures)}
</div>
{tables}
<p class="caption">{escape(LEGEND)}</p>
<footer>Written by <code>tactful experiment report</code>. No network is needed to read this page.</footer>"""
    return document(f"Tactful: experiment {found.name}", body, pictures)


def lifts(found: Comparison) -> Spec:
    """Lifts with both intervals, a row a metric and an arm."""
    rows = [
        {
            "what": f"{one.metric}: {one.arm}",
            "arm": one.arm,
            "lift": 100.0 * one.lift.value,
            "low": 100.0 * one.lift.low,
            "high": 100.0 * one.lift.high,
            "low_watched": 100.0 * one.watched.low,
            "high_watched": 100.0 * one.watched.high,
        }
        for one in found.measured
        if one.lift is not None and one.watched is not None and one.arm in _drawn(found)
    ]
    picture = sized(rows).properties(height=max(80, 34 * len(rows)))
    y = alt.Y("what:N", title=None, sort=None, axis=alt.Axis(labelLimit=260))
    zero = alt.Chart(alt.InlineData(values=[{"x": 0.0}])).mark_rule(color=PLAN, strokeDash=[4, 3]).encode(x="x:Q")
    return finished(
        alt.layer(
            zero,
            picture.mark_rule(strokeWidth=1.2).encode(
                x=alt.X("low_watched:Q", title="% over the control"), x2="high_watched:Q", y=y, color=_colour(found)
            ),
            picture.mark_rule(strokeWidth=5, opacity=0.55).encode(x="low:Q", x2="high:Q", y=y, color=_colour(found)),
            picture.mark_point(filled=True, size=70, opacity=1.0).encode(
                x="lift:Q", y=y, color=_colour(found), tooltip=["what:N", alt.Tooltip("lift:Q", format="+.2f")]
            ),
        )
    )


def sequence(found: Comparison) -> Spec:
    """The first metric's lift at each look; looks whose interval is wider than the picture are cut off."""
    first = found.measured[0].metric
    looks = [one for one in found.looks if one.metric == first and one.arm in _drawn(found)]
    rows = [
        {"day": one.days, "arm": one.arm, "lift": 100.0 * one.lift, "low": 100.0 * one.low, "high": 100.0 * one.high}
        for one in looks
    ]
    ends = [100.0 * abs(end) for one in looks if one.days == found.days for end in (one.low, one.high)]
    reach = 2.5 * max(ends, default=1.0)
    picture = sized(rows)
    x = alt.X("day:Q", title="days since the start", scale=alt.Scale(domain=[0, found.days], nice=False))
    scale = alt.Scale(domain=[-reach, reach], clamp=True, nice=False)
    y = alt.Y("lift:Q", title="% over the control", scale=scale)
    zero = alt.Chart(alt.InlineData(values=[{"y": 0.0}])).mark_rule(color=PLAN, strokeDash=[4, 3]).encode(y="y:Q")
    colour = _colour(found)
    return finished(
        alt.layer(
            picture.mark_area(opacity=0.16).encode(
                x=x, y=alt.Y("low:Q", title="% over the control", scale=scale), y2="high:Q", color=colour
            ),
            picture.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour),
            zero,
        )
    )


def _drawn(found: Comparison) -> list[str]:
    """The arms of the pictures: all, or those whose first metric differs most."""
    arms = list(found.arms[1:])
    if len(arms) <= _DRAWN:
        return arms
    first = [one for one in found.measured if one.metric == found.measured[0].metric]
    most = {one.arm for one in sorted(first, key=lambda one: -abs(one.difference.value))[:_DRAWN]}
    return [arm for arm in arms if arm in most]


def _colour(found: Comparison) -> alt.Color:
    arms = _drawn(found)
    key = legend() if len(arms) > 1 else None
    return alt.Color("arm:N", scale=alt.Scale(domain=arms, range=list(_COLOURS[: len(arms)])), legend=key, title=None)
