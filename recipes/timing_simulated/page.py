"""The tables of `docs/explanation/timing-simulated.md`, made of the cells alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.experiments.stats import Interval
from tactful.simulator.scoring import paired_interval, share_of_gain
from timing_simulated.cell import Ceiling, Cell
from volume_real.cells import markdown, shown

RULE_NAMES: Final[Mapping[str, str]] = {
    "silence": "silence",
    "nine": "everyone at 9:00",
    "even": "spread evenly",
    "best_hour": "best hour, repeated",
    "tim": "TIM's rule",
    "sampler": "sampler",
    "sampler3": "sampler on p³",
    "best": "best spaced slots",
}
SOURCE_NAMES: Final[Mapping[str, str]] = {
    "": "",
    "everyone": "everyone's clicks by hour",
    "visits": "histogram of visits",
    "answers": "histogram of opens and clicks",
    "histogram": "smoothed histogram",
    "model": "slot model",
    "model_active": "slot model: active",
    "model_new": "slot model: click × (1 − active)",
    "model_smooth": "slot model: click, smoothed by an hour",
    "without_attention": "slot model without target attention: click",
    "boosted": "boosted trees",
    "boosted_active": "boosted trees: active",
    "posterior": "what the log gives away",
    "true": "true slots",
    "true_active": "true slots: active",
    "true_new": "true slots: click × (1 − active)",
}
MAIN: Final = ("", "everyone", "histogram", "boosted", "model", "posterior", "true")
READINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "true": ("true", "true_active", "true_new"),
    "model": ("model", "model_smooth", "without_attention", "model_active", "model_new"),
    "boosted": ("boosted", "boosted_active"),
    "histogram": ("histogram", "answers", "visits"),
}
"""By source, what it may be read as; the first is what it is planned by elsewhere."""
RIVALS: Final = ("histogram", "boosted", "boosted_active")
PLANNED: Final = ("histogram", "model", "true")
BEGIN: Final = "<!-- tables of recipes/timing_arms.py -->"
END: Final = "<!-- end of tables -->"
_BLOCK: Final = 4
_DIFFERENCES: Final = ("promise, %", "clicks, %", "daily actives, points", "J")

Key: TypeAlias = tuple[str, str, int]
"""Rule, source, quota."""


class Found:
    """The cells by arm, and figures of them by seed; only arms that every seed has are there."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.seeds = sorted({c.seed for c in cells})
        by = {(c.rule, c.source, c.q, c.seed): c for c in cells}
        self._by = {
            (rule, source, q): [by[rule, source, q, s] for s in self.seeds]
            for rule, source, q in dict.fromkeys((c.rule, c.source, c.q) for c in cells)
            if all((rule, source, q, s) in by for s in self.seeds)
        }

    def arms(self, q: int, sources: Sequence[str]) -> list[Key]:
        """Returns the arms of a quota that read one of the sources, by source and rule as named above."""
        here = [(rule, source, q) for source in SOURCE_NAMES for rule in RULE_NAMES if source in sources]
        return [key for key in here if key in self]

    def __contains__(self, key: Key) -> bool:
        return key in self._by

    def cells(self, key: Key) -> list[Cell]:
        """Returns the cells of an arm, by seed."""
        return self._by[key]

    def of(self, key: Key, figure: Callable[[Cell], float]) -> NDArray[np.float64]:
        """Returns a figure of an arm, by seed."""
        return np.array([figure(c) for c in self._by[key]])

    def mean(self, key: Key, figure: Callable[[Cell], float]) -> float:
        """Returns its mean over seeds."""
        return float(self.of(key, figure).mean())

    def less(self, key: Key, base: Key, figure: Callable[[Cell], float]) -> Interval:
        """Returns the paired difference of two arms."""
        return paired_interval(self.of(key, figure) - self.of(base, figure))

    def percent(self, key: Key, base: Key, figure: Callable[[Cell], float]) -> Interval:
        """Returns the paired relative difference of two arms, in percent."""
        return paired_interval(100.0 * (self.of(key, figure) / self.of(base, figure) - 1.0))


