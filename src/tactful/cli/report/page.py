"""The report as one HTML file that opens from disk: charts, scripts and styles are inside it.

Needs the `report` extra: altair draws, vl-convert brings Vega's scripts as one text.
"""

import json
from html import escape

import vl_convert

from tactful.cli.report.charts import Chart, charts
from tactful.cli.report.estimates import METHOD, ArmRow
from tactful.cli.report.story import Story
from tactful.cli.report.table import COLUMNS, LEGEND, cells
from tactful.clock import DAY_US, from_us

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #f6f6f4; margin: 0 auto; max-width: 1180px;
  padding: 24px; }
h1 { font-size: 28px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 0 0 2px; }
.lead { color: #555; margin: 0 0 20px; } .badge { background: #ffe9b8; border-radius: 4px; padding: 1px 8px; }
section { background: #fff; border: 1px solid #e4e4e0; border-radius: 8px; padding: 18px 20px; margin: 0 0 18px;
  overflow-x: auto; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(540px, 1fr)); gap: 18px; }
.charts section { margin: 0; } .caption { color: #555; font-size: 14px; margin: 0 0 10px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; width: 100%; }
th { text-align: right; font-weight: 600; color: #555; border-bottom: 2px solid #ddd; padding: 4px 8px; }
td { text-align: right; border-bottom: 1px solid #eee; padding: 5px 8px; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } tr:last-child td { font-weight: 600; background: #eef8f4; }
pre { background: #f4f4f1; border-radius: 6px; padding: 12px; font-size: 13px; overflow-x: auto; line-height: 1.35; }
footer { color: #777; font-size: 13px; }
"""

_DRAW = "window.drawChart = (id, spec) => vegaEmbed(id, spec, {actions: false, renderer: 'svg'});"


def page(story: Story, rows: list[ArmRow], explained: str) -> str:
    """Returns the whole report as HTML.

    Args:
        story: what was simulated.
        rows: the table of arms (`estimates.arms_rows`).
        explained: a message that was not sent, and why, as plain text.
    """
    pictures = charts(story, rows)
    first, last = from_us(story.start_us), from_us(story.start_us + (story.n_days - 1) * DAY_US)
    span = f"{first:%d %b %Y} to {last:%d %b %Y}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tactful: simulated comparison</title>
<style>{_STYLE}</style>
<script>{_scripts()}</script>
</head>
<body>
<h1>What to send, when, and when not <span class="badge">simulated</span></h1>
<p class="lead">{story.n_users:,} simulated people, {story.n_days} days ({span}, made up), seed {story.seed}. Every
arm meets the same people with the same luck. A simulation tests a policy; it is no evidence about your app.</p>
<section>
<h2>The arms compared</h2>
<p class="caption">Simulated. {escape(LEGEND)} {escape(METHOD)}</p>
{_table(rows)}
</section>
<div class="charts">
{"".join(_section(picture) for picture in pictures)}
</div>
<section style="margin-top: 18px">
<h2>A message that was not sent</h2>
<p class="caption">Simulated. Every decision records its reasons in the order in which they were met.</p>
<pre>{escape(explained)}</pre>
</section>
<footer>Written by <code>tactful demo</code>. No network is needed to read this page.</footer>
<script>
{"".join(_call(picture) for picture in pictures)}</script>
</body>
</html>
"""


def _table(rows: list[ArmRow]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in cells(row)) + "</tr>\n" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"


def _section(chart: Chart) -> str:
    return (
        f'<section>\n<h2>{escape(chart.title)}</h2>\n<p class="caption">{escape(chart.caption)}</p>\n'
        f'<div id="{chart.name}"></div>\n</section>\n'
    )


def _call(chart: Chart) -> str:
    spec = json.dumps(chart.spec).replace("<", "\\u003c")
    return f"drawChart('#{chart.name}', {spec});\n"


def _scripts() -> str:
    """Vega's scripts; a closing tag inside one of their strings must not end the element."""
    return str(vl_convert.javascript_bundle(_DRAW)).replace("</script", "<\\/script")
