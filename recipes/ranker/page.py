"""The table of rankers, in Markdown, from the cells on file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from ranker.cell import RankerCell
from ranker.rivals import TITLES
from tactful.experiments.stats import Interval
from tactful.models.protocol import RANK_HEADS

BEGIN: Final = "<!-- tables of recipes/ranker_table.py -->"
END: Final = "<!-- end of tables -->"
Join: TypeAlias = Callable[[Sequence[Interval]], Interval]
"""Makes one interval of those of several seeds."""


def tables(cells: Sequence[RankerCell], real: Sequence[RankerCell] = ()) -> str:
    """Returns losses and scores by head and channel of simulated worlds, and losses on recorded behaviour."""
    if not cells:
        return "No cell is on file yet.\n"
    parts = [_losses(cells), *(_heads(cells, name) for name in ("network", "boosted", "simple"))]
    if real:
        parts += [
            "Recorded behaviour (KuaiRand), clicks only, nothing calibrated:\n",
            _losses(real, averaged),
            _clicks(real),
        ]
    return "\n".join(parts)


def write(cells: Sequence[RankerCell], real: Sequence[RankerCell], page: Path) -> None:
    """Puts the tables between the markers of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{tables(cells, real)}\n{END}{after}", encoding="utf-8")


def pooled(intervals: Sequence[Interval]) -> Interval:
    """Returns the mean over worlds that are independent: half widths add by squares."""
    value = float(np.mean([one.value for one in intervals]))
    low, high = (
        float(np.sqrt(np.sum([(one.value - end) ** 2 for one, end in zip(intervals, ends, strict=True)])))
        for ends in ([one.low for one in intervals], [one.high for one in intervals])
    )
    return Interval(value, value - low / len(intervals), value + high / len(intervals))


def averaged(intervals: Sequence[Interval]) -> Interval:
    """Returns the mean over fits to the same people: several fits do not make their luck less."""
    value, low, high = np.mean([(one.value, one.low, one.high) for one in intervals], axis=0).tolist()
    return Interval(value, low, high)


def _losses(cells: Sequence[RankerCell], join: Join = pooled) -> str:
    head = ("ranker", "seeds", "weighted log loss", "less LightGBM", "less simple", "CPU s", "candidates/s")
    lines = [_row(head), _row(["---"] * len(head))]
    for name, title in TITLES.items():
        mine = [one for one in cells if one.rival == name]
        if not mine:
            continue
        rates = [one.candidates_per_s for one in mine if one.candidates_per_s is not None]
        lines.append(
            _row(
                (
                    title,
                    f"{len(mine)}",
                    _told(join([one.loss for one in mine]), ""),
                    *(_gap(cells, name, other, join) for other in ("boosted", "simple")),
                    f"{np.mean([one.cpu_s for one in mine]):.0f}",
                    f"{np.mean(rates):,.0f}" if rates else "-",
                )
            )
        )
    return "\n".join([*lines, ""])


def _clicks(cells: Sequence[RankerCell]) -> str:
    """AUC and log loss of clicks, means over seeds."""
    lines = [_row(("ranker", "AUC", "log loss", "base")), _row(["---"] * 4)]
    for name, title in TITLES.items():
        found = [cell for one in cells if one.rival == name for cell in one.cells if cell.channel == "all"]
        if found:
            scores = ([c.auc for c in found], [c.log_loss for c in found], [c.base_log_loss for c in found])
            lines.append(_row((title, *(_mean(values, 4) for values in scores))))
    return "\n".join([*lines, ""])


def _gap(cells: Sequence[RankerCell], name: str, other: str, join: Join = pooled) -> str:
    """The difference of two rivals over the seeds that have both, whichever was fitted later."""
    found = [one.over[other] for one in cells if one.rival == name and other in one.over]
    if not found:
        turned = [one.over[name] for one in cells if one.rival == other and name in one.over]
        found = [Interval(-gap.value, -gap.high, -gap.low) for gap in turned]
    return _told(join(found), "+") if found and name != other else "-"


def _heads(cells: Sequence[RankerCell], name: str) -> str:
    """By head and channel: means over seeds."""
    mine = [one for one in cells if one.rival == name]
    if not mine:
        return ""
    head = ("head", "channel", "messages", "positives", "AUC", "log loss", "base", "o/e", "ECE")
    lines = [f"{TITLES[name]}, by head and channel:", "", _row(head), _row(["---"] * len(head))]
    keys = [(cell.head, cell.channel) for cell in mine[0].cells]
    for key in sorted(keys, key=lambda k: (RANK_HEADS.index(k[0]), keys.index(k))):
        found = [cell for one in mine for cell in one.cells if (cell.head, cell.channel) == key]
        columns = [
            _mean([cell.auc for cell in found], 3),
            _mean([cell.log_loss for cell in found], 4),
            _mean([cell.base_log_loss for cell in found], 4),
            _mean([cell.observed_over_expected for cell in found], 2),
            _mean([cell.calibration_error for cell in found], 4),
        ]
        counts = (f"{sum(cell.messages for cell in found):,}", f"{sum(cell.positives for cell in found):,}")
        lines.append(_row((*key, *counts, *columns)))
    return "\n".join([*lines, ""])


def _mean(values: Sequence[float | None], digits: int) -> str:
    there = [value for value in values if value is not None]
    return f"{np.mean(there):.{digits}f}" if there else "-"


def _told(interval: Interval, sign: str) -> str:
    value, low, high = (f"{number:{sign}.4f}" for number in interval)
    return f"{value} [{low}, {high}]"


def _row(columns: Sequence[str]) -> str:
    return f"| {' | '.join(columns)} |"
