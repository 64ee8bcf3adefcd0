"""The comparison of arms as one HTML file. Needs the `report` extra."""

from html import escape

from tactful.cli.report.charts import charts
from tactful.cli.report.document import document, section, table
from tactful.cli.report.estimates import METHOD, ArmRow
from tactful.cli.report.story import Story
from tactful.cli.report.table import COLUMNS, LEGEND, cells
from tactful.clock import DAY_US, from_us


def page(story: Story, rows: list[ArmRow], explained: str) -> str:
    """Returns the whole report as HTML.

    Args:
        story: what was simulated.
        rows: the table of arms (`estimates.arm_rows`).
        explained: a message that was not sent, and why, as plain text.
    """
    pictures = charts(story, rows)
    first, last = from_us(story.start_us), from_us(story.start_us + (story.n_days - 1) * DAY_US)
    span = f"{first:%d %b %Y} to {last:%d %b %Y}"
    body = f"""<h1>What to send, when, and when not <span class="badge">simulated</span></h1>
<p class="lead">{story.n_users:,} simulated people, {story.n_days} days ({span}, made up), seed {story.seed}. Every
arm meets the same people with the same luck. A simulation tests a policy; it is no evidence about your app.</p>
<section>
<h2>The arms compared</h2>
<p class="caption">Simulated. {escape(LEGEND)} {escape(METHOD)}</p>
{table(COLUMNS, [cells(row) for row in rows], "last-is-ours")}
</section>
<div class="charts">
{"".join(section(picture) for picture in pictures)}
</div>
<section style="margin-top: 18px">
<h2>A message that was not sent</h2>
<p class="caption">Simulated. Every decision records its reasons in the order in which they were met.</p>
<pre>{escape(explained)}</pre>
</section>
<footer>Written by <code>tactful demo</code>. No network is needed to read this page.</footer>"""
    return document("Tactful: simulated comparison", body, pictures)
