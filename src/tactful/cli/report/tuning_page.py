"""A tuning as one HTML file: the frontier of clicks and of those who leave, and the table. Needs the `report` extra."""

from html import escape

import altair as alt

from tactful.cli.report.document import document, section, table
from tactful.cli.report.drawing import OURS, PALETTE, PLAN, Chart, Spec, finished, sized
from tactful.cli.report.tuning import cells, columns, lead
from tactful.training.ranking.tuning import Tuning


def tuning_page(found: Tuning) -> str:
    """Returns the points of a tuning as HTML."""
    pictures = [
        Chart(
            "frontier",
            "Clicks against those who leave",
            "Each point is a set of weights, named by its number in the table; upper left is better. Green: no other "
            "point beats it; grey: one does; black: in force. Lines are 95 % intervals.",
            frontier(found, "click", "clicked of 1,000 messages"),
        ),
        Chart(
            "sessions",
            "Visits within a day against those who leave",
            "The same points.",
            frontier(found, "session_1d", "visited within a day, of 1,000 messages"),
        ),
    ]
    body = f"""<h1>Utility weights</h1>
<p class="lead">{escape(" ".join(lead(found)))}</p>
<div class="charts">
{"".join(section(picture) for picture in pictures)}
</div>
<section style="margin-top: 18px">
<h2>Points</h2>
<p class="caption">Of 1,000 messages, with 95 % intervals over people; * no other point beats it.</p>
{table(columns(found), [cells(found, number) for number in range(len(found.points))])}
</section>
<footer>Written by <code>tactful tune</code>. No network is needed to read this page.</footer>"""
    return document("Tactful: utility weights", body, pictures)


def frontier(found: Tuning, good: str, title: str) -> Spec:
    """Points by what they lose (x) and gain (y), with both intervals."""
    rows = [
        {
            "point": str(number),
            "kind": "in force" if point.in_force else "frontier" if point.frontier else "beaten",
            **{
                f"{axis}{side}": 1000.0 * getattr(point.outcomes[head], side)
                for axis, head in (("x", "unsubscribe"), ("y", good))
                for side in ("value", "low", "high")
            },
        }
        for number, point in enumerate(found.points)
    ]
    picture = sized(rows)
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["in force", "frontier", "beaten"], range=[PLAN, OURS, PALETTE[0]]),
        legend=None,
    )
    x = alt.X("xvalue:Q", title="left of 1,000 messages")
    y = alt.Y("yvalue:Q", title=title, scale=alt.Scale(zero=False))
    return finished(
        alt.layer(
            picture.mark_rule(opacity=0.35).encode(x=x, y=alt.Y("ylow:Q", title=title), y2="yhigh:Q", color=colour),
            picture.mark_rule(opacity=0.35).encode(
                x=alt.X("xlow:Q", title="left of 1,000 messages"), x2="xhigh:Q", y=y, color=colour
            ),
            picture.mark_point(filled=True, size=60).encode(x=x, y=y, color=colour, tooltip=["point:N", "kind:N"]),
            picture.mark_text(dx=8, dy=-6, align="left", fontSize=12).encode(x=x, y=y, text="point:N"),
        )
    )
