"""The tables of `docs/explanation/behaviour-sequences.md`, from the cells on file."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from responses.cells import Cell, seeds_of
from responses.compare import COMPARED, ByLength, Difference
from responses.learn import SETTINGS, Trial
from responses.models import NEURAL
from tactful.experiments.response_scores import MEASURES
from volume_real.cells import markdown, shown

BEGIN: Final = "<!-- tables of recipes/tin_table1.py -->"
END: Final = "<!-- end of tables -->"
TITLES: Final[Mapping[str, str]] = {
    "toys": "Toys",
    "toys_uniform": "Toys, negatives drawn uniformly",
    "kuairand": "KuaiRand",
    "globo": "Globo",
    "amazon": "Amazon, the paper's",
    "alibaba": "Alibaba, the paper's",
}
_FOUND: Final = 0.05
"""CPU seconds of a fit that was found on disk, finished: it says nothing of what fitting costs."""
HEADS: Final = dict(zip(COMPARED, ("TIN", "ours"), strict=True))
LESS: Final = tuple((model, measure) for model in COMPARED for measure in ("AUC", "GAUC"))
"""Differences that a table shows; those of the log loss are in the files."""
ENCODINGS: Final = (
    "tin",
    "tin_interval",
    "tin_both",
    "tin_order",
    "tin_timestamp",
    "tin_without_tte",
    "position_bias",
    "interval_bias",
    "sim",
)
TABLE_1: Final = tuple(name for name in NEURAL if name not in ENCODINGS or name in (*COMPARED, "tin_without_tte"))


def tables(
    cells: Sequence[Cell], differences: Sequence[Difference], lengths: Sequence[ByLength], trials: Sequence[Trial]
) -> list[str]:
    """Returns a Table 1 a data set, Table 3, Table 4, and what tuning chose."""
    found = []
    for data, title in TITLES.items():
        here = [cell for cell in cells if cell.data == data]
        simple = list(dict.fromkeys(cell.model for cell in here if cell.model not in NEURAL))
        if here:
            found.append(f"**{title}**\n\n{_scores(here, differences, (*simple, *TABLE_1))}")
    measured = dict.fromkeys(row.data for row in lengths)
    found += [f"**{TITLES[data]}, by length of history**\n\n{_lengths(data, lengths)}" for data in measured]
    for data, title in TITLES.items():
        here = [cell for cell in cells if cell.data == data and cell.model in ENCODINGS]
        if {cell.model for cell in here} - {*COMPARED, "tin_without_tte"}:
            found.append(f"**{title}, encodings**\n\n{_scores(here, differences, ENCODINGS)}")
    return [*found, f"**Chosen on validation**\n\n{_chosen(trials)}"] if trials else found


def filled(page: str, tables: Sequence[str], begin: str = BEGIN) -> str:
    """Returns the page with new tables after the marker `begin`, up to the next `END`."""
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n" + "\n\n".join(tables) + f"\n\n{END}{rest.partition(END)[2]}"


def _scores(cells: Sequence[Cell], differences: Sequence[Difference], models: Sequence[str]) -> str:
    data = cells[0].data
    rows = []
    for model in models:
        mine = seeds_of(cells, data, model)
        if not mine:
            continue
        values = [_spread([cell.scores[measure].value for cell in mine]) for measure in MEASURES]
        found = {d.model: d for d in differences if (d.data, d.rival) == (data, model)}
        apart = [_apart(found[m], measure) if m in found else "" for m, measure in LESS]
        cpu = f"{np.median([cell.fit_cpu_seconds for cell in mine if cell.fit_cpu_seconds > _FOUND] or [0.0]):,.0f}"
        neural = NEURAL.get(model)
        name, code = (neural.title, neural.code) if neural else (model.replace("_", " "), "")
        rows.append([name, code, str(len(mine)), *values, *apart, cpu])
    head = (
        "model",
        "code",
        "seeds",
        *MEASURES,
        *(f"{HEADS[m]} less it, {measure}" for m, measure in LESS),
        "CPU s a fit",
    )
    return markdown(head, rows)


def _apart(difference: Difference, measure: str) -> str:
    """The difference; that of the AUC with the seeds that agree with being above 0."""
    interval = shown(difference.gains[measure], 4, sign="+")
    several = measure == "AUC" and difference.paired > 1
    return f"{interval} {difference.won}/{difference.paired}" if several else interval


def _spread(values: Sequence[float]) -> str:
    """Mean over seeds, with their standard deviation where there are several."""
    if len(values) < 2:
        return f"{values[0]:.4f}"
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def _lengths(data: str, lengths: Sequence[ByLength]) -> str:
    rows = [
        [f"{r.first}-{r.last}", f"{r.users:,}", f"{r.relative:.4f}", f"{r.order:.4f}", shown(r.gain, 4, sign="+")]
        for r in lengths
        if r.data == data
    ]
    return markdown(("behaviours", "users", "TTE-P, GAUC", "chronological order, GAUC", "difference"), rows)


def _chosen(trials: Sequence[Trial]) -> str:
    """The chosen setting of each model, and how far the settings lay apart."""
    rows = []
    for data, title in TITLES.items():
        for model in dict.fromkeys(trial.model for trial in trials if trial.data == data):
            mine = [trial for trial in trials if (trial.data, trial.model) == (data, model)]
            if len(mine) < len(SETTINGS):
                continue
            losses = sorted(min(trial.losses) for trial in mine)
            best = min(mine, key=lambda trial: min(trial.losses)).setting
            values = (f"{best.learning_rate:g}", f"{best.table_rate:g}", f"{best.decay:g}", f"{best.dropout:g}")
            cpu = f"{sum(trial.cpu_seconds for trial in mine):,.0f}"
            rows.append([title, NEURAL[model].title, *values, f"{losses[0]:.4f}", f"{losses[-1]:.4f}", cpu])
    tuned = ("learning rate", "of tables", "L2", "dropout")
    head = ("data", "model", *tuned, "log loss, best", "worst", "CPU s, 8 trials")
    return markdown(head, rows)
