"""Results as NDJSON, a line a cell, so that a second run computes the missing cells only."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from tactful.experiments.stats import Interval


class DoseCell(msgspec.Struct, frozen=True):
    """Starbucks as it is, with one dealing of the folds. Slopes are outcomes a send; lists go by dose, day or quarter.

    Attributes:
        sends_foretold: AUC of foretelling a send.
        slopes, amount_slopes: by estimator; transactions, and dollars.
        by_day: transactions gained by a send on each of the six days.
        customers_by_dose, raw_curve, robust_curve: mean transactions at 0..6 sends, as they lie (None where nobody was
            sent so many) and doubly robust.
        quarters: transactions a send within quarters of customers by predicted gain, the least first; with the
            prediction.
    """

    seed: int
    customers: int
    sends: int
    sends_foretold: Interval
    slopes: dict[str, Interval]
    amount_slopes: dict[str, Interval]
    by_day: list[Interval]
    customers_by_dose: list[int]
    raw_curve: list[Interval | None]
    robust_curve: list[Interval]
    quarters: list[tuple[float, Interval]]
    cpu_seconds: float


class HiddenCell(msgspec.Struct, frozen=True):
    """One hiding of a resample of Starbucks: transactions a send by estimator; the truth is that of the full data.

    `dose_foretold` is the randomisation check: the AUC of foretelling from the profile who has many sends on record.
    """

    rule: str
    seed: int
    customers: int
    hidden_share: float
    dose_foretold: Interval
    truth: float
    estimates: dict[str, Interval]
    cpu_seconds: float


class CheckCell(msgspec.Struct, frozen=True):
    """AUC of foretelling from what was known of a customer whether she is mailed."""

    mailing: str
    mailing_foretold: Interval


class UpliftCell(msgspec.Struct, frozen=True):
    """Hillstrom: one model's order of the customers, out of fold. Everything is a customer of the whole list.

    Attributes:
        qini: the Qini coefficient.
        qini_over_response: the same less that of the response model.
        gains: by share mailed: gain, gain over a random choice, gain over the response model's choice.
    """

    mailing: str
    outcome: str
    model: str
    seed: int
    customers: int
    everyone: Interval
    qini: Interval
    qini_over_response: Interval
    gains: dict[str, tuple[Interval, Interval, Interval]]
    cpu_seconds: float


Cell = TypeVar("Cell", DoseCell, HiddenCell, CheckCell, UpliftCell)


def read(path: Path, kind: type[Cell]) -> list[Cell]:
    """Returns the cells of a file; none if it is not there."""
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()] if path.exists() else []


def append(path: Path, cells: Iterator[msgspec.Struct]) -> None:
    """Writes each cell as soon as it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for cell in cells:
            file.write(msgspec.json.encode(cell) + b"\n")
            file.flush()


def rounded(interval: Interval) -> Interval:
    """Returns the interval to seven digits, which keeps files small."""
    return Interval(*(float(f"{end:.7g}") for end in interval))


def mean(intervals: Sequence[Interval]) -> Interval:
    """Returns the means over seeds of estimates and of both ends: seeds are dealings of the same customers."""
    return Interval(*np.mean(np.array(intervals), axis=0).tolist())


def shown(interval: Interval, digits: int = 2, factor: float = 1.0, sign: str = "") -> str:
    """Returns `value [low, high]`, multiplied by a factor."""
    value, low, high = (f"{factor * end:{sign}.{digits}f}" for end in interval)
    return f"{value} [{low}, {high}]"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join("|" + "|".join(cell if cell == "---" else f" {cell} " for cell in line) + "|" for line in lines)
