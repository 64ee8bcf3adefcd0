"""The tables of the benchmark in Markdown, made of the cells alone."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np

from tactful.experiments.stats import Interval
from tactful.simulator.bench import compare, sensitivity, worlds
from tactful.simulator.bench.arms import ORACLES, OURS
from tactful.simulator.bench.cell import BoundCell, Cell
from tactful.simulator.bench.compare import SILENCE

BEGIN: Final = "<!-- tables of tactful bench decisions -->"
END: Final = "<!-- end of tables -->"
Column: TypeAlias = tuple[str, Callable[[str], str]]
"""A heading, and what it says of an arm."""
_OFF: Final = 0.01
"""Part of the volume by which an arm may be off it without a mark."""


def tables(cells: Sequence[Cell], bounds: Sequence[BoundCell]) -> list[str]:
    """Returns every table that there are cells for, under its heading; each ends with what it is made of."""
    names = list(dict.fromkeys(cell.world for cell in cells))
    drawn = [name for name in names if name.startswith(worlds.PRIOR)]
    shown = [name for name in (*worlds.VARIANTS, *_own(names)) if name in names]
    parts: list[str] = []
    for name in shown:
        parts += [f"**The world `{name}` at equal volume**", equal_volume(cells, bounds, name)]
        swept = equal_unsubscribes(cells, name)
        parts += [f"**The world `{name}` at equal unsubscribes**", swept] if swept else []
    if drawn:
        parts += [f"**{len(drawn)} worlds drawn from the prior: how often ours has more J**", win_rates(cells, drawn)]
    scaled = sensitivity_table(cells)
    return [*parts, *(["**Ranks by J when one constant of the world is scaled**", scaled] if scaled else [])]


def filled(told: str, made: Sequence[str]) -> str:
    """Returns a page with the tables between its markers."""
    before, rest = told.split(BEGIN)
    return "\n\n".join([f"{before}{BEGIN}", *made, f"{END}{rest.split(END)[1]}"])


def equal_volume(cells: Sequence[Cell], bounds: Sequence[BoundCell], world: str) -> str:
    """Returns one world's arms, those of most J over the base first; an arm off the volume by over 1 % is marked.

    Where a world contradicts what we assume, silence is what an arm must not fall behind.
    """
    arms = compare.of_world(cells, world)
    columns = [*_figures(arms), *_gains(arms, [bound for bound in bounds if bound.world == world], world)]
    base = compare.base_of(arms)

    def lead(name: str) -> float:
        over = compare.gain(arms[name], arms[base]) if base else None
        return _mean(arms[name], "score") if over is None else over.value

    rows = [[told(name) for _, told in columns] for name in sorted(arms, key=lead, reverse=True)]
    return "\n\n".join([markdown([head for head, _ in columns], rows), _made_of(arms)])


def _figures(arms: dict[str, list[Cell]]) -> list[Column]:
    """What an arm came to by itself."""

    def mean(field: str, form: str, times: float = 1.0) -> Callable[[str], str]:
        return lambda name: format(times * _mean(arms[name], field), form)

    return [
        ("arm", _told),
        ("seeds", lambda name: ", ".join(str(cell.seed) for cell in arms[name])),
        ("sends a user and week", lambda name: f"{_mean(arms[name], 'sends_per_user_week'):.3f}{_mark(arms[name])}"),
        ("daily active %", mean("daily_active", ".2f", 100.0)),
        ("weekly active %", mean("weekly_active", ".2f", 100.0)),
        ("mails opened a user", mean("opens", ".2f")),
        ("channels closed per 1,000", mean("unsubscribes", ".1f")),
        ("active in the last week %", mean("retention", ".1f", 100.0)),
        ("J", mean("score", ".3f")),
    ]


def _gains(arms: dict[str, list[Cell]], limits: Sequence[BoundCell], world: str) -> list[Column]:
    """What an arm came to beside others; a column stands only where there is something to compare with."""
    base, silence = compare.base_of(arms), arms.get(SILENCE, [])
    columns: list[Column] = []
    if base:
        usual = arms[base]
        columns.append((f"J over {base} (95 %)", lambda name: _over(arms[name], usual)))
        if limits:
            head = f"share of the attainable gain over {base} (95 %)"
            columns.append((head, lambda name: _part(arms[name], usual, silence, limits)))
        columns.append(("variance saved", lambda name: _times(compare.precision(arms[name], usual))))
    if OURS in arms:
        columns.append((f"J of {OURS} over it (95 %)", lambda name: _over(arms[OURS], arms[name])))
    if silence and world in worlds.CONTRADICTING:
        columns.append(("J over silence (95 %)", lambda name: _over(arms[name], silence)))
    return columns


def equal_unsubscribes(cells: Sequence[Cell], world: str) -> str:
    """Returns the arms of a world with a sweep, each where it closes as many channels as the base; else nothing."""
    if len({cell.times for cell in cells if cell.world == world and cell.arm != SILENCE}) < 2:
        return ""
    base = compare.base_of(compare.of_world(cells, world))
    found = compare.at_equal_loss(cells, world, base) if base else []
    heads = ["arm", "channels closed per 1,000", "messages a user and week", "daily active %", f"J over {base} (95 %)"]
    rows = [
        [
            _told(one.arm),
            f"{one.unsubscribes:.1f}",
            f"{one.volume:.2f}",
            f"{100.0 * one.daily_active:.2f}",
            _interval(one.gain, "+.3f"),
        ]
        for one in found
    ]
    return markdown(heads, rows) if rows else ""


def win_rates(cells: Sequence[Cell], drawn: Sequence[str]) -> str:
    """Returns how ours fares against every other arm in the drawn worlds."""
    others = list(dict.fromkeys(cell.arm for cell in cells if cell.world in drawn and cell.arm != OURS))
    found = [compare.wins(cells, drawn, OURS, other) for other in others]
    heads = [f"{OURS} against", "worlds won", "share won (95 %)", "J more, mean over worlds (95 %)"]
    rows = [
        [_told(one.against), f"{one.won} of {one.of}", _interval(one.rate, ".2f"), _interval(one.gain, "+.3f")]
        for one in found
        if one is not None
    ]
    return "\n\n".join([markdown(heads, rows), _made_of(compare.of_world(cells, drawn[0]))])


def sensitivity_table(cells: Sequence[Cell]) -> str:
    """Returns the ranks of the arms that all scaled worlds on file have, a row a world; nothing without such worlds."""
    names = [name for name in sensitivity.scaled_worlds() if any(cell.world == name for cell in cells)]
    if not names:
        return ""
    arms = compare.leading_everywhere(cells, names)
    rows = []
    for name in names:
        place = compare.ranks(cells, name, arms)
        of = compare.of_world(cells, name)
        second = min((arm for arm in arms if arm != OURS), key=lambda arm: place[arm], default=None)
        gap = compare.gain(of[OURS], of[second]) if second and OURS in of else None
        rows.append([name, *(str(place[arm]) for arm in arms), f"{_interval(gap, '+.3f')} over {second}"])
    heads = ["constant", *(_told(arm) for arm in arms), f"J of {OURS} over the best of the others (95 %)"]
    return "\n\n".join([markdown(heads, rows), _made_of(compare.of_world(cells, names[0]))])


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _own(names: Sequence[str]) -> list[str]:
    return [name for name in names if worlds.is_own(name)]


def _told(arm: str) -> str:
    return f"*{arm} (sees the truth)*" if arm in ORACLES else f"**{arm}**" if arm == OURS else arm


def _mark(cells: Sequence[Cell]) -> str:
    """A mark where an arm that is meant to send was off its volume."""
    off = [abs(cell.sends_per_user_week / cell.volume - 1.0) for cell in cells if cell.volume > 0.0]
    return " (off)" if off and float(np.mean(off)) > _OFF else ""


def _made_of(arms: dict[str, list[Cell]]) -> str:
    one = next(cell for cells in arms.values() for cell in cells)
    return f"{one.users:,} people, {one.days} days, simulated."


def _mean(cells: Sequence[Cell], field: str) -> float:
    return float(np.mean([getattr(cell, field) for cell in cells]))


def _over(mine: list[Cell], theirs: list[Cell]) -> str:
    return "" if mine is theirs else _interval(compare.gain(mine, theirs), "+.3f")


def _part(mine: list[Cell], base: list[Cell], silence: list[Cell], limits: Sequence[BoundCell]) -> str:
    return "" if mine is base else _interval(compare.share(mine, base, silence, limits), ".2f")


def _times(saved: float | None) -> str:
    return "" if saved is None else f"{saved:.0f} times"


def _interval(found: Interval | None, form: str) -> str:
    if found is None:
        return ""
    value, low, high = (format(x, form) for x in found)
    return f"{value} ({low} to {high})"
