"""Keeps the constants of a world as TOML, for people to read and change, and reads them again.

What is left out has its default, so a file may hold one line; an unknown key is an error.
"""

import math
import tomllib
from pathlib import Path
from typing import Any

from tactful.errors import InvalidConstants
from tactful.events.declaration import nearest
from tactful.simulator.constants import Constants
from tactful.simulator.fit.report import Fit


def write_constants(path: Path, fit: Fit) -> None:
    """Writes every constant of a fitted world, and beside each where its value comes from."""
    said = {
        each.name: f"kept: {each.kept}" if each.low is None else f"fitted, {each.low:.4g} to {each.high:.4g}"
        for each in fit.constants
    }
    lines = [
        "# A simulated world fitted to a log by `tactful simulate --fit`; `tactful simulate --constants` takes it.",
        f"# {fit.people:,} people, {fit.days} days, {fit.sends:,} messages. {fit.verdict}",
        "# Intervals are 95 % over people. What stands without a remark is not fitted to any log.",
        "",
        "[constants]",
    ]
    for name, value in fit.world._asdict().items():
        remark = f"  # {said[name]}" if name in said else ""
        lines.append(f"{name} = {float(f'{value:.6g}')!r}{remark}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_constants(path: Path) -> Constants:
    """Returns the constants of a file.

    Raises:
        InvalidConstants: the file cannot be read, names a constant that there is not, or has a value out of range.
    """
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidConstants(f"{path}: {error}; give a TOML file such as `tactful simulate --fit` writes") from error
    if set(found) != {"constants"} or not isinstance(found["constants"], dict):
        raise InvalidConstants(f"{path}: got the keys {sorted(found)}, expected one section, [constants]")
    return Constants(**(Constants()._asdict() | {n: _number(path, n, v) for n, v in found["constants"].items()}))


def _number(path: Path, name: str, value: object) -> float:
    if name not in Constants._fields:
        raise InvalidConstants(f"{path}: got the constant {name!r}, expected {nearest(name, Constants._fields)}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0.0:
        raise InvalidConstants(f"{path}: got {name} = {value!r}, expected a number of 0 or more")
    return float(value)
