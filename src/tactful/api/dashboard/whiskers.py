"""Intervals as SVG, drawn on the server: one beside another on one scale, and how one narrows from day to day."""

from collections.abc import Sequence
from html import escape
from typing import Final

from markupsafe import Markup

from tactful.experiments.comparison import Look
from tactful.experiments.interval import Interval

_WIDTH, _HEIGHT = 260, 24
_BAND_WIDTH, _BAND_HEIGHT, _LEFT, _BELOW = 640, 150, 64, 20
_WIDEST: Final = 1.0
"""Lifts beyond 100 % are cut off at the picture's edge, or the others would be dots."""


def reach(intervals: Sequence[Interval | None]) -> float:
    """Returns how far from 0 a scale goes on which all intervals fit, a round share of at least 1 %.

    >>> reach([Interval(0.02, -0.01, 0.13), None]), reach([])
    (0.15, 0.02)
    """
    most = max([max(abs(one.low), abs(one.high)) for one in intervals if one is not None] + [0.01])
    return next((step for step in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7) if most <= step), _WIDEST)


def whisker(interval: Interval, scale: float) -> Markup:
    """Returns an interval as a line with a dot at its value, and the place of 0; -scale is left, +scale right."""
    low, value, high = (_across(part, scale, _WIDTH) for part in (interval.low, interval.value, interval.high))
    middle, zero = _HEIGHT / 2, _WIDTH / 2
    kind = "open" if interval.low <= 0.0 <= interval.high else "told"
    words = f"{interval.value:+.1%}, from {interval.low:+.1%} to {interval.high:+.1%}"
    return Markup(
        f'<svg class="whisker {kind}" role="img" aria-label="{escape(words)}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}"><line class="zero" x1="{zero}" x2="{zero}" y1="0" y2="{_HEIGHT}"/>'
        f'<line class="span" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>'
        f'<circle cx="{value}" cy="{middle}" r="4"/></svg>'
    )


def band(looks: Sequence[Look], told: str) -> Markup:
    """Returns how a lift and its interval went over the days, first look to last.

    Args:
        looks: of one arm and metric, by rising days; two or more.
        told: what a screen reader says instead.
    """
    last, wide = looks[-1].days, _BAND_WIDTH - _LEFT
    scale = reach([Interval(one.lift, one.low, one.high) for one in looks[len(looks) // 4 :]])

    def place(days: float, lift: float) -> str:
        down = _BAND_HEIGHT - _across(lift, scale, _BAND_HEIGHT)
        return f"{_LEFT + round(days / last * wide, 1)},{round(down, 1)}"

    edge = [place(one.days, one.high) for one in looks] + [place(one.days, one.low) for one in reversed(looks)]
    line = [place(one.days, one.lift) for one in looks]
    marks = "".join(
        f'<text x="{_LEFT - 8}" y="{y}">{words}</text>'
        for words, y in (
            (f"+{scale:.0%}", 12),
            ("0", _BAND_HEIGHT / 2 + 4),
            (f"-{scale:.0%}", _BAND_HEIGHT - 2),
        )
    )
    height = _BAND_HEIGHT + _BELOW
    return Markup(
        f'<svg class="band" role="img" aria-label="{escape(told)}" width="{_BAND_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_BAND_WIDTH} {height}"><polygon points="{" ".join(edge)}"/>'
        f'<line class="zero" x1="{_LEFT}" x2="{_BAND_WIDTH}" y1="{_BAND_HEIGHT / 2}" y2="{_BAND_HEIGHT / 2}"/>'
        f'<polyline points="{" ".join(line)}"/>{marks}'
        f'<text x="{_LEFT + 40}" y="{height - 4}">start</text>'
        f'<text x="{_BAND_WIDTH}" y="{height - 4}">day {last:.0f}</text></svg>'
    )


def _across(share: float, scale: float, width: int) -> float:
    """Where a share stands on a scale from -scale to +scale, cut off at its ends."""
    return round((max(-1.0, min(1.0, share / scale)) + 1.0) / 2.0 * width, 1)
