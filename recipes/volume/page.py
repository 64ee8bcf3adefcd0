"""The result page: tables in Markdown and pictures, made of the cells alone."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np

from tactful.experiments.stats import Interval
from tactful.features.segments import REACHES
from tactful.simulator.scoring import paired_interval, share_of_gain
from tactful.training.volume.report import FitReport
from volume import about_models, pictures
from volume.cell import BoundCell, ByReach, Cell
from volume.curves import Curves
from volume.markdown import markdown
from volume.trap import Sprung

NAMES: Final = {
    "silence": "silence",
    "hand_caps": "hand caps, best hour",
    "uniform": "uniform",
    "ctr_percentile": "CTR percentile (cool-down)",
    "click_greedy": "greedy by click rate",
    "kdd18_r1": "KDD'18, rule R1",
    "kdd18_r2": "KDD'18, rule R2",
    "kdd18_exact": "KDD'18 value, exact",
    "discounted": "discounted value, exact (ours)",
    "discounted_weekly": "the same, active weeks for low states",
    "true_curves": "true curves, exact (sees the truth)",
}
BASES: Final = ("hand_caps", "uniform")
OURS: Final = "discounted"
T = TypeVar("T")


class Found(NamedTuple):
    """What a run left behind."""

    table: list[Cell]
    frontier: list[Cell]
    bounds: list[BoundCell]
    models: list[FitReport]
    curves: Curves
    sprung: Sprung


def write(results: Path) -> None:
    """Writes `README.md` and the pictures beside the cells."""
    found = find(results)
    (results / "README.md").write_text(text(found))
    pictures.write(results, found.table, found.frontier, found.curves, found.sprung)


def find(results: Path) -> Found:
    """Returns everything that lies in a folder of results."""
    return Found(
        table=[c for name in NAMES for c in _all(results, f"{name}-[0-9]*.json", Cell)],
        frontier=_all(results, "frontier-*.json", Cell),
        bounds=_all(results, "bound-*.json", BoundCell),
        models=_all(results, "models-*.json", FitReport),
        curves=msgspec.json.decode((results / "curves.json").read_bytes(), type=Curves),
        sprung=msgspec.json.decode((results / "trap.json").read_bytes(), type=Sprung),
    )


def text(found: Found) -> str:
    """Returns the page."""
    first, seeds = found.table[0], sorted({c.seed for c in found.table})
    parts = [
        "# Volume arms, simulated",
        f"Made by `python recipes/volume_arms.py` from the cells beside this page: {first.users:,} people, "
        f"{first.days} days, seeds {', '.join(str(s) for s in seeds)}. Every figure is simulated. What it means: "
        "[volume](../../../docs/explanation/volume.md).",
        "## Arms at equal volume",
        arms(found.table, found.bounds),
        "## By reach, against uniform",
        reaches(found.table),
        "## Frontier",
        frontier(found.frontier),
        "## Models on people held out",
        about_models.heads(found.models),
        "## Learned curves against the truth",
        about_models.learned(found.curves),
        "## The trap",
        about_models.trapped(found.sprung),
    ]
    return "\n\n".join(parts) + "\n"


def _all(results: Path, pattern: str, kind: type[T]) -> list[T]:
    """The files that fit a pattern, in the order of their names."""
    return [msgspec.json.decode(file.read_bytes(), type=kind) for file in sorted(results.glob(pattern))]


def arms(cells: list[Cell], bounds: list[BoundCell]) -> str:
    """Returns the table of means over seeds, with J against uniform and the share of the attainable gain."""
    by = {(c.arm, c.seed): c for c in cells}
    seeds = sorted({c.seed for c in cells})
    limit = {
        b.seed: by["silence", b.seed].score + b.value - b.silence for b in bounds if b.volume == cells[0].volume
    }  # over the silence that was run: the luck of a seed is in both
    base = max(BASES, key=lambda name: mean([by[name, s] for s in seeds], lambda c: c.score))
    rows = []
    for name in [n for n in NAMES if all((n, s) in by for s in seeds)]:
        mine = [by[name, s] for s in seeds]
        gap = np.array([by[name, s].score - by["uniform", s].score for s in seeds])
        share = "" if name == base else gained(by, limit, name, base, seeds)
        rows.append(
            [
                NAMES[name],
                f"{mean(mine, lambda c: c.sends_per_user_week):.3f}",
                f"{100 * mean(mine, lambda c: c.mail_share):.1f}",
                f"{100 * mean(mine, lambda c: c.daily_active):.2f}",
                f"{100 * mean(mine, lambda c: c.weekly_active):.2f}",
                f"{mean(mine, lambda c: c.opens):.2f}",
                f"{mean(mine, lambda c: c.unsubscribes):.1f}",
                f"{100 * mean(mine, lambda c: c.active_at_end):.2f}",
                f"{100 * mean(mine, lambda c: c.reachable_at_end):.2f}",
                f"{mean(mine, lambda c: c.score):.3f}",
                "" if name == "uniform" else signed(gap),
                share,
            ]
        )
    heads = (
        "arm, sends a user and week, e-mail %, daily active %, weekly active %, mails opened a user, "
        "channels closed per 1000 users, active in week 8 %, reachable at the end %, J, J above uniform (95 %), "
        f"share of the attainable gain over {NAMES[base]} (95 %)"
    )
    return markdown(heads.split(", "), rows)


def gained(by: dict[tuple[str, int], Cell], limit: dict[int, float], name: str, base: str, seeds: list[int]) -> str:
    """Returns the share of the gain that the bound leaves open, with Fieller's interval."""
    judged = [s for s in seeds if s in limit]
    if len(judged) < 2:
        return ""
    share = share_of_gain(
        np.array([by[name, s].score for s in judged]),
        np.array([by[base, s].score for s in judged]),
        np.array([limit[s] for s in judged]),
    )
    return "not to be told" if share is None else f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})"


