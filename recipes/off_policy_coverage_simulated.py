"""The rows `candidate` and `send` of `tactful evaluate` on the simulator: how often 95 % intervals hold the truth.

A world's people are dealt into logs of 500, and each log is judged by itself. `candidate`: on days of random sends,
what the best message by given weights brings; the truth is the world's own chance of a click, or of leaving, of that
message in the state of each job. `send`: a user-day on which the best message goes out once, or nothing; the truth is
had by living the same days again from the same morning, that done to everybody. Everything is *simulated*.

Command: `python recipes/off_policy_coverage_simulated.py`; worlds on file under
`results/off_policy_coverage_simulated` are kept, one line each. `--people 1000 --worlds 1 --results FOLDER` is a slice.
Data: the default world, 8,000 people, three days to settle, ten of a log of which nine tenths are drawn: a log of 500
people then has as many random sends as an app of 15,000 has in a month by default.
Seeds: worlds 300 and up (the interval was chosen on 200 to 205).
Hardware: one x86-64 core, some 35 CPU s a world, 40 minutes in all.
Expected: the table of `docs/explanation/off-policy.md`.
"""

import argparse
import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from off_policy.page import markdown
from off_policy.simulated_jobs import HEADS, Lived, lived
from tactful.clock import DAY_US
from tactful.decision.policy.explore import Exploration
from tactful.decision.rules import Rules
from tactful.errors import NotIdentifiable
from tactful.experiments.interval import Interval
from tactful.experiments.ope import Estimate
from tactful.experiments.ope_compare import Comparison, compare
from tactful.models.protocol import RANK_HEADS
from tactful.runtime.arms import Arms
from tactful.simulator.arms.tactful import Tactful
from tactful.simulator.closed_loop import Loop
from tactful.simulator.columns import joined
from tactful.simulator.world import make
from tactful.training.evaluation import candidate, send
from tactful.training.evaluation.findings import Trials
from tactful.training.evaluation.rewards import ACTIVE, counts_within_a_day
from tactful.training.ranking.random_choices import best_options

LOG_OF: Final = 500
"""People of a log."""
SETTLES, DAYS, MORNINGS = 3, 10, (0, 4)
"""Days before the log, days of it, and those whose user-days are judged by the row `send`."""
EXPLORES: Final = Exploration(random_send=0.45, greedy_send=0.15, greedy_no_send=0.3, volume_share=0.0)
ALL: Final = {
    "best": Exploration(random_send=0.0, greedy_send=0.9999, greedy_no_send=0.0, volume_share=0.0),
    "nothing": Exploration(random_send=0.0, greedy_send=0.0, greedy_no_send=0.9999, volume_share=0.0),
}
WEIGHTS: Final = {
    "present weights": Rules(),
    "leaving alone": Rules(utility="nep", weights={"click": 0.0, "unsubscribe": -1.0}),
}
_RESULTS: Final = Path(__file__).resolve().parent / "results" / "off_policy_coverage_simulated"


class Judged(msgspec.Struct, frozen=True):
    """One row, policy and reward in one world: the truth as sum and number, and (value, low, high, ess) of each log.

    A log of which nothing may be said is left out.
    """

    row: str
    policy: str
    reward: str
    truth: tuple[float, int]
    logs: list[tuple[float, float, float, float]]


class Done(msgspec.Struct, frozen=True):
    """A world; `z`: clicks of what was really sent over the world's chances, in standard errors."""

    seed: int
    people: int
    z: float
    judged: list[Judged]


def main(words: Sequence[str] | None = None) -> None:
    """Makes the missing worlds and prints the table."""
    parser = argparse.ArgumentParser(description="Coverage of the rows candidate and send. Simulated.")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="worlds")
    parser.add_argument("--people", type=int, default=8000)
    parser.add_argument("--worlds", type=int, default=63)
    arguments = parser.parse_args(words)
    path = arguments.results / "worlds.ndjson"
    done = {one.seed for one in read(path)}
    path.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(300, 300 + arguments.worlds):
        if seed not in done:
            line = msgspec.json.encode(judged_in(seed, arguments.people)) + b"\n"
            with path.open("ab") as file:
                file.write(line)
    print(table(path))


