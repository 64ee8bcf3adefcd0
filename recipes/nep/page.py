"""The result page: tables in Markdown, made of the cells alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from nep import newcomers
from nep.arms import ABLATIONS, SYSTEMS
from nep.cell import Cell, of_each
from tactful.simulator.scoring import paired_interval, share_of_gain
from volume.cell import BoundCell
from volume.markdown import markdown

NAMES: Final = {
    "silence": "silence",
    "daily_budget": "daily budget, best hour (what NEP replaced)",
    "nep": "NEP alone",
    "simple": "simple predictors",
    "everything": "everything together",
    "true_curves": "everything, on true curves (sees the truth)",
    "no_volume_model": "no volume model: as much allowed to everyone",
    "no_slot_model": "no slot model: smoothed histogram",
    "hours_of_everyone": "no personal hours: everybody's clicks by hour",
    "no_ranker": "no ranker: click and unsubscribe rates",
    "nep_utility": "NEP's utility",
    "caps_only": "caps only: no threshold",
    "price_only": "price only: wide caps, the same for everyone",
    "no_exploration": "no exploration",
    "nep_objective": "NEP alone, leaving weighs more among the new",
    "weights": "everything, leaving weighs more among the new",
    "objective": "everything, and the new are given less: they leave 16 times as easily",
    "objective_64": "the same: 64 times as easily",
}
BASE: Final = "daily_budget"
OURS: Final = "everything"
BEGIN: Final = "<!-- tables of recipes/nep_arms.py -->"
END: Final = "<!-- end of tables -->"
T = TypeVar("T")


def write(results: Path) -> None:
    """Writes `README.md` beside the cells."""
    (results / "README.md").write_text(text(results))


def text(results: Path) -> str:
    """Returns the page."""
    found = systems(results)
    one = next((cell for cells in found.values() for cell in cells), None)
    size = f"{one.users:,} people a world, {one.days} days" if one else "no cells yet"
    parts = [
        "# Whole systems in a closed loop, simulated",
        f"Made by `python recipes/nep_arms.py` from the cells beside this page: {size}. Every figure is simulated. "
        "What it means: [the closed loop](../../../docs/explanation/closed-loop.md). Differences of J are of the same "
        "people in the same worlds, with Student's 95 % interval over people: the luck of worlds and of the models' "
        "training is in it only as far as there are several seeds.",
        *tables(results),
    ]
    return "\n\n".join(parts) + "\n"


def tables(results: Path) -> list[str]:
    """Returns every table under its heading."""
    found = systems(results)
    new = _by_arm(results, list(newcomers.ARMS), "newcomers-")
    return [
        "**Systems at equal volume**",
        _table(found, BASE, _bounds(results)),
        "**Everything together, one part taken out**",
        _table(_by_arm(results, [OURS, *ABLATIONS], ""), OURS, []),
        "**Who leaves: channels closed per 1,000 people, by activity when the run began; in brackets messages a person "
        "and week**",
        _leavers(found),
        f"**Newcomers: {newcomers.DAYS} days; a quarter of the people signed up in the four weeks before, and messages "
        "make them leave four times as easily**",
        _leavers(new),
        _table(new, BASE, []),
    ]


def filled(told: str, results: Path) -> str:
    """Returns a page with the tables of now between its markers."""
    before, rest = told.split(BEGIN)
    return "\n\n".join([f"{before}{BEGIN}", *tables(results), f"{END}{rest.split(END)[1]}"])


def systems(results: Path) -> dict[str, list[Cell]]:
    """Returns the cells of whole systems by arm."""
    return _by_arm(results, list(SYSTEMS), "")


def _table(arms: dict[str, list[Cell]], base: str, bounds: Sequence[BoundCell]) -> str:
    heads = [
        *("arm", "seeds", "sends a user and week", "worst week off %", "e-mail %", "daily active %", "weekly active %"),
        *("mails opened a user", "clicks a user", "channels closed per 1,000", "J"),
        f"J less {NAMES[base]} (95 %)",
        *(["share of the attainable gain over it (95 %)"] if bounds else []),
    ]
    rows = []
    for name, cells in arms.items():
        mean = {
            field: float(np.mean([getattr(cell, field) for cell in cells]))
            for field in Cell.__struct_fields__
            if isinstance(getattr(cells[0], field), float)
        }
        rows.append(
            [
                NAMES[name],
                ", ".join(str(cell.seed) for cell in cells),
                f"{mean['sends_per_user_week']:.3f}",
                f"{100 * mean['worst_week']:.1f}" if name != "silence" else "",
                *(f"{100 * mean[field]:.1f}" for field in ("mail_share",)),
                *(f"{100 * mean[field]:.2f}" for field in ("daily_active", "weekly_active")),
                *(f"{mean[field]:.2f}" for field in ("opens", "clicks")),
                f"{mean['unsubscribes']:.1f}",
                f"{mean['score']:.3f}",
                "" if name == base else _difference(cells, arms.get(base, [])),
                *([_share(cells, arms, base, bounds)] if bounds else []),
            ]
        )
    return markdown(heads, rows) if rows else "Not on file yet."


def _difference(cells: list[Cell], base: list[Cell]) -> str:
    """Everybody's J less her J under the base, over the seeds that both have."""
    of_base = {cell.seed: of_each(cell) for cell in base}
    gaps = [of_each(cell) - of_base[cell.seed] for cell in cells if cell.seed in of_base]
    if not gaps:
        return ""
    found = paired_interval(np.concatenate(gaps))
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _share(cells: list[Cell], arms: dict[str, list[Cell]], base: str, bounds: Sequence[BoundCell]) -> str:
    """Shares over the seeds that arm, base, silence and bound all have; needs two."""
    j = {name: {cell.seed: cell.score for cell in arms.get(name, [])} for name in (base, "silence")}
    own, gain = {cell.seed: cell.score for cell in cells}, {b.seed: b.value - b.silence for b in bounds}
    seeds = sorted(set(own) & set(j[base]) & set(j["silence"]) & set(gain))
    if len(seeds) < 2:
        return "needs two seeds"
    quiet = np.array([j["silence"][seed] for seed in seeds])
    over = [np.array([of[seed] for seed in seeds]) - quiet for of in (own, j[base])]
    found = share_of_gain(over[0], over[1], np.array([gain[seed] for seed in seeds]))
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})" if found else ""


