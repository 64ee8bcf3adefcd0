"""Globo: the recorded behaviour of 12,000 readers goes in; Tactful decides what to tell each of them, and when.

Source: news clicks of G1 (Globo.com), 1-16 October 2017, published with G. de Souza Pereira Moreira, F. Ferreira and
A. M. da Cunha, "News session-based recommendations using deep neural networks" (CHAMELEON), DLRS 2018.
Command: `python recipes/globo_replay.py`; a cell that has its file under `results/globo_replay` is not run again.
With `--markdown` it prints the tables of the result page instead of its own.
Data: `globo_12k_users.parquet`; items are articles, category = article // 790, sessions by a gap of 30 minutes.
Hardware: two x86-64 cores; the table prints wall time and peak memory of each cell.
Expected: the table of `docs/explanation/globo.md`. Availability, never lift: no push was shown to these people.

1-11 October warm up: they are imported, and the slot model is fitted on 1-8 and chosen on 9-11. On 12-16 a producer
makes candidates before each midnight, the engine decides, and what people did is fed as it happened.
"""

import argparse
import os
import resource
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from globo import markdown
from globo.availability import MATCHINGS, MEASURES, STRATA, Rate, Sends, dealt, judge, nth_of_day, rivals
from globo.cell import Cell
from globo.people import DECIDE, MAPPING, People, fit
from globo.producer import BEFORE_MIDNIGHT_US, Day, Producer, candidates, catalogue
from tactful.clock import SimulatedClock, from_us, to_us
from tactful.decision.rules import Rules
from tactful.events.records import Decision, Input
from tactful.models.click_rate import ClickRate
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.runtime.embedded import Engine
from tactful.runtime.importing import Batch, Log, read_log
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import Settings, Timing

FILE: Final = "globo_clicks/globo_12k_users.parquet"
ONE_JOB: Final = Timing(jobs_per_send=1, min_jobs=1)
POLICIES: Final = {
    "tactful": Settings(),
    "tactful_nep": Settings(rules=Rules(utility="nep")),
    "tactful_nearest": Settings(rules=Rules(best_time_in_quiet_hours="nearest")),
    "tactful_one_job": Settings(timing=ONE_JOB),
}
"""As it comes; and three that explain it, run with the first seed only: without the discount for people who will come
anyway, with the probability of quiet hours moved to the nearest allowed hour, and with one rank job a send."""
SEEDS: Final = (0, 1, 2)
COSTS: Final = ("wall_seconds", "cpu_seconds", "peak_memory_mb")
TABLE_WIDTH: Final = 160
CAPTION: Final = (
    "Shares of sends after which it was so, %. Availability, not lift: no push was shown to these people, "
    "and who would have come anyway gains nothing from one."
)
SOURCES_SEEN_FROM: Final = 4
"""The producer looks at its sources for so many days before the 12th: it learns which are empty for whom."""


@dataclass
class Replay:
    """What a run through the engine left behind: sends as (user, instant, category), counts, and the days made."""

    rows: list[tuple[int, int, int]] = field(default_factory=list)
    decisions: Counter[str] = field(default_factory=Counter)
    hold_reasons: Counter[str] = field(default_factory=Counter)
    days: dict[int, Day] = field(default_factory=dict)

    def add(self, decision: Decision, people: People, category: dict[str, int]) -> None:
        """Counts a decision and keeps a send."""
        self.decisions[decision.action] += 1
        if decision.action == "send" and decision.candidate_id is not None:
            self.rows.append((people.row_of[decision.user_id], to_us(decision.at), category[decision.candidate_id]))
        elif decision.action == "hold":
            self.hold_reasons[decision.reasons[-1].code] += 1

    def sends(self, people: People) -> Sends:
        """Returns the sends by (user, time); the nth of a day has the nth popular article as its stand-in."""
        user, at_us, category = np.array(sorted(self.rows), dtype=np.int64).reshape(-1, 3).T
        day = people.day(at_us)
        popular = nth_of_day({number: made.popular for number, made in self.days.items()}, user, day)
        return Sends(user, day, at_us, category, popular)


