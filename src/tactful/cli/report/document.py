"""One HTML file that opens from disk: charts, scripts and styles are inside it.

Needs the `report` extra: altair draws, vl-convert brings Vega's scripts as one text.
"""

import json
from collections.abc import Sequence
from html import escape

import vl_convert

from tactful.cli.report.drawing import Chart

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
th:first-child, td:first-child { text-align: left; }
.last-is-ours tr:last-child td { font-weight: 600; background: #eef8f4; }
pre { background: #f4f4f1; border-radius: 6px; padding: 12px; font-size: 13px; overflow-x: auto; line-height: 1.35; }
footer { color: #777; font-size: 13px; }
"""

_DRAW = "window.drawChart = (id, spec) => vegaEmbed(id, spec, {actions: false, renderer: 'svg'});"


def document(title: str, body: str, pictures: Sequence[Chart]) -> str:
    """Returns a whole page.

    Args:
        title: of the window.
        body: HTML, in which every picture has its place (`section`).
        pictures: drawn when the page is opened.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
<script>{_scripts()}</script>
</head>
<body>
{body}
<script>
{"".join(_call(picture) for picture in pictures)}</script>
</body>
</html>
"""


def section(chart: Chart) -> str:
    """Returns the place of a chart, with its title and caption."""
    return (
        f'<section>\n<h2>{escape(chart.title)}</h2>\n<p class="caption">{escape(chart.caption)}</p>\n'
        f'<div id="{chart.name}"></div>\n</section>\n'
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], look: str = "") -> str:
    """Returns a table of texts; `look` is a class of the style sheet."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>\n" for row in rows)
    return f'<table class="{look}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>'


def _call(chart: Chart) -> str:
    spec = json.dumps(chart.spec).replace("<", "\\u003c")
    return f"drawChart('#{chart.name}', {spec});\n"


def _scripts() -> str:
    """Vega's scripts; a closing tag inside one of their strings must not end the element."""
    return str(vl_convert.javascript_bundle(_DRAW)).replace("</script", "<\\/script")
