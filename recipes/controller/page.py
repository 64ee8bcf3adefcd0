"""Tables of the result page, from the files of a run; everything on it is simulated."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from scipy import stats

from controller import pictures
from controller.contestants import CONTESTANTS, OURS
from controller.disturbance import EVERY, FIRST_WEEKEND, SEVEN, START_DAY, WEEKLY, Disturbance
from controller.judge import ArmsGap, Verdict
from controller.pictures import Shown
from controller.tune import Tried, best

_HEAD: Final = """# The volume controller on a plant: results

**Simulated.** Written by `python recipes/volume_control.py` from the files beside it; plant, bound and words are
explained in [volume control](../../../docs/explanation/volume-control.md).
"""


class Found(msgspec.Struct, frozen=True):
    """What a run left."""

    verdicts: list[Verdict]
    tried: list[Tried]
    arms: list[ArmsGap]
    shown: dict[str, list[Shown]]


def find(results: Path) -> Found:
    """Reads a run's files."""
    verdicts, shown = [], {}
    for what in EVERY:
        name = file_name(what.name)
        verdicts += msgspec.json.decode((results / f"{name}.json").read_bytes(), type=list[Verdict])
        if (drawn := results / f"shown-{name}.json").exists():
            shown[what.name] = msgspec.json.decode(drawn.read_bytes(), type=list[Shown])
    tried = msgspec.json.decode((results / "tuning.json").read_bytes(), type=list[Tried])
    arms = msgspec.json.decode((results / "arms.json").read_bytes(), type=list[ArmsGap])
    return Found(verdicts, tried, arms, shown)


def write(results: Path) -> None:
    """Writes the page and the pictures."""
    found = find(results)
    (results / "README.md").write_text(text(found))
    pictures.write(results, found.verdicts, found.shown)


def tables(found: Found) -> tuple[tuple[str, str], ...]:
    """Returns every table with its title."""
    return (
        ("What ours holds", ours(found.verdicts)),
        ("Mean absolute error of the day's volume", rivals(found.verdicts, "error")),
        ("Share of scored days within the bound", rivals(found.verdicts, "within")),
        ("The largest error of a scored day, mean over the seeds", rivals(found.verdicts, "worst")),
        ("Days after a model swap that nobody announced", after(found.verdicts, SEVEN[8])),
        ("Saturdays and Mondays of a weekly cycle", weekends(found.verdicts, WEEKLY[0])),
        ("Oscillation, and where the price stands", calm(found.verdicts)),
        ("Two arms", arms(found.arms)),
        ("Gains", gains(found.tried)),
    )


def text(found: Found) -> str:
    """Returns the page."""
    return _HEAD + "".join(f"\n## {title}\n\n{table}\n" for title, table in tables(found))


def ours(verdicts: list[Verdict]) -> str:
    """Returns the table of our own rule, a row a disturbance."""
    rows = []
    for what in EVERY:
        mine = _of(verdicts, OURS, what)
        rows.append(
            f"| {what.name} | {_percent(mine, 'within')} | {_percent(mine, 'within_cells')} | {_spread(mine, 'error')} "
            f"| {_spread(mine, 'worst')} | {max(v.swings for v in mine)} | {max(v.turns_a_day for v in mine):.1f} "
            f"| {min(v.rank_low for v in mine):.2f}-{max(v.rank_high for v in mine):.2f} | {_spread(mine, 'hours')} |"
        )
    head = "| | days within | cells within | error, % | worst day, % | swings | turns a day | rank | hours, % |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *rows])


def rivals(verdicts: list[Verdict], measure: str) -> str:
    """Returns one measure in percent, a row a disturbance and a column a rule."""
    names = [one.name for one in CONTESTANTS]
    rows = [
        f"| {what.name} | " + " | ".join(_spread(_of(verdicts, name, what), measure) for name in names) + " |"
        for what in EVERY
    ]
    return "\n".join(["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|", *rows])


def after(verdicts: list[Verdict], what: Disturbance) -> str:
    """Returns the error of the days from a disturbance on, a row a rule; means over the seeds."""
    days = range(START_DAY, START_DAY + 9)
    rows = []
    for one in CONTESTANTS:
        mine = np.mean([v.days for v in _of(verdicts, one.name, what)], axis=0)
        rows.append(f"| {one.name} | " + " | ".join(f"{100 * mine[day]:+.1f}" for day in days) + " |")
    head = "| error, % | the day | " + " | ".join(f"+{day - START_DAY}" for day in days if day > START_DAY) + " |"
    return "\n".join([head, "|---" * (len(days) + 1) + "|", *rows])