SILENCE: Final[Key] = ("silence", "", 0)


def tables(cells: Sequence[Cell], ceilings: Sequence[Ceiling]) -> list[str]:
    """Returns the tables that the cells allow."""
    found = Found(cells)
    if len(found.seeds) < 2:
        return [f"{len(cells)} cells of {len(found.seeds)} seed(s); tables need two seeds"]
    quotas = sorted({c.q for c in cells} - {0})
    told = [f"**{q} a day**\n\n{arms(found, q, ceilings)}" for q in quotas if ("tim", "histogram", q) in found]
    return [
        *told,
        f"**The slot model less its rivals, rule by rule**\n\n{network(found, quotas)}",
        f"**What joint planning adds: best spaced slots less the best hour repeated**\n\n{joint(found, quotas)}",
        f"**Objectives, best spaced slots of each**\n\n{objectives(found, quotas)}",
        f"**Planned single sends by local hour, %**\n\n{hours(found)}",
        f"**Volume: sends that went out, a user and day**\n\n{volume(found, quotas)}",
    ]


def filled(page: str, made: Sequence[str]) -> str:
    """Returns the page with new tables between its markers."""
    before, rest = page.split(BEGIN)
    return "\n\n".join([f"{before}{BEGIN}", *made, f"{END}{rest.split(END)[1]}"])


def arms(found: Found, q: int, ceilings: Sequence[Ceiling]) -> str:
    """Returns one row an arm; with the share of the attainable gain where a ceiling was computed for the quota."""
    limit = {c.seed: c.gain for c in ceilings if c.per_week == 7.0 * q}
    bounded = set(found.seeds) <= set(limit)
    rows = [
        [*_arm(found, key, q), *([_of_bound(found, key, ("even", "", q), limit)] if bounded else [])]
        for key in found.arms(q, MAIN)
    ]
    head = [
        "rule", "source", "mails opened a user", "clicks a user", "clicks over even, %",
        "incremental daily actives, points", "less even", "share of the true slots' gain", "channels closed per 1,000",
        "J less silence", *(["share of the attainable gain in J"] if bounded else []),
    ]  # fmt: skip
    return markdown(head, rows)


def _arm(found: Found, key: Key, q: int) -> list[str]:
    base, top = ("even", "", q), ("best", "true", q)
    return [
        RULE_NAMES[key[0]],
        SOURCE_NAMES[key[1]],
        f"{found.mean(key, lambda c: c.opens):.3f}",
        f"{found.mean(key, lambda c: c.clicks):.3f}",
        "" if key == base else shown(found.percent(key, base, lambda c: c.clicks), 1, sign="+"),
        shown(found.less(key, SILENCE, _active), 2, sign="+"),
        "" if key == base else shown(found.less(key, base, _active), 2, sign="+"),
        "" if key in (base, top) or top not in found else _of_truth(found, key, base, top),
        f"{found.mean(key, lambda c: c.leaves):.1f}",
        shown(found.less(key, SILENCE, lambda c: c.score), 3, sign="+"),
    ]


def network(found: Found, quotas: Sequence[int]) -> str:
    """Returns what the slot model has over its rivals under the same rule, by quota."""
    rows = [
        [str(q), RULE_NAMES[rule], SOURCE_NAMES[rival], *_differences(found, (rule, "model", q), (rule, rival, q))]
        for rival in RIVALS
        for q in quotas
        for rule in RULE_NAMES
        if (rule, "model", q) in found and (rule, rival, q) in found
    ]
    return markdown(["sends a day", "rule", "rival", *_DIFFERENCES], rows)


def joint(found: Found, quotas: Sequence[int]) -> str:
    """Returns what the best spaced slots have over the best hour repeated; of one send a day they are the same."""
    pairs = [(("best", source, q), ("best_hour", source, q)) for q in quotas if q > 1 for source in PLANNED]
    rows = [
        [str(key[2]), SOURCE_NAMES[key[1]], *_differences(found, key, base)]
        for key, base in pairs
        if key in found and base in found
    ]
    return markdown(["sends a day", "source", *_DIFFERENCES], rows)


