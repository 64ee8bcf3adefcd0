"""One arm in one world at one volume, as it is kept in a file; everything in it is simulated."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from jaxtyping import Float64

from tactful.simulator.result import Result
from tactful.simulator.scoring import score, sends_per_user_week

_LAST_WEEK = 7
Kept = TypeVar("Kept", bound=msgspec.Struct)


class Cell(msgspec.Struct, frozen=True):
    """A run's means over everyone, those who left included.

    Attributes:
        times: the volume as a multiple of the benchmark's; `volume` is messages a user and week that were asked for.
        daily_active, weekly_active: share of user-days, of user-weeks.
        opens, clicks: e-mails opened, messages clicked a user; of a push only the click is seen.
        unsubscribes: channels closed per 1,000 users.
        retention: share of people active in the last seven days.
        score: J, active days and the discounted active days to come; `scores` is everybody's own, as 16-bit floats.
        cpu_seconds: processor time of the run, the arm's preparation included.
    """

    world: str
    arm: str
    seed: int
    users: int
    days: int
    times: float
    volume: float
    sends_per_user_week: float
    daily_active: float
    weekly_active: float
    opens: float
    clicks: float
    unsubscribes: float
    retention: float
    active_days: float
    remaining_value: float
    score: float
    scores: bytes
    cpu_seconds: float

    @property
    def of_each(self) -> Float64[np.ndarray, " n"]:
        """Everybody's J, to a hundredth or so."""
        return np.frombuffer(self.scores, dtype="<f2").astype(np.float64)


class BoundCell(msgspec.Struct, frozen=True):
    """What no policy can exceed in a world at a volume (`simulator/bound.py`): J a user, with and without messages.

    `price` is that of a message, in active days; `error` the standard error of what messages add, as only `people` of
    the world were computed.
    """

    world: str
    seed: int
    volume: float
    people: int
    value: float
    silence: float
    price: float
    error: float


class Setting(msgspec.Struct, frozen=True):
    """What an arm that does not hold its volume by itself was set to, in a world that is not scored.

    `reached` is what it sent there over what it should.
    """

    world: str
    arm: str
    times: float
    per_user_per_week: float
    reached: float


def cell(
    result: Result, world: str, arm: str, seed: int, times: float | int, volume: float, cpu_seconds: float
) -> Cell:
    """Returns what is kept of a run."""
    n, days = result.sends.shape
    j = score(result)
    return Cell(
        world=world,
        arm=arm,
        seed=seed,
        users=n,
        days=days,
        times=float(times),
        volume=volume,
        sends_per_user_week=sends_per_user_week(result),
        daily_active=float(result.active.mean()),
        weekly_active=float(result.weekly_active.mean()),
        opens=float(result.opens.sum() / n),
        clicks=float(result.clicks.sum() / n),
        unsubscribes=float(1000.0 * result.unsubscribes.sum() / n),
        retention=float(result.active[:, -_LAST_WEEK:].any(axis=1).mean()),
        active_days=float(result.active.sum(axis=1).mean()),
        remaining_value=float(result.remaining_value.mean()),
        score=float(j.mean()),
        scores=j.astype("<f2").tobytes(),
        cpu_seconds=round(cpu_seconds, 1),
    )


def write(file: Path, found: msgspec.Struct) -> None:
    """Writes JSON with indents, under another name first: a run that is killed leaves no half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    part.rename(file)


def read(results: Path, kind: type[Kept], pattern: str) -> Iterator[Kept]:
    """Yields what is on file, by name of the file; `pattern` is of its path below the folder."""
    for file in sorted(results.glob(pattern)):
        yield msgspec.json.decode(file.read_bytes(), type=kind)


def cells(results: Path) -> list[Cell]:
    """Returns every cell on file."""
    return list(read(results, Cell, "*/cell-*.json"))


def bounds(results: Path) -> list[BoundCell]:
    """Returns every bound on file."""
    return list(read(results, BoundCell, "*/bound-*.json"))
