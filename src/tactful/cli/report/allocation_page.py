"""An allocation as one HTML file. Needs the `report` extra."""

from html import escape

from tactful.cli.report.allocation import (
    EXPECTED,
    GROUPS,
    SHIFTS,
    WEEKLY_NOTE,
    expected_rows,
    group_rows,
    lead,
    shift_rows,
)
from tactful.cli.report.allocation_charts import allocation_charts
from tactful.cli.report.document import document, section, table
from tactful.runtime.allocation_report import AllocationReport


def allocation_page(report: AllocationReport) -> str:
    """Returns the report of an allocation as HTML."""
    pictures = allocation_charts(report)
    notes = "".join(f'<p><span class="badge">note</span> {escape(note)}</p>\n' for note in report.notes)
    plans = ", ".join(group.plan_id for group in report.groups)
    body = f"""<h1>Weekly budgets</h1>
<p class="lead">{escape(" ".join(lead(report)))}</p>
{notes}<section>
<h2>Expected by the model</h2>
<p class="caption">What a model predicts, not what was measured. {WEEKLY_NOTE}</p>
{table(EXPECTED, expected_rows(report))}
</section>
<section>
<h2>The price at the margin</h2>
<p class="caption">What 1,000 more messages a week would bring in active days, discounted, with the loss of those
who leave; 0 where nobody would gain by more.</p>
{table(GROUPS, group_rows(report))}
</section>
<div class="charts">
{"".join(section(picture) for picture in pictures)}
</div>
<section style="margin-top: 18px">
<h2>Who gains and who loses</h2>
<p class="caption">Mean weekly budget, share of people whose budget rises and falls, active days a week of one of
them.</p>
{table(SHIFTS, shift_rows(report))}
</section>
<footer>Written by <code>tactful allocate</code>; plans {escape(plans)}. No network is needed to read this
page.</footer>"""
    return document("Tactful: weekly budgets", body, pictures)
