"""A row of bars as SVG, drawn on the server: no script, and no style that the page's policy would refuse."""

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

_WIDTH, _HEIGHT, _GAP = 10, 32, 2


def bars(values: Sequence[int], words: str) -> Markup:
    """Returns one bar a value, the highest as high as the picture; a value above 0 is never invisible.

    Args:
        values: from left to right.
        words: what a screen reader says instead.

    >>> bars([0, 2], "two days").count("<rect")
    2
    """
    most = max([*values, 1])
    drawn = []
    for place, value in enumerate(values):
        height = max(round(value / most * _HEIGHT, 1), 2.0 if value else 1.0)
        drawn.append(
            f'<rect class="{"bar" if value else "none"}" x="{place * (_WIDTH + _GAP)}" y="{_HEIGHT - height}" '
            f'width="{_WIDTH}" height="{height}"/>'
        )
    width = len(values) * (_WIDTH + _GAP)
    return Markup(
        f'<svg class="bars" role="img" aria-label="{escape(words)}" width="{width}" height="{_HEIGHT}" '
        f'viewBox="0 0 {width} {_HEIGHT}">{"".join(drawn)}</svg>'
    )
