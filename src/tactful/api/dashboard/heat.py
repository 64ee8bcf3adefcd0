"""A week by the hour as a table: every cell has its number, and a shade behind it for the eye."""

from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Bool, Float

ROWS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "All")
SHADES: Final = 9
"""`s1` to `s9` of the style sheet, one colour that grows stronger: there are no two to confuse. 0 has none."""
LEAST: Final = 20
"""Of so many a share is told: of fewer it would be luck."""


class Cell(msgspec.Struct, frozen=True):
    """What one cell says, and its shade."""

    text: str
    shade: int = 0


class Heat(msgspec.Struct, frozen=True):
    """A row for each of `ROWS`: 24 hours, and what they are together. `most`: what the strongest shade stands for."""

    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    most: str


def counted(counts: Float[np.ndarray, "7 24"]) -> Heat:
    """Returns the heat map of counts, an empty cell where there is none.

    >>> heat = counted(np.full((7, 24), 1500.0))
    >>> heat.rows[0][1][0], heat.rows[7][1][24].text
    (Cell(text='1.5k', shade=9), '252k')
    """
    sums = _with_sums(counts)
    return _heat(sums, sums > 0, short, "", 0.0)


def shared(part: Float[np.ndarray, "7 24"], of: Float[np.ndarray, "7 24"]) -> Heat:
    """Returns the heat map of shares in per cent, a dot where there are too few to tell of (`LEAST`).

    >>> shared(np.full((7, 24), 5.0), np.full((7, 24), 20.0)).rows[0][1][0].text
    '25'
    """
    parts, wholes = _with_sums(part), _with_sums(of)
    return _heat(100.0 * parts / np.maximum(wholes, 1.0), wholes >= LEAST, "{:.0f}".format, "·", 0.0)


def spread(shares: Float[np.ndarray, "7 24"], of: Float[np.ndarray, " 7"]) -> Heat:
    """Returns the heat map of how each day is spread over its hours, in per cent; no row for days without `of`.

    Shades begin at the smallest share: days are spread all but evenly.
    """
    days = np.concatenate([shares, np.average(shares, axis=0, weights=of)[None]])
    values = 100.0 * np.concatenate([days, days.sum(axis=1, keepdims=True)], axis=1)
    known = np.append(of, of.sum())[:, None] > 0
    shown = known & np.ones_like(values, dtype=np.bool_)
    return _heat(values, shown, "{:.1f}".format, "", float(values[:-1, :-1][shown[:-1, :-1]].min()))


def short(number: float) -> str:
    """Returns a count in four characters at most.

    >>> [short(n) for n in (7.0, 999.0, 1500.0, 25_300.0, 2_500_000.0)]
    ['7', '999', '1.5k', '25k', '2.5M']
    """
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if round(number) >= size:
            scaled = number / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return f"{number:.0f}"


def _with_sums(cells: Float[np.ndarray, "7 24"]) -> Float[np.ndarray, "8 25"]:
    days = np.concatenate([cells, cells.sum(axis=0, keepdims=True)])
    return np.concatenate([days, days.sum(axis=1, keepdims=True)], axis=1)


def _heat(
    values: Float[np.ndarray, "8 25"],
    known: Bool[np.ndarray, "8 25"],
    text: Callable[[float], str],
    missing: str,
    lowest: float,
) -> Heat:
    """`lowest` is what has no shade yet."""
    inner = np.where(known, values, lowest)[:-1, :-1]
    most = float(inner.max())
    shade = np.zeros(values.shape, dtype=np.int64)
    if most > lowest:
        shade[:-1, :-1] = np.ceil(SHADES * (inner - lowest) / (most - lowest))
    texts = np.where(known, np.vectorize(text, otypes=[object])(values), missing)
    rows = [
        (name, tuple(Cell(str(one), int(strong)) for one, strong in zip(said, shades, strict=True)))
        for name, said, shades in zip(ROWS, texts, shade, strict=True)
    ]
    return Heat(tuple(rows), text(most))
