"""The result page: tables in Markdown and pictures, made of the cells alone."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from tactful.experiments.stats import Interval
from tactful.features.segments import REACHES
from tactful.simulator.scoring import paired_interval
from tactful.training.volume.report import FitReport
from volume import pictures
from volume.cell import BoundCell, ByReach, Cell
from volume.curves import Curves
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


def write(results: Path) -> None:
    """Writes `README.md` and the pictures beside the cells."""
    found = read(results)
    table = [c for c in found if c.volume == main_volume(found)]
    curves = msgspec.json.decode((results / "curves.json").read_bytes(), type=Curves)
    sprung = msgspec.json.decode((results / "trap.json").read_bytes(), type=Sprung)
    models = [msgspec.json.decode(file.read_bytes(), type=FitReport) for file in sorted(results.glob("models-*.json"))]
    bounds = [msgspec.json.decode(file.read_bytes(), type=BoundCell) for file in sorted(results.glob("bound-*.json"))]
    first = table[0]
    parts = [
        "# Volume arms, simulated",
        f"Made by `python recipes/volume_arms.py` from the cells beside this page: {first.users:,} people, "
        f"{first.days} days, seeds {', '.join(str(s) for s in sorted({c.seed for c in table}))}. Every figure is "
        "simulated. What it means: [volume](../../../docs/explanation/volume.md).",
        "## Arms at equal volume",
        arms(table, bounds),
        "## By reach, against uniform",
        reaches(table),
        "## Frontier",
        frontier(found),
        "## Models on people held out",
        heads(models),
        "## Learned curves against the truth",
        learned(curves),
        "## The trap",
        trapped(sprung),
    ]
    (results / "README.md").write_text("\n\n".join(parts) + "\n")
    pictures.write(results, found, curves, sprung)


def read(results: Path) -> list[Cell]:
    """Returns all cells of arms."""
    files = [file for name in NAMES for file in sorted(results.glob(f"{name}-[0-9]*.json"))]
    return [msgspec.json.decode(file.read_bytes(), type=Cell) for file in files]


def main_volume(cells: list[Cell]) -> float:
    """Returns the volume at which every arm was run."""
    return next(c.volume for c in cells if c.arm == "silence")


def arms(cells: list[Cell], bounds: list[BoundCell]) -> str:
    """Returns the table of means over seeds, with J against uniform and the share of the attainable gain."""
    by = {(c.arm, c.seed): c for c in cells}
    seeds = sorted({c.seed for c in cells})
    limit = {
        b.seed: by["silence", b.seed].score + b.value - b.silence for b in bounds if b.volume == cells[0].volume
    }  # over the silence that was run: the luck of a seed is in both
    base = max(BASES, key=lambda name: mean([by[name, s] for s in seeds], lambda c: c.score))
    rows = []
    for name in [n for n in NAMES if (n, seeds[0]) in by]:
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
    from tactful.simulator.scoring import share_of_gain

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
    """Returns daily actives and J at each volume, and ours against uniform at the main one."""
    main = main_volume(cells)
    seeds = sorted({c.seed for c in cells if c.volume != main and c.volume > 0.0})
    by = {(c.arm, c.seed, c.volume): c for c in cells}
    rows = []
    for name, volume in sorted({(c.arm, c.volume) for c in cells if c.volume != main} | {(n, main) for n in _FRONTIER}):
        mine = [by[name, s, volume] for s in seeds]
        gap = np.array(
            [100.0 * (by[name, s, volume].daily_active - by["uniform", s, main].daily_active) for s in seeds]
        )
        score = np.array([by[name, s, volume].score - by["uniform", s, main].score for s in seeds])
        rows.append(
            [
                NAMES[name],
                f"{volume / main:g}",
                f"{mean(mine, lambda c: c.sends_per_user_week):.3f}",
                f"{100 * mean(mine, lambda c: c.daily_active):.2f}",
                f"{mean(mine, lambda c: c.unsubscribes):.1f}",
                f"{mean(mine, lambda c: c.score):.3f}",
                each(gap, 2),
                each(score, 3),
            ]
        )
    heads = (
        "arm, times the volume, sends a user and week, daily active %, channels closed per 1000 users, J, "
        "daily active above uniform at 1 (points; by seed), J above uniform at 1 (by seed)"
    )
    return markdown([h.strip() for h in heads.replace("; by", ";by").split(", ")], rows)


def heads(models: list[FitReport]) -> str:
    """Returns what every head was worth on people held out, means over the seeds' models."""
    rows = []
    for i, head in enumerate(models[0].heads):
        judged = [m.heads[i].held_out for m in models]
        good = [g for g in judged if g is not None]
        area = [g.auc for g in good if g.auc is not None]
        rows.append(
            [
                head.purpose,
                head.reach,
                ", ".join(sorted({m.heads[i].rung for m in models})),
                f"{np.mean([m.heads[i].positives for m in models]):,.0f}",
                f"{np.mean(area):.3f}" if area else "",
                f"{np.mean([g.log_loss for g in good]):.4f}",
                f"{np.mean([g.constant_log_loss for g in good]):.4f}",
                f"{np.mean([g.observed_over_expected for g in good]):.3f}",
                f"{np.mean([g.calibration_error for g in good]):.4f}",
            ]
        )
    names = "head, reach, rung, positives, AUC, log loss, of the constant, observed / expected, calibration error"
    first = models[0]
    told = ", ".join(
        f"{m.randomisation.value:.3f} ({m.randomisation.low:.3f} to {m.randomisation.high:.3f})" for m in models
    )
    return (
        f"{len(models)} models, each of {first.users:,} people and {first.user_weeks:,} user-weeks. AUC of foretelling "
        f"the budget from covariates, by seed: {told}.\n\n" + markdown(names.split(", "), rows)
    )


