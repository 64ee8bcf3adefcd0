"""Globo: which rule makes sends of a person's slot profile? TIM's rule, the sampler, and the best spaced slots.

Source: data as `globo_replay.py`; TIM's rule after "TIM: Temporal Interaction Model in Notification System" (Kuaishou,
2024).
Command: `python recipes/plan_rules.py`, with `--markdown` the tables of `docs/explanation/planning.md`. Figures that
have their file under `results/plan_rules` are not computed again.
Data: `globo_12k_users.parquet`. p is the smoothed histogram: on 9-11 October of sessions of days 1-8 (strengths chosen
on 7-8 given 1-6), on 12-16 of days 1-11 (strengths chosen on 9-11 given 1-8).
Hardware: one core, under a minute. Seeds 0 to 4 draw the sampler's starts; intervals are over users.
Expected: the share of chosen slots in which she clicked; the rules that keep to her best slots beat those that spread.
Availability, never lift: no push was shown to these people.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from globo.people import DECIDE, HOLIDAY, MAPPING, TRAIN, VALIDATE, WARM_UP, People, fit
from globo.plan_tables import Beta, Found, Lost, Row, markdown, tables
from tactful import draws
from tactful.decision.timing.send_time import best_spaced, inclusion, plan
from tactful.experiments.stats import ratio
from tactful.models.slot_histogram import SlotHistogram
from tactful.runtime.importing import Log, read_log

FILE: Final = "globo_clicks/globo_12k_users.parquet"
SEEDS: Final = range(5)
QUOTAS: Final = (1, 2, 3, 5)
BETAS: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
GAPS: Final = (1, 2, 4)
LOSS_QUOTAS: Final = (1, 3, 5)
HOURS: Final = {"at any hour": (0, 24, 1), "8:00 to 22:00 and two hours apart": (8, 22, 2)}
"""First allowed hour, first one after, least distance in slots."""

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Rule: TypeAlias = Callable[[Floats, NDArray[np.int64], Floats, Bools, int], NDArray[np.uint8]]
"""From p, quotas, starts, allowed slots and gap to sends a slot, never two in one."""


def sampler(beta: float) -> Rule:
    """Returns systematic sampling of p^beta."""
    return lambda p, quota, u, allowed, gap: plan(p, quota, u, beta, allowed, gap, 1)


RULES: Final[dict[str, Rule]] = {
    "TIM's rule": lambda p, quota, u, allowed, gap: plan(p, quota, np.full(len(p), 0.5), 1.0, allowed, gap, 1),
    "sampler": sampler(1.0),
    "sampler on p^3": sampler(3.0),
    "best spaced slots": lambda p, quota, u, allowed, gap: best_spaced(p, quota, allowed, gap),
}


def main() -> None:
    """Computes what is not there yet, and prints the tables."""
    arguments = _arguments()
    path = arguments.results / (f"globo-slice{arguments.slice}.json" if arguments.slice else "globo.json")
    if not path.exists():
        arguments.results.mkdir(parents=True, exist_ok=True)
        found = run(_sliced(read_log(arguments.data / FILE, MAPPING), arguments.slice))
        path.write_bytes(msgspec.json.encode(found).replace(b"],[", b"],\n["))
    found = msgspec.json.decode(path.read_bytes(), type=Found)
    if arguments.markdown:
        print("\n\n".join(markdown(found)))
        return
    for title, (head, *rows) in tables(found).items():
        table = Table(*head, title=title, caption="Availability, not lift: no push was shown to these people.")
        for row in rows:
            table.add_row(*row)
        Console(width=150).print(table)


def run(log: Log) -> Found:
    """Returns every figure."""
    people = People(log)
    early, late = (people.sessions_by_hour(days) for days in (TRAIN[:-2], TRAIN[-2:]))
    strengths, counts = SlotHistogram.fit(early, late).parameters(), people.sessions_by_hour(TRAIN)
    weight, bandwidth = float(strengths["prior_weight"]), float(strengths["bandwidth_hours"])
    before = SlotHistogram(counts.sum(axis=0), weight, bandwidth).slots(counts)
    model = fit(people)
    p = model.slots(people.sessions_by_hour(WARM_UP))
    made = model.parameters()
    active = {day: active_slots(people, day) for day in (*VALIDATE, *DECIDE)}
    return Found(
        users=people.n,
        prior_weight=float(made["prior_weight"]),
        bandwidth_hours=float(made["bandwidth_hours"]),
        rows=tuple(shares(people, before, p, active)),
        betas=tuple(powers(people, before, active)),
        lost=tuple(losses(people, p)),
        by_hour=by_hour(people, p, active),
    )


def active_slots(people: People, day: int) -> Bools:
    """Returns whether each person clicked on anything, in each local hour of a day."""
    first, end = people.start_us(day), people.start_us(day + 1)
    inside = (people.at_us >= first) & (people.at_us < end)
    found: Bools = np.zeros((people.n, 24), dtype=np.bool_)
    found[people.user[inside], people.hour(people.at_us[inside])] = True
    return found


def chosen(people: People, rule: Rule, p: Floats, day: int, quota: int, hours: str, seed: int) -> NDArray[np.uint8]:
    """Returns everybody's slots on a day; an hour that the clocks skip is not allowed."""
    first, end, gap = HOURS[hours]
    slot = np.arange(24)
    _, exists = people.zones.slot_start_us(np.zeros(1, dtype=np.int64), np.array([day]), slot)
    allowed = np.tile(exists & (slot >= first) & (slot < end), (people.n, 1))
    u = draws.uniform(seed, people.keys, day, "plan rules")
    return rule(p, np.full(people.n, quota), u, allowed, gap)


