"""Starbucks: what does one more offer bring? On randomised sends, and after half of them were hidden.

Source: the rewards app data that Starbucks SIMULATED and published with a Udacity course: 17,000 customers, 30 days,
six send days, each customer sent an offer on each with p about 0.75.
Command: `python recipes/starbucks_dose.py`; cells on file under `results/starbucks_dose` are not computed again.
It prints the tables of the page; `--plot FILE` writes its picture, `--slice 3000` runs on 3,000 customers
(under about 2,000 a rule may not find enough to keep).
Data: `starbucks_sim`. Seeds: 5 dealings of folds for the curve, 100 resamples and hidings for the estimators.
Hardware: one x86-64 core, about 3 minutes idle.
Expected: +0.76 [0.69, 0.83] transactions a send; the tables of `docs/explanation/volume-real-data.md`.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.experiments.dose import contributions, curve, line, regression, slope
from tactful.experiments.stats import Interval
from volume_real import cells, starbucks_page
from volume_real.cells import DoseCell, HiddenCell
from volume_real.customers import DOSES, Customers, read
from volume_real.estimators import FOLDS, estimates, outcome_curves
from volume_real.fitting import ROUNDS, Predict, boosted, by_fold, folds
from volume_real.hiding import RULES, Log, hide
from volume_real.randomisation import dose_foretold, sends_foretold

DOSE_SEEDS: Final = 5
HIDDEN_SEEDS: Final = 100
QUARTERS: Final = 4
MANY_ROUNDS: Final = 8 * ROUNDS
"""Of one more outcome model, to show that the small one shrinks the slope."""


def main(words: Sequence[str] | None = None) -> None:
    """Computes the missing cells and shows all."""
    arguments = _arguments(words)
    folder = arguments.results / (f"slice-{arguments.slice}" if arguments.slice else "")
    customers = read(arguments.data, arguments.slice)
    seeds = (1, 2) if arguments.slice else (DOSE_SEEDS, arguments.seeds)
    _complete(folder, customers, *seeds)
    dose = cells.read(folder / "dose.ndjson", DoseCell)
    hidden = [cell for rule in RULES for cell in cells.read(_file(folder, rule), HiddenCell)]
    if arguments.plot:
        arguments.plot.write_bytes(starbucks_page.picture(dose, hidden))
    print("\n\n".join([*starbucks_page.tables(dose, hidden), *starbucks_page.facts(dose, hidden)]))


def _complete(folder: Path, customers: Customers, dose_seeds: int, hidden_seeds: int) -> None:
    """Appends the cells that are not on file."""
    done = {cell.seed for cell in cells.read(folder / "dose.ndjson", DoseCell)}
    cells.append(folder / "dose.ndjson", (dose_cell(customers, s) for s in range(dose_seeds) if s not in done))
    foretold = spending_foretold(customers)
    for rule in RULES:
        done = {cell.seed for cell in cells.read(_file(folder, rule), HiddenCell)}
        missing = [seed for seed in range(hidden_seeds) if seed not in done]
        cells.append(_file(folder, rule), _hidden_cells(customers, foretold, rule, missing))


def _file(folder: Path, rule: str) -> Path:
    return folder / f"hidden-{rule.replace(' ', '-')}.ndjson"


def dose_cell(customers: Customers, seed: int) -> DoseCell:
    """Returns slopes, curve and randomisation check on the data as it is."""
    began = time.process_time()
    dose, n = customers.dose, len(customers)
    share = np.bincount(dose, minlength=DOSES) / n
    everyone = Log("none", customers, dose, np.ones(n), np.zeros(n, np.bool_), 0.0)
    predicted = outcome_curves(everyone, seed)
    raw, robust = (contributions(dose, customers.transactions, np.ones(n), f, doses=DOSES) for f in (None, predicted))
    sent = dose[:, None].astype(np.float64)
    money = contributions(dose, customers.amount, np.ones(n), doses=DOSES)
    return DoseCell(
        seed=seed,
        customers=n,
        sends=int(dose.sum()),
        sends_foretold=sends_foretold(customers, seed),
        slopes={
            "slope as it lies": slope(raw, share),
            "regression on profile": regression(sent, customers.transactions, customers.profile)[0],
            "outcome model (LightGBM)": slope(predicted, share),
            f"outcome model, {MANY_ROUNDS} rounds": slope(outcome_curves(everyone, seed, MANY_ROUNDS), share),
            "DR, known probability": slope(robust, share),
        },
        amount_slopes={
            "slope as it lies": slope(money, share),
            "regression on profile": regression(sent, customers.amount, customers.profile)[0],
        },
        by_day=regression(customers.sent.astype(np.float64), customers.transactions, customers.profile),
        customers_by_dose=np.bincount(dose, minlength=DOSES).tolist(),
        raw_curve=[point if np.isfinite(point.value) else None for point in curve(raw)],
        robust_curve=curve(robust),
        quarters=_quarters(customers, predicted, share),
        cpu_seconds=round(time.process_time() - began, 2),
    )


def _quarters(
    customers: Customers, predicted: NDArray[np.float64], share: NDArray[np.float64]
) -> list[tuple[float, Interval]]:
    """Customers by the gain that a model without them predicts, the least first: mean prediction, and what came."""
    gain, found = predicted @ line(share), []
    for rows in np.array_split(np.argsort(gain, kind="stable"), QUARTERS):
        own = customers.take(rows)
        terms = contributions(own.dose, own.transactions, np.ones(len(rows)), predicted[rows])
        found.append((float(gain[rows].mean()), slope(terms, share)))
    return found


def spending_foretold(customers: Customers) -> NDArray[np.float64]:
    """Returns the dollars that a profile foretells, cross-fitted with one dealing of folds."""

    def fit(rows: NDArray[np.int64]) -> Predict:
        model = boosted(customers.profile[rows], customers.amount[rows])
        return lambda held: model(customers.profile[held])

    return by_fold(folds(customers.customer, 0, FOLDS), fit)


def _hidden_cells(
    customers: Customers, foretold: NDArray[np.float64], rule: str, seeds: Sequence[int]
) -> Iterator[HiddenCell]:
    """Yields a cell a seed: a resample with replacement, so that the full data is the population, then hidden."""
    n = len(customers)
    share = np.bincount(customers.dose, minlength=DOSES) / n
    truth = slope(contributions(customers.dose, customers.transactions, np.ones(n), doses=DOSES), share).value
    for seed in seeds:
        began, rng = time.process_time(), np.random.default_rng(seed)
        rows = rng.integers(0, n, n)
        log = hide(customers.take(rows), foretold[rows], rule, rng)
        found, foretold_dose = estimates(log, share, seed), dose_foretold(log, seed)
        cost = round(time.process_time() - began, 2)
        hidden = float(log.hidden_share)
        yield HiddenCell(rule, seed, len(log.customers), hidden, foretold_dose, truth, found, cost)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description="The dose curve of Starbucks' offers, whole and half hidden.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument(
        "--results", type=Path, default=here / "results" / "starbucks_dose", help="where cells are kept"
    )
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N customers (0: all), few seeds")
    parser.add_argument("--seeds", type=int, default=HIDDEN_SEEDS, help="resamples and hidings a rule")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the page's picture as PNG")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