def learned(curves: Curves) -> str:
    """Returns learned and true responses by activity state at some budgets."""
    rows = [
        [
            p.activity,
            str(p.k),
            f"{p.people:,}",
            f"{100 * p.active_learned:.2f}",
            f"{100 * p.active_true:.2f} ± {100 * p.active_error:.2f}",
            f"{100 * p.leaves_learned:.2f}",
            f"{100 * p.leaves_true:.2f} ± {100 * p.leaves_error:.2f}",
            f"{p.gain_learned:.2f}",
            f"{p.gain_true:.2f}",
        ]
        for p in curves.points
        if p.k in (0, 1, 3, 6, 10)
    ]
    names = (
        "activity, budget, people, active a day %: learned, ran, closes a channel in a week %: learned, ran, "
        "gain over 0, discounted active days: learned, true"
    )
    return (
        (
            f"{curves.users:,} people of a world on which nothing was fitted; ±: one standard error over people. "
            f"Correlation over people of the learned and the true gain of 3 a week: {curves.gain_correlation:.2f}.\n\n"
            + markdown(
                [
                    "activity",
                    "budget",
                    "people",
                    "active a day %, learned",
                    "ran",
                    "closes a channel in a week %, learned",
                    "ran",
                    "gain over 0, learned",
                    "true",
                ],
                rows,
            )
        )
        if names
        else ""
    )


def trapped(sprung: Sprung) -> str:
    """Returns the curves learned from the habit's volume beside those learned from drawn volume and the truth."""
    rows = [
        [str(k), *(f"{100 * x:.2f}" for x in (naive, observed, drawn)), f"{100 * true:.2f} ± {100 * error:.2f}"]
        for k, naive, observed, drawn, true, error in zip(
            sprung.budgets,
            sprung.naive,
            sprung.observational,
            sprung.randomised,
            sprung.true,
            sprung.true_error,
            strict=True,
        )
    ]
    value, low, high = sprung.auc
    names = ["budget", "who had it", "learned from the habit", "learned from drawn budgets", "everyone at it (ran)"]
    return (
        f"Active a day, %, of {sprung.users:,} people. AUC of foretelling the habit's budgets: {value:.3f} "
        f"({low:.3f} to {high:.3f}).\n\n" + markdown(names, rows) + f"\n\n> {sprung.refusal}"
    )


_FRONTIER: Final = ("uniform", "kdd18_exact", OURS)


def mean(cells: Iterable[Cell], of: Callable[[Cell], float]) -> float:
    """Returns the mean of a figure over cells."""
    return float(np.mean([of(c) for c in cells]))


def signed(differences: np.ndarray, digits: int = 3) -> str:
    """Returns the mean of paired differences with its interval, as text."""
    found: Interval = paired_interval(differences.astype(np.float64))
    return f"{found.value:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"


def each(values: np.ndarray, digits: int) -> str:
    """Returns every value, as text: two seeds have no interval worth the name."""
    return ", ".join(f"{v:+.{digits}f}" for v in values.tolist())


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """Returns a table."""
    lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
    return "\n".join(lines)