def hits(
    people: People, rule: Rule, p: Floats, active: dict[int, Bools], days: range, quota: int, hours: str
) -> Floats:
    """Returns in how many of her chosen slots each person was active, mean over the seeds."""
    found: Floats = np.zeros(people.n)
    for seed in SEEDS:
        for day in days:
            found += (active[day] & (chosen(people, rule, p, day, quota, hours, seed) > 0)).sum(axis=1)
    return found / len(SEEDS)


def shares(people: People, before: Floats, p: Floats, active: dict[int, Bools]) -> Iterator[Row]:
    """Yields every rule on the validation days, and on those to be scored, also without the holiday."""
    free, bound = HOURS
    cells: list[tuple[str, range, str, Floats]] = [
        ("9-11 October (validation)", VALIDATE, free, before),
        ("12-16 October", DECIDE, free, p),
        ("12-16 October", DECIDE, bound, p),
        ("13-16 October", range(HOLIDAY + 1, DECIDE.stop), free, p),
    ]
    for name, days, hours, weight in cells:
        tims: dict[int, Floats] = {}
        for rule in RULES:
            for quota in QUOTAS:
                got = hits(people, RULES[rule], weight, active, days, quota, hours)
                sends = np.full(people.n, float(quota * len(days)))
                less = got - tims.setdefault(quota, got)
                yield Row(name, hours, rule, quota, ratio(got, sends), ratio(less, sends))


def powers(people: People, p: Floats, active: dict[int, Bools]) -> Iterator[Beta]:
    """Yields what each power does on the validation days."""
    hours = next(iter(HOURS))
    for beta in BETAS:
        one, three = (
            ratio(
                hits(people, sampler(beta), p, active, VALIDATE, quota, hours),
                np.full(people.n, float(quota * len(VALIDATE))),
            )
            for quota in (1, 3)
        )
        n = inclusion(p, np.ones(people.n, dtype=np.int64), beta)
        squares = (1.0 / n).sum(axis=1) / n.shape[1] ** 2  # the mean square of the weights (1/K) / n_k
        yield Beta(beta, one, three, float(1.0 / squares.mean()))


def losses(people: People, p: Floats) -> Iterator[Lost]:
    """Yields what of the optimum's Σ p each rule keeps, at any hour: nothing but p is judged here."""
    allowed, u = np.ones(p.shape, dtype=np.bool_), draws.uniform(0, people.keys, DECIDE.start, "plan rules")
    for name, rule in list(RULES.items())[:-1]:
        for gap in GAPS:
            for quota in LOSS_QUOTAS:
                q = np.full(people.n, quota)
                best = (best_spaced(p, q, allowed, gap) * p).sum(axis=1)
                yield Lost(gap, quota, name, float(((rule(p, q, u, allowed, gap) * p).sum(axis=1) / best).mean()))


def by_hour(people: People, p: Floats, active: dict[int, Bools]) -> dict[str, tuple[float, ...]]:
    """Returns where each rule puts single sends on the days to be scored, and where active slots lie."""
    found = {"active slots": sum((active[day] for day in DECIDE), np.zeros((people.n, 24))).sum(axis=0)}
    for name, rule in RULES.items():
        days = (chosen(people, rule, p, day, 1, next(iter(HOURS)), 0) for day in DECIDE)
        found[name] = sum(days, np.zeros((people.n, 24))).sum(axis=0)
    return {name: tuple((total / total.sum()).round(4).tolist()) for name, total in found.items()}


def _sliced(log: Log, users: int) -> Log:
    """The log of the first users that appear; all for 0."""
    some = np.isin(log.rows.user, np.unique(log.rows.user)[:users]) if users else np.ones(len(log.rows), np.bool_)
    return replace(log, rows=log.rows.take(some))


def _arguments() -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description="Compares the rules that plan several sends in a day, on Globo.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=here / "results" / "plan_rules", help="where figures are kept")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N users (0: all)")
    parser.add_argument("--markdown", action="store_true", help="print the tables of the page as Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    main()
