"""What `plan_rules.py` finds, and its tables, on the screen and for `docs/explanation/planning.md`."""

from collections.abc import Iterable

import msgspec

from tactful.experiments.stats import Interval

TableRows = list[tuple[str, ...]]
"""The head, then the rows."""


class Row(msgspec.Struct, frozen=True, array_like=True):
    """The share of chosen slots in which the person was active, and its difference to TIM's rule."""

    days: str
    hours: str
    rule: str
    quota: int
    share: Interval
    over_tim: Interval


class Beta(msgspec.Struct, frozen=True, array_like=True):
    """What a power of p does to the sampler, on the validation days, with one send and with three.

    `effective` is the share of sampled days that is left when slots chosen evenly are judged by them.
    """

    beta: float
    one: Interval
    three: Interval
    effective: float


class Lost(msgspec.Struct, frozen=True, array_like=True):
    """Σ p over the slots of a rule, as a share of the exact optimum with the same gap: mean over users."""

    gap: int
    quota: int
    rule: str
    of_optimum: float


class Found(msgspec.Struct, frozen=True):
    """Every figure; `by_hour` has the share of single sends in each hour, and `active` that of active slots."""

    users: int
    prior_weight: float
    bandwidth_hours: float
    rows: tuple[Row, ...]
    betas: tuple[Beta, ...]
    lost: tuple[Lost, ...]
    by_hour: dict[str, tuple[float, ...]]


def tables(found: Found) -> dict[str, TableRows]:
    """Returns the tables by title."""
    made = {}
    for days, hours in dict.fromkeys((row.days, row.hours) for row in found.rows):
        made[f"{days}, {hours}"] = _shares([r for r in found.rows if (r.days, r.hours) == (days, hours)])
    made["single sends by hour, %"] = _hours(found)
    made["of the exact optimum, %"] = _lost(found.lost)
    made["the sampler's power, on 9-11 October"] = [
        ("beta", "q = 1", "q = 3", "effective share of sampled days, %"),
        *((f"{b.beta:g}", _share(b.one), _share(b.three), f"{100 * b.effective:.0f}") for b in found.betas),
    ]
    return made


def markdown(found: Found) -> list[str]:
    """Returns the tables as Markdown, each under its title."""
    made = []
    for title, (head, *rows) in tables(found).items():
        lines = [head, tuple("---" for _ in head), *rows]
        made.append(f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
    return made


def _shares(rows: list[Row]) -> TableRows:
    quotas = sorted({row.quota for row in rows})
    made: TableRows = [("rule", *(f"q = {q}" for q in quotas), *(f"less TIM's, q = {q}" for q in quotas[:3:2]))]
    for rule in dict.fromkeys(row.rule for row in rows):
        own = {row.quota: row for row in rows if row.rule == rule}
        less = ("" if rule == rows[0].rule else _share(own[q].over_tim, sign="+") for q in quotas[:3:2])
        made.append((rule, *(_share(own[q].share) for q in quotas), *less))
    return made


def _hours(found: Found) -> TableRows:
    blocks = [(first, first + 4) for first in range(0, 24, 4)]
    made: TableRows = [("", *(f"{first}-{end} h" for first, end in blocks))]
    for name, shares in found.by_hour.items():
        made.append((name, *(f"{100 * sum(shares[first:end]):.0f}" for first, end in blocks)))
    return made


def _lost(lost: Iterable[Lost]) -> TableRows:
    at = {(row.rule, row.gap, row.quota): row.of_optimum for row in lost}
    cells = list(dict.fromkeys((gap, quota) for _, gap, quota in at))
    made: TableRows = [("rule", *(f"gap {gap}, q = {quota}" for gap, quota in cells))]
    for rule in dict.fromkeys(rule for rule, *_ in at):
        made.append((rule, *(f"{100 * at[rule, gap, quota]:.0f}" for gap, quota in cells)))
    return made


def _share(value: Interval, sign: str = "") -> str:
    """In per cent."""
    return f"{100 * value.value:{sign}.1f} [{100 * value.low:{sign}.1f}, {100 * value.high:{sign}.1f}]"
