"""The tables of `docs/explanation/globo.md` from the cells, so that nobody edits a figure by hand.

Shares are in per cent and differences in points; value and both ends of an interval are means over the seeds.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from globo.availability import MATCHINGS, STRATA, Rate
from globo.cell import Cell
from tactful.experiments.stats import Interval

RIVALS: Final = ("9:00", "random slot", "global best slots", "own best slots")
MEASURE_WORDS: Final = {"session_1h": "session in 1 h", "session_3h": "session in 3 h", "reading_1h": "click in 1 h"}
POLICY_WORDS: Final = {
    "tactful": "as it comes",
    "tactful_nep": "`utility = nep`",
    "tactful_nearest": "`best_time_in_quiet_hours = nearest`",
    "tactful_one_job": "one job a send",
}
CATEGORY_COLUMNS: Final = {
    "own candidates": ("category_24h", "all"),
    "popular": ("popular_24h", "all"),
    "own, without the 12th": ("category_24h", "without the 12th"),
    "popular, without the 12th": ("popular_24h", "without the 12th"),
}
SEND_HOURS: Final = range(8, 22)


def tables(cells: Sequence[Cell]) -> list[str]:
    """Returns the page's tables in the page's order."""
    default = [cell for cell in cells if cell.policy == "tactful"]
    return [*(_availability(default, matching) for matching in MATCHINGS), _strata(default), _categories(default),
            _policies(cells), _hours(cells)]  # fmt: skip


def facts(cells: Sequence[Cell]) -> list[str]:
    """Returns what the sentences around the tables quote, a line each."""
    default = [cell for cell in cells if cell.policy == "tactful"]
    one = default[0]
    moved = max(
        float(np.ptp([_rate([cell], policy, measure).share.value for cell in default]))
        for policy in ("tactful", *RIVALS)
        for measure in MEASURE_WORDS
    )
    wall, cpu, memory = (
        max(getattr(cell, name) for cell in cells) for name in ("wall_seconds", "cpu_seconds", "peak_memory_mb")
    )
    return [
        f"at most {wall:.0f} s ({cpu:.0f} s of CPU) and {memory:.0f} MB a run",
        f"over seeds a share of the first table moved by at most {100 * moved:.2f} points",
        f"within three hours, less global best: {_points(_rate(default, 'tactful', 'session_3h').over_best_slots, 2)}",
        f"only the 12th, own {_share(_rate(default, 'tactful', 'category_24h', 'only the 12th').share)}, "
        f"popular {_share(_rate(default, 'tactful', 'popular_24h', 'only the 12th').share)}",
        f"sends by day, seed {one.seed}: {', '.join(f'{n:,}' for n in one.sends_by_day)}; "
        f"{sum(one.sends_by_day) / one.users:.2f} a person",
        f"look-ups skipped, seed {one.seed}: {one.look_ups_skipped / (one.look_ups + one.look_ups_skipped):.1%}",
        f"prior weight {one.slot_prior_weight:g}, bandwidth {one.slot_bandwidth_hours:g} h",
    ]


def _availability(cells: Sequence[Cell], matching: str) -> str:
    """Tactful and its rivals, one row each; the last column is the difference to everyone's best hours."""
    rows = []
    for policy in ("tactful", *RIVALS):
        shares = [_share(_rate(cells, policy, measure, matching=matching).share) for measure in MEASURE_WORDS]
        over = _points(_rate(cells, policy, "session_1h", matching=matching).over_best_slots, 2)
        rows.append([_name(policy), *shares, "" if policy == "global best slots" else over])
    return _table(["", *MEASURE_WORDS.values(), "1 h, less global best (points)"], rows)


def _strata(cells: Sequence[Cell]) -> str:
    """A session within one hour, by stratum of users or days."""
    by_policy = [
        [_name(policy), *(_share(_rate(cells, policy, "session_1h", stratum).share) for stratum in STRATA[1:])]
        for policy in ("tactful", *RIVALS)
    ]
    over = (_points(_rate(cells, "tactful", "session_1h", stratum).over_best_slots) for stratum in STRATA[1:])
    return _table(["", *STRATA[1:]], [*by_policy, ["less global best", *over]])


def _categories(cells: Sequence[Cell]) -> str:
    """Whether the category was read within 24 hours."""
    rows = [
        [_name(policy), *(_share(_rate(cells, policy, *column).share) for column in CATEGORY_COLUMNS.values())]
        for policy in ("tactful", *RIVALS)
    ]
    return _table(["", *CATEGORY_COLUMNS], rows)


def _policies(cells: Sequence[Cell]) -> str:
    """The default and the settings that explain it, each against rivals at its own sends; the first seed."""
    rows = []
    for cell in _first_seed(cells):
        hour, three = (_rate([cell], cell.policy, measure) for measure in ("session_1h", "session_3h"))
        rivals = [_rate([cell], name, "session_1h").share for name in ("global best slots", "own best slots")]
        shares = [_share(share) for share in (hour.share, three.share, *rivals)]
        over = [_points(rate.over_best_slots) for rate in (hour, three)]
        rows.append([POLICY_WORDS[cell.policy], f"{hour.sends:,}", *shares, *over])
    head = ["", "sends", "session in 1 h", "session in 3 h", "its global best, 1 h", "its own best, 1 h",
            "less global best, 1 h", "less global best, 3 h"]  # fmt: skip
    return _table(head, rows)


def _hours(cells: Sequence[Cell]) -> str:
    """The share of sends in each local hour; the first seed."""
    rows = []
    for cell in _first_seed(cells):
        total = sum(cell.sends_by_hour)
        rows.append(
            [POLICY_WORDS[cell.policy], *(f"{100 * cell.sends_by_hour[hour] / total:.0f}" for hour in SEND_HOURS)]
        )
    return _table(["% of sends at", *(str(hour) for hour in SEND_HOURS)], rows)


def _first_seed(cells: Sequence[Cell]) -> list[Cell]:
    """The cells of the first seed, one a policy."""
    return [cell for policy in POLICY_WORDS for cell in cells if (cell.policy, cell.seed) == (policy, cells[0].seed)]


def _rate(cells: Sequence[Cell], policy: str, measure: str, stratum: str = "all", matching: str = MATCHINGS[0]) -> Rate:
    """The rate of a policy or rival; sends, share, difference and the ends of both intervals are means over cells."""
    wanted = (matching, policy, stratum, measure)
    found = [r for cell in cells for r in cell.rates if (r.matching, r.policy, r.stratum, r.measure) == wanted]
    share, over = (
        Interval(*np.mean([[each.value, each.low, each.high] for each in intervals], axis=0).tolist())
        for intervals in ([r.share for r in found], [r.over_best_slots for r in found])
    )
    return Rate(*wanted, round(float(np.mean([r.sends for r in found]))), share, over)


def _share(share: Interval) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * end for end in (share.value, share.low, share.high)))


def _points(over: Interval, digits: int = 1) -> str:
    value, low, high = (f"{100 * end:+.{digits}f}" for end in (over.value, over.low, over.high))
    return f"{value} [{low}, {high}]"


def _name(policy: str) -> str:
    return "**Tactful**" if policy == "tactful" else policy


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("|" + "|".join(cell if cell == "---" else f" {cell} " for cell in line) + "|" for line in lines)
