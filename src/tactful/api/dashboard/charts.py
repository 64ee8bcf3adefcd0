"""Charts as SVG, drawn on the server. Colours are classes of the style sheet; the numbers stand beside each, too."""

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

_STEP, _BAR, _TALL = 14, 10, 48
_LINE_WIDE, _LINE_TALL = 160, 32
_WIDE, _HIGH, _LEFT, _BELOW, _ABOVE = 720, 280, 56, 40, 28
_TICKS: Final = 5


def against(values: Sequence[float], targets: Sequence[float], words: str) -> Markup:
    """Returns a bar a value, and a line across each where its target is.

    >>> against([1.0, 2.0], [2.0, 2.0], "two days").count("<path")
    2
    """
    most = max([*values, *targets, 1e-12])
    drawn = []
    for place, (value, target) in enumerate(zip(values, targets, strict=True)):
        x, tall = place * _STEP, max(value / most * (_TALL - 2), 1.0)
        drawn.append(
            f'<rect class="bar" x="{x + 2}" y="{_TALL - tall:.1f}" width="{_BAR}" height="{tall:.1f}"/>'
            f'<path class="aim" d="M{x} {_TALL - target / most * (_TALL - 2):.1f}h{_STEP}"/>'
        )
    return _svg("bars", words, len(values) * _STEP, _TALL, drawn)


def line(values: Float[np.ndarray, " n"], words: str) -> Markup:
    """Returns a line through the values, 0 at the bottom and the largest at the top, with gaps where one is not finite.

    >>> line(np.array([1.0, np.nan, 2.0, 1.0]), "a price").count("M")
    2
    """
    known = np.isfinite(values)
    most = max(float(values[known].max(initial=0.0)), 1e-12)
    low = min(float(values[known].min(initial=0.0)), 0.0)
    step, path, pen = _LINE_WIDE / max(len(values) - 1, 1), [], "M"
    for place, value in enumerate(values.tolist()):
        if known[place]:
            y = _LINE_TALL - 2 - (value - low) / (most - low) * (_LINE_TALL - 4)
            path.append(f"{pen}{place * step:.1f} {y:.1f}")
        pen = "L" if known[place] else "M"
    return _svg("bars", words, _LINE_WIDE, _LINE_TALL, [f'<path class="curve" d="{"".join(path)}"/>'])


class Curve(NamedTuple):
    """A curve: its class in the style sheet, and its points (x, y)."""

    kind: str
    points: Sequence[tuple[float, float]]


def curves(
    lines: Sequence[Curve], mark: tuple[float, float], marked: str, x_words: str, y_words: str, words: str
) -> Markup:
    """Returns curves over two axes, and one marked point.

    The vertical axis begins a little below the smallest value, not at 0: it shows differences.
    """
    every = [*(point for one in lines for point in one.points), mark]
    xs, ys = _ticks(0.0, max(x for x, _ in every)), _ticks(min(y for _, y in every), max(y for _, y in every))

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (x - xs[0]) / (xs[-1] - xs[0]) * (_WIDE - _LEFT - 12)
        return across, _ABOVE + (ys[-1] - y) / (ys[-1] - ys[0]) * (_HIGH - _ABOVE - _BELOW)

    drawn = [_grid_x(place(x, ys[0])[0], x, xs[1] - xs[0]) for x in xs]
    drawn += [_grid_y(place(xs[0], y)[1], y, ys[1] - ys[0]) for y in ys]
    for one in lines:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in one.points))
        drawn.append(f'<polyline class="{one.kind}" points="{points}"/>')
    x, y = place(*mark)
    drawn.append(
        f'<circle class="here" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        f'<text x="{x + 9:.1f}" y="{y + 16:.1f}">{escape(marked)}</text>'
        f'<text x="{_WIDE - 12}" y="{_HIGH - 4}" class="end">{escape(x_words)}</text>'
        f'<text x="{_LEFT - 28}" y="12">{escape(y_words)}</text>'
    )
    return _svg("chart", words, _WIDE, _HIGH, drawn)


def _grid_x(x: float, number: float, step: float) -> str:
    return f'<text x="{x:.1f}" y="{_HIGH - _BELOW + 16}" class="mid">{_number(number, step)}</text>'


def _grid_y(y: float, number: float, step: float) -> str:
    return (
        f'<path class="rule" d="M{_LEFT} {y:.1f}H{_WIDE - 12}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{_number(number, step)}</text>'
    )


def _number(number: float, step: float) -> str:
    return f"{number:.{max(0, -int(np.floor(np.log10(step))))}f}"


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most `low` to at least `high`, some `_TICKS` of them.

    >>> _ticks(0.0, 7.7), _ticks(1.02, 1.09)
    ([0.0, 2.0, 4.0, 6.0, 8.0], [1.02, 1.04, 1.06, 1.08, 1.1])
    """
    span = max(high - low, 1e-6)
    size = 10.0 ** np.floor(np.log10(span / _TICKS))
    step = next(size * times for times in (1.0, 2.0, 5.0, 10.0) if span / (size * times) <= _TICKS)
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    return [round(float(n * step), 10) for n in np.arange(first, max(last, first + 1) + 1)]


def _svg(kind: str, words: str, width: int, height: int, drawn: Sequence[str]) -> Markup:
    return Markup(
        f'<svg class="{kind}" role="img" aria-label="{escape(words)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(drawn)}</svg>'
    )