def read(path: Path) -> list[Done]:
    """Returns the worlds of a file; none if it is not there."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=Done) for line in lines]


def table(path: Path) -> str:
    """Returns, by row, policy and reward, the truth over all worlds and how many intervals hold it."""
    worlds, rows = read(path), []
    for each in worlds[0].judged:
        name = (each.row, each.policy, each.reward)
        some = [one for world in worlds for one in world.judged if (one.row, one.policy, one.reward) == name]
        total, n = (sum(one.truth[part] for one in some) for part in (0, 1))
        truth, logs = total / n, np.array([log for one in some for log in one.logs])
        value, low, high, ess = logs.T
        covered = float(((low <= truth) & (truth <= high)).mean())
        half = 1.96 * np.sqrt(covered * (1.0 - covered) / len(logs))
        rows.append(
            (
                *name,
                f"{truth:.4f}",
                f"{value.mean():.4f} ± {1.96 * value.std(ddof=1) / np.sqrt(len(logs)):.4f}",
                f"{(high - low).mean() / 2:.4f}",
                f"{ess.mean():,.0f}",
                f"{covered:.1%} ± {half:.1%}",
            )
        )
    z = np.array([one.z for one in worlds])
    count = f"{len(worlds)} world(s), {sum(len(one.judged[0].logs) for one in worlds)} logs of {LOG_OF} people."
    head = ("row", "policy", "reward", "truth", "mean estimate", "half width", "effective rows", "covered")
    luck = f"Clicks less the world's chances, in standard errors: {z.mean():+.2f} ({z.min():+.1f} to {z.max():+.1f})."
    return f"{markdown(head, rows)}\n\n{count} {luck}"


def judged_in(seed: int, people: int) -> Done:
    """Lives through one world and judges its logs."""
    loop = Loop.start(make(seed=seed, n_users=people), Tactful(exploration=EXPLORES).prepare(None, seed))
    lived(loop, SETTLES)
    truths: dict[str, list[float]] = {target: [] for target in ALL}
    parts: list[Lived] = []
    began_us = loop.at_us
    for day in range(DAYS):
        if day in MORNINGS:
            for target, everybody in ALL.items():
                truths[target] += _again(_copied(loop), everybody)
        parts.append(lived(loop, 1))
    found, z = _candidates(parts, people)
    mornings = [began_us // DAY_US + day for day in MORNINGS]
    return Done(seed, people, z, [*found, *_sends(parts, people, mornings, truths)])


def _again(loop: Loop, everybody: Exploration) -> list[float]:
    """Who was active within 24 hours of her first job of a day that all spend alike; the next one is as ever."""
    _explore(loop, everybody)
    day = lived(loop, 1)
    _explore(loop, EXPLORES)
    next_day = lived(loop, 1)
    jobs = day.jobs(everybody.shares)
    first = np.unique(jobs.user, return_index=True)[1]
    touches = _joined([day, next_day]).touches()
    count = counts_within_a_day(jobs.user[first], jobs.at_us[first], touches, ACTIVE)
    return [float(times > 0) for times in count.tolist()]


def _copied(loop: Loop) -> Loop:
    """The same morning once more; what never changes is shared."""
    shared = (loop.registry, loop.policy, loop.population.scorer, loop.population.frame)
    return copy.deepcopy(loop, {id(one): one for one in shared})


def _explore(loop: Loop, exploration: Exploration) -> None:
    """From now on days are drawn so."""
    population = loop.population
    settings = msgspec.structs.replace(population.frame.settings, exploration=exploration)
    population.frame = replace(population.frame, settings=settings)
    population.arms = Arms(settings)
    population.arms.grow(population.table.rows["user_key"])


def _candidates(parts: list[Lived], people: int) -> tuple[list[Judged], float]:
    """The row `candidate`."""
    whole = _joined(parts)
    choices, truth = whole.choices()
    here, found = np.arange(len(choices)), []
    trials = candidate.of_rules(choices, *WEIGHTS.values())
    for reward, name in enumerate(HEADS):
        chances = [truth[here, best_options(choices, rules), reward] for rules in WEIGHTS.values()]
        sums = [float(chance.sum()) for chance in chances]
        found += _judged("candidate", tuple(WEIGHTS), name, trials, (sums, len(here)), people)
    clicked = choices.label[:, RANK_HEADS.index("click")]
    chance = truth[here, choices.sent, 0]
    return found, float((clicked - chance).sum() / np.sqrt((chance * (1.0 - chance)).sum()))


def _sends(parts: list[Lived], people: int, mornings: list[int], truths: dict[str, list[float]]) -> list[Judged]:
    """The row `send`, on the days that were lived again."""
    whole = _joined(parts)
    jobs = whole.jobs(EXPLORES.shares)
    jobs = jobs.only(np.flatnonzero(np.isin(jobs.at_us // DAY_US, mornings)))
    nothing, best = (
        send.of_sending(jobs, whole.touches(), whole.until_us, one, EXPLORES.shares) for one in ("nothing", "best")
    )
    both = replace(best, present=nothing.target)
    sums = [sum(truths[one]) for one in ("nothing", "best")]
    return _judged("send", ("nothing", "best"), "active_24h", both, (sums, len(truths["best"])), people)


def _judged(
    row: str, policies: tuple[str, ...], reward: str, trials: Trials, truth: tuple[list[float], int], people: int
) -> list[Judged]:
    """Each log's estimates of the present and the target policy, and of their difference.

    People are dealt by their number, which says nothing of them.
    """
    log, logs = trials.user // LOG_OF, list[Comparison]()
    for number in range(people // LOG_OF):
        mine = np.flatnonzero(log == number)
        chances = (trials.logged[mine], trials.present[mine], trials.target[mine])
        try:
            logs.append(compare(trials.reward[reward][mine], *chances, trials.user[mine]))
        except NotIdentifiable:
            continue
    (present, target), n = truth
    return [
        Judged(row, policies[0], reward, (present, n), [_kept(one.present, one) for one in logs]),
        Judged(row, policies[1], reward, (target, n), [_kept(one.target, one) for one in logs]),
        Judged(
            row,
            "the second less the first",
            reward,
            (target - present, n),
            [_kept(one.difference, one) for one in logs],
        ),
    ]


def _kept(found: Estimate | Interval, of: Comparison) -> tuple[float, float, float, float]:
    return found.value, found.low, found.high, of.target.ess


def _joined(parts: list[Lived]) -> Lived:
    """Days one after the other."""
    column = {name: np.concatenate([part.column[name] for part in parts]) for name in parts[0].column}
    return Lived(column, joined([p.sends for p in parts]), joined([p.seen for p in parts]), parts[-1].until_us)


if __name__ == "__main__":
    main()