def weekends(verdicts: list[Verdict], what: Disturbance) -> str:
    """Returns the error of the days on which a weekly cycle steps up and down, a row a rule; means over the seeds."""
    steps = [day for day in range(what.days) if day % 7 in (FIRST_WEEKEND, 0) and day >= FIRST_WEEKEND]
    rows = []
    for one in CONTESTANTS:
        mine = np.mean([v.days for v in _of(verdicts, one.name, what)], axis=0)
        rows.append(f"| {one.name} | " + " | ".join(f"{100 * mine[day]:+.1f}" for day in steps) + " |")
    names = [f"{'Mon' if day % 7 == 0 else 'Sat'} {day}" for day in steps]
    return "\n".join(["| error, % | " + " | ".join(names) + " |", "|---" * (len(steps) + 1) + "|", *rows])


def calm(verdicts: list[Verdict]) -> str:
    """Returns, a row a rule, the worst over all seven disturbances and seeds of what tells an oscillation."""
    rows, seven = [], {what.name for what in SEVEN}
    for one in CONTESTANTS:
        mine = [v for v in verdicts if v.rule == one.name and v.disturbance in seven]
        rows.append(
            f"| {one.name} | {max(v.swings for v in mine)} | {max(v.turns_a_day for v in mine):.1f} "
            f"| {sum(v.oscillates for v in mine)} of {len(mine)} | {min(v.rank_low for v in mine):.2f}"
            f"-{max(v.rank_high for v in mine):.2f} | {100 * np.mean([v.rank_inside for v in mine]):.1f} "
            f"| {_spread(mine, 'hours')} |"
        )
    head = "| | swings | turns a day | runs that oscillate | rank | hours inside 5-95 %, % | error of hours, % |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def arms(gaps: list[ArmsGap]) -> str:
    """Returns the gap between two arms, a row a way to hold them."""
    rows = []
    for follows, name in ((False, "each on its half of the plan"), (True, "the second follows the first")):
        mine = [g for g in gaps if g.follows == follows]
        rows.append(
            f"| {name} | {_spread(mine, 'error')} | {_spread(mine, 'worst')} | {_spread(mine, 'mean', sign=True)} "
            f"| {_percent(mine, 'within')} |"
        )
    head = "| two arms of unlike models | gap, % | worst day, % | mean, % | days within |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def gains(tried: list[Tried]) -> str:
    """Returns what the grids gave: the error of (day, cell) at each place, the best of each rule in bold."""
    rows = []
    for one in CONTESTANTS:
        mine = [t for t in tried if t.rule == one.name]
        if not mine:
            continue
        lowest = min(t.error for t in mine)
        told = [f"{_words(t)} **{100 * t.error:.1f}**" if t.error == lowest else _tried(t) for t in mine]
        rows.append(f"| {one.name} | {', '.join(told)} | {' '.join(f'{g:g}' for g in best(tried, one))} |")
    return "\n".join(["| rule | gains and error, % | scored with |", "|---|---|---|", *rows])


def file_name(name: str) -> str:
    """Returns the name of a disturbance's file.

    >>> file_name("3 supply doubled at 14:00: jobs")
    '3-supply-doubled-at-14-00-jobs'
    """
    return "-".join("".join(c if c.isalnum() else " " for c in name).split())


def _tried(tried: Tried) -> str:
    return f"{_words(tried)} {100 * tried.error:.1f}"


def _words(tried: Tried) -> str:
    return "/".join(f"{gain:g}" for gain in tried.gains) + ":"


def _of(verdicts: list[Verdict], rule: str, what: Disturbance) -> list[Verdict]:
    return [v for v in verdicts if v.rule == rule and v.disturbance == what.name]


def _percent(measures: list[Verdict] | list[ArmsGap], name: str) -> str:
    return f"{100 * np.mean([getattr(m, name) for m in measures]):.0f} %"


def _spread(measures: list[Verdict] | list[ArmsGap], name: str, sign: bool = False) -> str:
    """Mean in percent with the half width of its 95 % interval over the seeds (Student)."""
    by_seed = {m.seed: [getattr(n, name) for n in measures if n.seed == m.seed] for m in measures}
    values = 100 * np.array([np.mean(of) for of in by_seed.values()])
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.1f} ± {half:.1f}" if sign else f"{values.mean():.1f} ± {half:.1f}"