def main() -> None:
    """Runs the missing cells and prints the table of all."""
    arguments = _arguments()
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    cells = [(policy, seed) for seed in arguments.seeds for policy in POLICIES
             if policy == "tactful" or seed == arguments.seeds[0]]  # fmt: skip
    paths = {cell: _path(arguments.results, *cell, arguments.slice) for cell in cells}
    missing = [cell for cell in cells if not paths[cell].exists()]
    if missing:
        log = _sliced(read_log(arguments.data / FILE, MAPPING), arguments.slice)
        arguments.results.mkdir(parents=True, exist_ok=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
            for policy, seed in missing:
                cell = run(log, policy, seed, progress)
                paths[policy, seed].write_bytes(msgspec.json.encode(cell).replace(b'],["', b'],\n["'))
    done = [msgspec.json.decode(path.read_bytes(), type=Cell) for path in paths.values()]
    if arguments.markdown:
        print("\n\n".join([*markdown.tables(done), *markdown.facts(done)]))
    else:
        show(done, console)


def run(log: Log, policy: str, seed: int, progress: Progress) -> Cell:
    """Returns one cell: fits, replays, judges."""
    began, worked = time.perf_counter(), time.process_time()
    people = People(log)
    model = fit(people)
    settings = msgspec.structs.replace(POLICIES[policy], seed=seed)
    task = progress.add_task(f"{policy}, seed {seed}", total=len(log.rows))
    replayed = replay(log, people, model, settings, lambda rows: progress.advance(task, rows))
    sends = replayed.sends(people)
    anew = dealt(sends, replayed.days, np.random.default_rng(seed))
    rates: list[Rate] = []
    for matching, template in (("dealt", anew), ("same days", sends)):
        policies = {policy: sends} | rivals(people, template, model, seed)
        rates += judge(people, matching, policies, np.random.default_rng(seed))
    strengths, made = model.parameters(), [day.made for day in replayed.days.values()]
    return Cell(
        policy=policy,
        seed=seed,
        users=people.n,
        rates=tuple(rates),
        sends_by_day=tuple(int((sends.day == day).sum()) for day in DECIDE),
        sends_by_hour=tuple(np.bincount(people.hour(sends.at_us), minlength=24).tolist()),
        decisions=replayed.decisions,
        hold_reasons=replayed.hold_reasons,
        candidates=sum(len(each.row) for each in made),
        look_ups=sum(int(each.looked.sum()) for each in made),
        look_ups_skipped=sum(each.skipped for each in made),
        slot_prior_weight=float(strengths["prior_weight"]),
        slot_bandwidth_hours=float(strengths["bandwidth_hours"]),
        wall_seconds=round(time.perf_counter() - began, 1),
        cpu_seconds=round(time.process_time() - worked, 1),
        peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0),
    )


def replay(
    log: Log, people: People, model: SlotHistogram, settings: Settings, advanced: Callable[[int], None]
) -> Replay:
    """Feeds the log to an engine over a fresh store, and the producer's candidates before each day of 12-16.

    `advanced` is told how many records of the log were fed.
    """
    left, producer, category = Replay(), Producer(people), dict[str, int]()
    for day in range(DECIDE.start - SOURCES_SEEN_FROM, DECIDE.start):
        producer.make(day)
    scorer = LiveScorer(model, ClickRate(), UnsubscribeRate())
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine.open(Path(folder) / "globo.db", settings, scorer, SimulatedClock())
        for until_us, told in schedule(log, people):
            if isinstance(told, int):
                left.days[told] = day_made = producer.make(told)
                new = list(candidates(day_made, people))
                category.update((each.candidate_id, each.items[0].category) for each in new)
                records: list[Input] = [catalogue(day_made, people), *new]
                stamps = [until_us] * len(records)
            else:
                records, stamps = [record for _, record in told], [at_us for at_us, _ in told]
                advanced(len(told))
            receipt = engine.submit(records, stamps)
            assert not receipt.rejected, receipt.rejected[0].reason
            for decision in engine.advance(from_us(until_us)):
                left.add(decision, people, category)
        engine.close()
    return left