def _leavers(arms: dict[str, list[Cell]]) -> str:
    names = [name for name in ("core", "casual", "marginal", "dormant", "new", "resurrected") if _people(arms, name)]
    rows = []
    for arm, cells in arms.items():
        row = [NAMES[arm]]
        for name in names:
            found = [cell.by_activity[name] for cell in cells if name in cell.by_activity]
            people, left, sent = (sum(getattr(one, of) for one in found) for of in ("people", "unsubscribes", "sends"))
            weeks = cells[0].days / 7.0
            row.append(f"{1000 * left / people:.1f} ({sent / people / weeks:.2f})" if people else "")
        rows.append(row)
    people = [f"{name} ({_people(arms, name):,})" for name in names]
    return markdown(["arm", *people], rows) if rows else "Not on file yet."


def _people(arms: dict[str, list[Cell]], name: str) -> int:
    """People of an activity in all worlds of the arm that has most."""
    counts = [sum(c.by_activity[name].people for c in cells if name in c.by_activity) for cells in arms.values()]
    return max(counts, default=0)


def _by_arm(results: Path, names: list[str], prefix: str) -> dict[str, list[Cell]]:
    found = {name: _all(results, f"{prefix}{name}-[0-9]*.json", Cell) for name in names}
    return {name: cells for name, cells in found.items() if cells}


def _bounds(results: Path) -> list[BoundCell]:
    return _all(results, "bound-*.json", BoundCell)


def _all(results: Path, pattern: str, kind: type[T]) -> list[T]:
    return [msgspec.json.decode(file.read_bytes(), type=kind) for file in sorted(results.glob(pattern))]