def _differences(found: Found, key: Key, base: Key) -> list[str]:
    """The cells below `_DIFFERENCES`."""
    return [
        shown(found.percent(key, base, lambda c: c.promise), 1, sign="+"),
        shown(found.percent(key, base, lambda c: c.clicks), 1, sign="+"),
        shown(found.less(key, base, _active), 2, sign="+"),
        shown(found.less(key, base, lambda c: c.score), 3, sign="+"),
    ]


def objectives(found: Found, quotas: Sequence[int]) -> str:
    """Returns what each reading of the truth and of the models brings, against spread evenly and its click reading."""
    readings = [(name, source) for name, sources in READINGS.items() for source in sources]
    rows = [
        _reading(found, name, source, q)
        for q in quotas
        for name, source in readings
        if ("best", READINGS[name][-1], q) in found and ("best", source, q) in found
    ]
    head = [
        "sends a day", "reading", "clicks over even, %", "daily actives over even, points", "clicks over its first, %",
        "daily actives over its first, points",
    ]  # fmt: skip
    return markdown(head, rows)


def _reading(found: Found, name: str, source: str, q: int) -> list[str]:
    key, base, even = ("best", source, q), ("best", name, q), ("even", "", q)
    return [
        str(q),
        SOURCE_NAMES[source] + (": click" if source in ("true", "model", "boosted") else ""),
        shown(found.percent(key, even, lambda c: c.clicks), 1, sign="+"),
        shown(found.less(key, even, _active), 2, sign="+"),
        "" if key == base else shown(found.percent(key, base, lambda c: c.clicks), 1, sign="+"),
        "" if key == base else shown(found.less(key, base, _active), 2, sign="+"),
    ]


def hours(found: Found) -> str:
    """Returns where single sends go, in blocks of hours."""
    starts = range(0, 24, _BLOCK)
    rows = []
    for key in found.arms(1, MAIN):
        slots = np.mean([c.by_slot for c in found.cells(key)], axis=0)
        share = [float(slots[at : at + _BLOCK].sum()) for at in starts]
        promise = found.percent(key, ("even", "", 1), lambda c: c.promise)
        rows.append(
            [RULE_NAMES[key[0]], SOURCE_NAMES[key[1]], *(f"{100 * x:.0f}" for x in share), shown(promise, 1, sign="+")]
        )
    return markdown(["rule", "source", *(f"{at}-{at + _BLOCK} h" for at in starts), "promise over even, %"], rows)


def volume(found: Found, quotas: Sequence[int]) -> str:
    """Returns the least and the most that went out at each quota, over the arms."""
    rows = []
    for q in quotas:
        sent = [found.mean(key, lambda c: c.sends) for key in found.arms(q, list(SOURCE_NAMES))]
        rows.append([str(q), f"{min(sent):.4f}", f"{max(sent):.4f}", f"{100 * (max(sent) / min(sent) - 1):.2f}"])
    return markdown(["planned", "least of the arms", "most", "apart, %"], rows)


def _active(cell: Cell) -> float:
    return 100.0 * cell.daily_active


def _of_truth(found: Found, key: Key, base: Key, top: Key) -> str:
    share = share_of_gain(found.of(key, _active), found.of(base, _active), found.of(top, _active))
    return "not to be told" if share is None else shown(share, 2)


def _of_bound(found: Found, key: Key, base: Key, limit: Mapping[int, float]) -> str:
    if key == base:
        return ""
    silent = found.of(SILENCE, lambda c: c.score)
    arm, even = (found.of(each, lambda c: c.score) - silent for each in (key, base))
    share = share_of_gain(arm, even, np.array([limit[s] for s in found.seeds]))
    return "not to be told" if share is None else shown(share, 3)