def reaches(cells: list[Cell]) -> str:
    """Returns ours against uniform by reach, in the manner of the paper's Table 1: changes in percent."""
    by = {(c.arm, c.seed): c for c in cells}
    seeds = sorted({c.seed for c in cells})
    rows = []
    for name in REACHES:
        pairs = [(by[OURS, s].by_reach[name], by["uniform", s].by_reach[name]) for s in seeds]
        mails, pushes = any(u.mails for _, u in pairs), any(u.pushes for _, u in pairs)
        rows.append(
            [
                name.replace("_", " "),
                change(pairs, lambda r: r.mails) if mails else "",
                change(pairs, lambda r: r.pushes) if pushes else "",
                change(pairs, lambda r: r.mail_clicks / r.mails) if mails else "",
                change(pairs, lambda r: r.push_clicks / r.pushes) if pushes else "",
                change(pairs, lambda r: float(r.active_days)),
            ]
        )
    heads = ["reach", "mails %", "pushes %", "clicks a mail %", "clicks a push %", "daily active %"]
    return markdown(heads, rows)


def change(pairs: list[tuple[ByReach, ByReach]], of: Callable[[ByReach], float]) -> str:
    """Returns a relative change in percent, paired by seed."""
    return signed(np.array([100.0 * (of(arm) / of(base) - 1.0) for arm, base in pairs]), digits=1)


def frontier(cells: list[Cell]) -> str:
    """Returns daily actives and J of three arms at every volume, each against uniform at the main one."""
    by = {(c.arm, c.volume, c.seed): c for c in cells}
    seeds = sorted({c.seed for c in cells})
    volumes = sorted({c.volume for c in cells})
    main = volumes[len(volumes) // 2]
    rows = []
    for name, volume in [(n, v) for n in NAMES for v in volumes if (n, v, seeds[0]) in by]:
        mine, base = ([by[n, v, s] for s in seeds] for n, v in ((name, volume), ("uniform", main)))
        active = [100.0 * (c.daily_active - b.daily_active) for c, b in zip(mine, base, strict=True)]
        worth = [c.score - b.score for c, b in zip(mine, base, strict=True)]
        rows.append(
            [
                NAMES[name],
                f"{volume / main:g}",
                f"{mean(mine, lambda c: c.sends_per_user_week):.3f}",
                f"{100 * mean(mine, lambda c: c.daily_active):.2f}",
                f"{mean(mine, lambda c: c.unsubscribes):.1f}",
                f"{mean(mine, lambda c: c.score):.3f}",
                ", ".join(f"{x:+.2f}" for x in active),
                ", ".join(f"{x:+.3f}" for x in worth),
            ]
        )
    heads = [
        "arm", "times the volume", "sends a user and week", "daily active %", "channels closed per 1000 users", "J",
        "daily active above uniform at 1, points, by seed", "J above uniform at 1, by seed",
    ]  # fmt: skip
    told = f"{cells[0].users:,} people, seeds {', '.join(str(s) for s in seeds)}; two seeds have no interval worth it."
    return f"{told}\n\n{markdown(heads, rows)}"


def mean(cells: Iterable[Cell], of: Callable[[Cell], float]) -> float:
    """Returns the mean of a figure over cells."""
    return float(np.mean([of(c) for c in cells]))


def signed(differences: np.ndarray, digits: int = 3) -> str:
    """Returns the mean of paired differences with its interval, as text."""
    found: Interval = paired_interval(differences.astype(np.float64))
    return f"{found.value:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"
