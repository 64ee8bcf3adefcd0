"""The tables of `docs/explanation/timing.md`, from the cells on file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tactful.experiments.stats import Interval
from timing.judge import MEASURES, STRATA, Cell, Score, mean
from volume_real.cells import markdown, shown

TITLES: Final[Mapping[tuple[str, str], str]] = {
    ("globo", "sessions"): "Globo, sessions",
    ("globo", "trials"): "Globo, active in the slot",
    ("email_1h", "sessions"): "E-mail, sessions of writing",
    ("email_1h", "trials"): "E-mail, acts within 1 h",
    ("email_6h", "trials"): "E-mail, acts within 6 h",
    ("kuairand", "sessions"): "KuaiRand, sessions",
    ("kuairand", "trials"): "KuaiRand, active in the slot",
    ("globo_frozen", "sessions"): "Globo, sessions, nothing known after the 11th",
    ("globo_frozen", "trials"): "Globo, active in the slot, nothing known after the 11th",
}
BEGIN: Final = "<!-- tables of recipes/slot_tasks.py -->"
END: Final = "<!-- end of tables -->"
AWAKE: Final = range(8, 22)
"""Hours in which messages may be sent by default: outside them there is too little to speak of calibration."""
DIGITS: Final[Mapping[str, int]] = {"bits": 3, "top-3 share": 3, "log loss": 4, "AUC": 3}


def tables(cells: Sequence[Cell]) -> list[str]:
    """Returns a table for each task of each data set, by stratum where there are several, and one of calibration."""
    found: list[str] = []
    for case, title in TITLES.items():
        here = [cell for cell in cells if (cell.data, cell.task) == case]
        if here:
            found += [f"**{title}**\n\n{_overall(here)}", f"**{title}, by stratum**\n\n{_strata(here)}"]
    trials = [cell for cell in cells if cell.calibration]
    return [*found, *([f"**Calibration by slot, 8:00 to 22:00**\n\n{_calibration(trials)}"] if trials else [])]


def filled(page: str, tables: str) -> str:
    """Returns the page with new tables between its markers."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.split(END)[1]}"


def _overall(cells: Sequence[Cell]) -> str:
    first, second = _measures(cells)
    head = ("model", first, f"{first}, less smoothed", second, f"{second}, less smoothed")
    rows = []
    for model in _models(cells):
        row = [model]
        for measure in (first, second):
            value, difference = _intervals(cells, model, "all", measure)
            row += [
                shown(value, DIGITS[measure]),
                "" if model == "smoothed" else shown(difference, DIGITS[measure], sign="+"),
            ]
        rows.append(row)
    return markdown(head, rows)


def _strata(cells: Sequence[Cell]) -> str:
    first, second = _measures(cells)
    strata = [s for s in STRATA[1:] if any(score.stratum == s for score in cells[0].scores)]
    head = ("model", *(f"{m}, {s} ({_users(cells, s):,})" for m in (first, second) for s in strata))
    rows = []
    for model in _models(cells):
        row = [model]
        for measure in (first, second):
            for stratum in strata:
                value, difference = _intervals(cells, model, stratum, measure)
                digits = DIGITS[measure]
                row.append(f"{value.value:.{digits}f} {_told(difference)}".rstrip())
        rows.append(row)
    return markdown(head, rows)


def _told(difference: Interval) -> str:
    """A sign if the interval of the difference to the smoothed histogram leaves 0 out."""
    if difference.low > 0.0 or difference.high < 0.0:
        return "(+)" if difference.value > 0.0 else "(−)"
    return ""


def _calibration(cells: Sequence[Cell]) -> str:
    """The mean gap of a slot from 8:00 to 22:00, and where observed over expected is lowest and highest (seed 0)."""
    rows = []
    for (data, task), title in TITLES.items():
        for model in _models([cell for cell in cells if (cell.data, cell.task) == (data, task)]):
            cell = next(c for c in cells if (c.data, c.task, c.model, c.seed) == (data, task, model, 0))
            shares = [(slot, *cell.calibration[slot]) for slot in AWAKE]
            ratios = sorted((observed / expected, slot) for slot, expected, observed in shares)
            (low, low_at), (high, high_at) = ratios[0], ratios[-1]
            gap = sum(abs(observed - expected) for _, expected, observed in shares) / len(shares)
            rows.append((title, model, f"{gap:.4f}", f"{low:.2f} at {low_at}:00", f"{high:.2f} at {high_at}:00"))
    return markdown(("data", "model", "mean gap of a slot", "lowest observed/expected", "highest"), rows)


def _measures(cells: Sequence[Cell]) -> tuple[str, str]:
    return MEASURES["sessions" if cells[0].task == "sessions" else "trials"]


def _models(cells: Sequence[Cell]) -> list[str]:
    order = (
        "everyone",
        "everyone, by type of day",
        "histogram",
        "smoothed",
        "work/rest",
        "logistic regression",
        "LightGBM",
    )
    present = dict.fromkeys(cell.model for cell in cells)
    return [m for m in order if m in present] + [m for m in present if m not in order]


def _found(cells: Sequence[Cell], model: str, stratum: str, measure: str) -> Iterator[Score]:
    for cell in cells:
        if cell.model == model:
            yield from (s for s in cell.scores if (s.stratum, s.measure) == (stratum, measure))


def _intervals(cells: Sequence[Cell], model: str, stratum: str, measure: str) -> tuple[Interval, Interval]:
    scores = list(_found(cells, model, stratum, measure))
    return mean([s.value for s in scores]), mean([s.over_smoothed for s in scores])


def _users(cells: Sequence[Cell], stratum: str) -> int:
    return next(s.users for s in cells[0].scores if s.stratum == stratum)