Stamped = tuple[int, Input]
"""A record and its own time, microseconds since 1970."""


def schedule(log: Log, people: People) -> Iterator[tuple[int, int | list[Stamped]]]:
    """Yields what is fed in the order of time, each with how far to advance: records, or a day to produce for.

    It ends with the 16th: of the 17th the log has only the tails of sessions, so a send of that day cannot be judged.
    """
    end_us = people.start_us(DECIDE.stop)
    due = [(people.start_us(day) - BEFORE_MIDNIGHT_US, day) for day in DECIDE]
    for batch in replace(log, rows=log.rows.take(log.rows.at_us < end_us)):
        left = _stamped(batch)
        while due and left and left[-1][0] >= due[0][0]:
            at_us, day = due.pop(0)
            cut = bisect_left(left, at_us, key=itemgetter(0))
            yield at_us - 1, left[:cut]
            yield at_us, day
            left = left[cut:]
        if left:
            yield left[-1][0], left
    yield end_us - 1, []


def _stamped(batch: Batch) -> list[Stamped]:
    """A batch in the order of time; a profile comes just before its user's first act."""
    first: dict[str, int] = {}
    acts: list[Stamped] = []
    for engagement in batch.engagements:
        at_us = to_us(engagement.at)
        first.setdefault(engagement.user_id, at_us)
        acts.append((at_us, engagement))
    profiles: list[Stamped] = [(first[user.user_id], user) for user in batch.users]
    return sorted([*profiles, *acts], key=itemgetter(0))


def show(cells: list[Cell], console: Console) -> None:
    """Prints every policy with its rivals: shares in per cent, averaged over seeds, with intervals over users."""
    for policy in POLICIES:
        own = [cell for cell in cells if cell.policy == policy]
        if not own:
            continue
        table = Table("rivals' days", "sends to", "policy", "sends", *MEASURES, title=policy, caption=CAPTION)
        for matching in MATCHINGS:
            for stratum in STRATA if policy == "tactful" else STRATA[:1]:
                _add_section(
                    table, [r for cell in own for r in cell.rates if (r.matching, r.stratum) == (matching, stratum)]
                )
        console.print(table)
        wall, cpu, memory = (max(getattr(cell, name) for cell in own) for name in COSTS)
        console.print(f"{len(own)} seed(s); at most {wall:.0f} s ({cpu:.0f} s of CPU) a cell and {memory:,.0f} MB\n")


def _add_section(table: Table, rates: list[Rate]) -> None:
    """Adds one row for each policy of a stratum."""
    for name in dict.fromkeys(rate.policy for rate in rates):
        found = [rate for rate in rates if rate.policy == name]
        by_measure = [[rate for rate in found if rate.measure == measure] for measure in MEASURES]
        sends = np.mean([rate.sends for rate in by_measure[0]])
        shares = (_shown(each) for each in by_measure)
        table.add_row(found[0].matching, found[0].stratum, name, f"{sends:,.0f}", *shares)
    table.add_section()


def _shown(rates: list[Rate]) -> str:
    """The mean over seeds of the share and of both ends of its interval, in per cent."""
    ends = (100 * np.mean([getattr(rate.share, name) for rate in rates]) for name in ("value", "low", "high"))
    return "{:.1f} [{:.1f}, {:.1f}]".format(*ends)


def _sliced(log: Log, users: int) -> Log:
    """The log of the first users that appear; all for 0."""
    chosen = np.isin(log.rows.user, np.unique(log.rows.user)[:users]) if users else np.ones(len(log.rows), np.bool_)
    return replace(log, rows=log.rows.take(chosen))


def _path(folder: Path, policy: str, seed: int, users: int) -> Path:
    return folder / f"{policy}-{seed}{f'-slice{users}' if users else ''}.json"


def _arguments() -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description="Replays the Globo log through Tactful and judges availability.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=here / "results" / "globo_replay", help="where cells are kept")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="only N users (0: all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="one run of each policy per seed")
    parser.add_argument("--markdown", action="store_true", help="print the tables of the result page as Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    main()
