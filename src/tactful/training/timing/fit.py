"""Training the slot models, as a story: split the days, fit, judge on the last ones, choose.

The smoothed histogram is what others must beat. The network is tried where torch is installed and there is enough.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tactful import draws
from tactful.experiments.stats import Interval
from tactful.models.protocol import SlotModel
from tactful.models.served_slots import Objective
from tactful.training.timing import candidates
from tactful.training.timing.boosted import ROUNDS, fit_boosted
from tactful.training.timing.candidates import Candidate
from tactful.training.timing.choice import fit_hours
from tactful.training.timing.days import JUDGED_SHARE, SplitDays, split_days
from tactful.training.timing.judge import Judge
from tactful.training.timing.log import TimingLog
from tactful.training.timing.notes import notes_of
from tactful.training.timing.report import Measure, ModelReport, Score, TimingReport
from tactful.training.timing.simple import Simple, fit_simple

Choice = Literal["auto", "histogram", "boosted", "network"]
NETWORK_USER_DAYS: Final = 3_000
"""User-days below which `auto` does not try the network."""
_HELD_OUT: Final = 0.2
"""Of the people: they say when to stop, and are not learned from."""

Watch = Callable[[str, int, int], None]
"""Is told the stage, how many of its rows are done, and of how many."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The model that an engine is to take, and what is to be said of it."""

    model: SlotModel
    report: TimingReport


@dataclass(frozen=True, eq=False)
class _Judged:
    """A candidate as the engine would be given it, and how it was judged."""

    model: SlotModel
    report: ModelReport

    def score(self, measure: Measure) -> Score:
        """How it did; level with the histogram where there was nothing to judge by."""
        level = Interval(0.0, 0.0, 0.0)
        return next((score for score in self.report.scores if score.measure == measure), Score(measure, level, level))

    def gap(self, measure: Measure) -> Interval:
        """The difference to the histogram; nothing for that itself."""
        return self.score(measure).over_histogram or Interval(0.0, 0.0, 0.0)


def fit_timing(
    log: TimingLog,
    choice: Choice = "auto",
    half_life_days: float = 28.0,
    country: str = "",
    seed: int = 0,
    watch: Watch = lambda stage, done, rows: None,
    console: Console | None = None,
) -> Fitted:
    """Returns the chosen slot model with its report.

    `auto` takes the model with the lowest judged log loss of activity, if it is below the histogram's outside the 95 %
    interval of the difference, and if hours of sessions are foretold no worse, likewise: a plan chooses among the hours
    of a day, and has nothing of knowing whether she comes at all. Else it takes the histogram. Plans go by clicks if
    the chosen model is shown to know in which hours messages are clicked (`Judge.worth_of_hours`); else by activity.

    Args:
        choice: a model by name, or `auto`.
        half_life_days, country: of the settings' `timing`.
        seed: draws what is learned from; the same seed and log give the same model.
        console: shows the epochs of the network there.

    Raises:
        NotEnoughData: for fewer whole days than are needed, or nobody to learn from.
    """
    watch("days", 0, len(log.e_at_us))
    split = split_days(log, half_life_days, country)
    watch("days", len(log.e_at_us), len(log.e_at_us))
    user_days = sum(int(day.present.sum()) for day in split.learned)
    watch("simple models", 0, user_days)
    simple = fit_simple(split.learned)
    watch("simple models", user_days, user_days)
    tried = list(_tried(log, split, simple, choice, user_days, seed, watch, console))
    judge = Judge(split.judged, tried[0].foretold)
    judged = [_judged(one, judge, reference=one is tried[0]) for one in tried]
    chosen = _chosen(judged) if choice == "auto" else judged[-1]
    notes = [*_untried(choice, user_days), *_counted_notes(log, split)]
    return Fitted(chosen.model, _report(log, split, judged, chosen, tuple(notes)))


