"""A shadow as one HTML file: hours and segments of both senders, the same tables. Needs the `report` extra."""

from html import escape
from typing import Any, Final

import altair as alt

from tactful.cli.report.document import document, section, table
from tactful.cli.report.drawing import OURS, PALETTE, Chart, Spec, finished, legend, sized
from tactful.cli.report.shadow import lead, notes, tables
from tactful.runtime.shadowing.report import ShadowReport

_THEY: Final = "the other sender"
_WE: Final = "Tactful, beside it"
_SEGMENTS: Final = 8
"""Segments with the most user-days are drawn; the table has all."""


def shadow_page(told: ShadowReport) -> str:
    """Returns the report as HTML."""
    pictures = [
        Chart("hours", "When", "Messages by the hour of each person's own clock.", hours(told)),
        Chart(
            "segments",
            "How much, and to whom",
            "Messages a user and week by how active people are and how they can be reached.",
            segments(told),
        ),
    ]
    parts = "".join(
        f'<section style="margin-top: 18px">\n{table(heads, rows)}\n</section>\n' for heads, rows in tables(told)
    )
    said = "".join(f'<p class="caption">{escape(line)}</p>\n' for line in notes(told))
    steps = "".join(f"<li>{escape(step)}</li>\n" for step in told.next_steps)
    body = f"""<h1>Beside the sender that you have</h1>
<p class="lead">{escape(lead(told))}</p>
<div class="charts">
{"".join(section(picture) for picture in pictures)}
</div>
{parts}
{said}
<h2>Next</h2>
<ul>
{steps}</ul>
<footer>Written by <code>tactful shadow</code>. No network is needed to read this page.</footer>"""
    return document("Tactful: shadow", body, pictures)


def hours(told: ShadowReport) -> Spec:
    """Messages by local hour, both senders side by side."""
    rows = [
        {"hour": hour, "sender": name, "messages": count}
        for name, counts in zip((_THEY, _WE), told.volume.by_hour, strict=True)
        for hour, count in enumerate(counts)
    ]
    return _bars(rows, alt.X("hour:O", title="hour", axis=alt.Axis(labelAngle=0)), "messages")


def segments(told: ShadowReport) -> Spec:
    """Messages a user and week by segment, both senders side by side."""
    shown = list(told.volume.by_segment.items())[:_SEGMENTS]
    rows = [
        {"segment": name, "sender": who, "a week": rate}
        for name, one in shown
        for who, rate in ((_THEY, one.they), (_WE, one.we))
    ]
    x = alt.X("segment:N", title=None, sort=[name for name, _ in shown], axis=alt.Axis(labelAngle=-30))
    return _bars(rows, x, "a week")


def _bars(rows: list[dict[str, Any]], x: alt.X, height: str) -> Spec:
    colour = alt.Color(
        "sender:N", title=None, scale=alt.Scale(domain=[_THEY, _WE], range=[PALETTE[0], OURS]), legend=legend(2)
    )
    offset = alt.XOffset("sender:N", sort=[_THEY, _WE])
    return finished(sized(rows).mark_bar().encode(x=x, y=alt.Y(f"{height}:Q"), color=colour, xOffset=offset))
