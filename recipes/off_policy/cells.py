"""Results as NDJSON, a line a cell, so that a second run computes the missing cells only."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec


class HalfCell(msgspec.Struct, frozen=True):
    """One dealing of the halves and one logging policy; lists go by target policy. Visits of a customer.

    Attributes:
        seed: of the dealing.
        policy: number of the logging policy.
        rows: of its log.
        truth: (value, standard error) by IPS of the uniform half A.
        uniform: the same of half B before rejection: as good as any log of it can be.
        estimates: by estimator (value, standard error).
        ess: effective rows.
        refused: whether `ope_support.require` refuses.
    """

    seed: int
    policy: int
    rows: int
    truth: list[tuple[float, float]]
    uniform: list[tuple[float, float]]
    estimates: dict[str, list[tuple[float, float]]]
    ess: list[float]
    refused: list[bool]


class CoverageCell(msgspec.Struct, frozen=True):
    """Fresh logs of one pair of policies where the truth is exact.

    Attributes:
        policy, target: numbers of the two.
        rows: of each log.
        logs: how many.
        way: to the interval.
        estimator: its name.
        covered: share of the logs whose 95 % interval holds the truth.
        bias, error: mean and standard deviation of the estimate less the truth.
        width: mean width of the interval.
        ess: mean effective rows.
    """

    policy: int
    target: int
    rows: int
    logs: int
    way: str
    estimator: str
    covered: float
    bias: float
    error: float
    width: float
    ess: float


Cell = TypeVar("Cell", HalfCell, CoverageCell)


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


def short(number: float) -> float:
    """Returns a number to five digits, which keeps files small."""
    return float(f"{number:.5g}")