def _tried(
    log: TimingLog, split: SplitDays, simple: Simple, choice: Choice, user_days: int, seed: int, watch: Watch,
    console: Console | None,
) -> Iterator[Candidate]:  # fmt: skip
    """The histogram, then what was asked for."""
    yield candidates.histogram(simple, split.judged)
    held_out = draws.uniform(seed, log.key, 0, "timing held out") < _HELD_OUT
    if choice in ("auto", "boosted"):
        yield _boosted(split, simple, held_out, seed, watch)
    if choice == "network" or (choice == "auto" and not list(_untried(choice, user_days))):
        from tactful.training.timing.network import fit_network

        watch("network", 0, 0)
        clicks = simple.click is not None
        graph = fit_network(split, clicks, held_out, seed, console)
        yield candidates.network(graph, split.seen_days, clicks, split.judged, partial(watch, "judging the network"))


def _boosted(split: SplitDays, simple: Simple, held_out: NDArray[np.bool_], seed: int, watch: Watch) -> Candidate:
    days = split.learned
    heads = [
        fit_hours(days, simple.hour, held_out, seed, _rounds(watch, "trees (hour)")),
        fit_boosted(days, "active", simple.active, held_out, seed, _rounds(watch, "trees (activity)")),
    ]
    if simple.click is not None:
        heads.append(fit_boosted(days, "click", simple.click, held_out, seed, _rounds(watch, "trees (clicks)")))
    return candidates.boosted(heads, split.judged, partial(watch, "judging the trees"))


def _untried(choice: Choice, user_days: int) -> Iterator[str]:
    """Why `auto` does not try the network, if it does not."""
    if choice == "auto" and user_days < NETWORK_USER_DAYS:
        yield f"the network was not tried: it needs {NETWORK_USER_DAYS:,} user-days, there are {user_days:,}"
    elif choice == "auto" and (find_spec("torch") is None or find_spec("onnxscript") is None):
        yield "the network was not tried: torch is not there (pip install 'tactful[train]')"


def _judged(one: Candidate, judge: Judge, reference: bool) -> _Judged:
    """The candidate as a model, with its scores; the reference is the histogram, which knows no clicks."""
    worth = None if reference else judge.worth_of_hours(one.foretold)
    objective: Objective = "click" if worth is not None and worth.high < 0.0 else "active"
    model = one.make(objective)
    scores = judge.own_scores() if reference else judge.scores(one.foretold)
    return _Judged(model, ModelReport(one.name, model.version, objective, one.trees, scores, worth))


def _chosen(judged: list[_Judged]) -> _Judged:
    """The best of those that beat the histogram and tell hours no worse, else that."""
    better = [one for one in judged if one.gap("log loss").high < 0.0 and one.gap("bits").low <= 0.0]
    return min(better, key=lambda one: one.score("log loss").value.value, default=judged[0])


def _report(
    log: TimingLog, split: SplitDays, judged: list[_Judged], chosen: _Judged, notes: tuple[str, ...]
) -> TimingReport:
    learned = split.learned
    rests = sum(day.rest for day in learned)
    return TimingReport(
        chosen=chosen.report.name,
        model_version=chosen.report.version,
        people=len(log),
        people_left_out=log.left_out,
        log_days=split.log_days,
        work_days=len(learned) - rests,
        rest_days=rests,
        judged_days=tuple(day.number for day in split.judged),
        judged_rest_days=sum(day.rest for day in split.judged),
        judged_share=JUDGED_SHARE,
        history_days=split.seen_days,
        user_days=sum(int(day.present.sum()) for day in learned),
        judged_user_days=sum(int(day.present.sum()) for day in split.judged),
        sessions=_total(split, "sessions"),
        active_slots=_total(split, "active"),
        messages=_total(split, "receipts"),
        clicks=_total(split, "clicks"),
        models=tuple(one.report for one in judged),
        notes=notes,
    )


def _counted_notes(log: TimingLog, split: SplitDays) -> Iterator[str]:
    return notes_of(log, split, *(_total(split, name) for name in ("receipts", "clicks", "sessions")))


def _total(split: SplitDays, name: str) -> int:
    return sum(int(getattr(day, name)[day.present].sum()) for day in split.learned)


def _rounds(watch: Watch, stage: str) -> Callable[[int, int], None]:
    return lambda round_, rows: watch(stage, (round_ + 1) * rows, ROUNDS * rows)
