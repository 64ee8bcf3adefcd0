"""Fits the volume response model: refuse what was not randomised, label, choose rungs, fit, judge, fit to everybody.

Users are divided by hash: most teach, some say when to stop, the rest judge. What is returned was fitted once more to
all of them, in the same form and size.

Source: Zhao et al., "Notification Volume Control and Optimization System at Pinterest", KDD 2018: three
gradient-boosted classifiers with logistic loss in each of three reach segments.
Deviations: LightGBM instead of XGBoost; the unsubscribe head may not fall as k grows; the ladder for thin data; a
fourth head, activity within the week, for people of low activity states.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import WEEK_US, from_us
from tactful.errors import NotEnoughData, NotRandomised
from tactful.features import volume
from tactful.features.segments import ACTIVITIES, REACHES
from tactful.models.forest import Forest
from tactful.models.volume_heads import CLIP, Head, head_inputs
from tactful.models.volume_response import GAMMA, WEEKLY_STATES, VolumeResponse
from tactful.training.volume import shrunk
from tactful.training.volume.calibrate import with_mean_response
from tactful.training.volume.fill import fill_of
from tactful.training.volume.grow import Growth, Rows, grow, grow_again
from tactful.training.volume.labels import Counts, Labels, label
from tactful.training.volume.ladder import Rung, rungs
from tactful.training.volume.log import VolumeLog
from tactful.training.volume.metrics import Goodness, goodness
from tactful.training.volume.randomised import Randomisation, check, require_randomised
from tactful.training.volume.report import FitReport, HeadReport

STOP_SHARE, JUDGE_SHARE = 0.15, 0.15
"""Shares of the users that say when to stop, and that judge."""
_TEACH, _STOP, _JUDGE = range(3)

Table = Callable[[VolumeLog, Counts], NDArray[np.float64]]


@dataclass(frozen=True)
class Fitted:
    """A model, and what there is to say of it."""

    model: VolumeResponse
    report: FitReport


@dataclass(frozen=True)
class _Lesson:
    """What every head of a run shares: the log, each assignment's weight, part of the users, and segment."""

    log: VolumeLog
    weight: Float64[np.ndarray, " m"]
    part: Int64[np.ndarray, " m"]
    with_k: Float32[np.ndarray, "m c"]
    growth: Growth


@dataclass(frozen=True)
class _Task:
    """One purpose: what is counted, its table for thin data, and whether it depends on k, and how."""

    purpose: str
    counts: Counts
    table: Table
    reads_k: bool = True
    rises: bool = False


def fit(
    log: VolumeLog,
    schema: str = volume.SCHEMA,
    gamma: float = GAMMA,
    weekly_states: Sequence[str] = WEEKLY_STATES,
    seed: int = 0,
    threads: int = 1,
    allow_observational: bool = False,
) -> Fitted:
    """Returns the response model of a log's randomised slice, and a report.

    Args:
        log: assignments and engagements; those not drawn at random are left out.
        schema: names the order of the features.
        gamma, weekly_states: see `VolumeResponse.of`.
        seed: of the division of users and of LightGBM; the same log and seed give the same model, bit for bit.
        threads: cores for LightGBM.
        allow_observational: learns from every assignment even if it was not drawn, with a warning: what it then says
            of k is confounded, and its sign may be wrong.

    Raises:
        NotRandomised: nothing was drawn at random, or covariates foretell the budgets.
        NotEnoughData: no assignment, one budget only, or no week that is over.
    """
    log, found, notes = _learnable(log, seed, threads, allow_observational)
    labels = label(log)
    weight = 1.0 / log.probability
    lesson = _Lesson(
        log,
        weight / weight.mean(),
        _part(log, seed),
        head_inputs(log.features, log.reach, log.k),
        Growth(threads=threads, seed=seed),
    )
    fitted = {task.purpose: _fit_heads(lesson, task) for task in _tasks(log, labels, weekly_states)}
    heads = {purpose: (found[0][0], found[1][0], found[2][0]) for purpose, found in fitted.items()}
    drawn = np.unique(log.k).tolist()
    model = VolumeResponse.of(heads, log.features.shape[1], drawn[-1], schema, gamma, weekly_states, drawn)
    report = FitReport(
        model_version=model.version,
        assignments=len(log),
        users=len(np.unique(log.user)),
        user_weeks=int(labels.weeks.trials.sum()),
        budgets=tuple(drawn),
        randomisation=found.auc,
        heads=tuple(said for found in fitted.values() for _, said in found),
        fill=fill_of(log, labels),
        notes=(*notes, *_gaps(log, labels)),
    )
    return Fitted(model, report)


def _learnable(
    log: VolumeLog, seed: int, threads: int, allow_observational: bool
) -> tuple[VolumeLog, Randomisation, tuple[str, ...]]:
    """The assignments to learn from, how well their budgets are foretold, and what must be said of that."""
    if log.randomised.any() and not allow_observational:
        log = log.only(log.randomised)
    _refuse_unready(log)
    try:
        return log, require_randomised(log, seed, threads), ()
    except NotRandomised as refusal:
        if not allow_observational:
            raise
        note = f"learned from observational volume, where the sign of an effect may be wrong: {refusal}"
        warnings.warn(note, stacklevel=3)
        return log, check(log, seed, threads), (note,)


def _refuse_unready(log: VolumeLog) -> None:
    """Passes if a week of some assignment is over."""
    if not len(log):
        raise NotEnoughData(
            "got a log without budgets, expected assignments drawn at random; set exploration.volume_share, and train "
            "a week after the next period of exploration.volume_period_weeks has begun, at the earliest"
        )
    over = np.minimum(log.start_us + WEEK_US, log.end_us)
    if not ((over <= log.until_us) & (log.end_us - log.start_us >= WEEK_US)).any():
        raise NotEnoughData(
            f"got {len(log):,} assignments of which no week is over at {from_us(log.until_us).isoformat()}; the first "
            f"is over at {from_us(int(log.start_us.min()) + WEEK_US).isoformat()}: train then, at the earliest"
        )


def _part(log: VolumeLog, seed: int) -> NDArray[np.int64]:
    """Which part each assignment is of: all assignments of a user are of one."""
    u = draws.uniform(seed, log.user, 0, "volume training part")
    return np.where(u < JUDGE_SHARE, _JUDGE, np.where(u < JUDGE_SHARE + STOP_SHARE, _STOP, _TEACH)).astype(np.int64)


def _tasks(log: VolumeLog, labels: Labels, weekly_states: Sequence[str]) -> tuple[_Task, ...]:
    """The four purposes; active weeks are learned from the states whose objective they are."""
    states = [ACTIVITIES.index(state) for state in weekly_states if state in ACTIVITIES]
    weeks = labels.weeks.only(np.isin(log.activity, states)) if states else labels.weeks
    top = int(log.k.max())
    daily = shrunk.daily_table(log, labels.days, top)
    return (
        _Task("activity", labels.days, lambda some, counts: shrunk.daily_table(some, counts, top)),
        _Task("activity_week", weeks, lambda some, counts: shrunk.weekly_table(some, counts, top)),
        _Task("unsubscribe", labels.left, lambda some, counts: shrunk.leaving_table(some, counts, top), rises=True),
        _Task("long_term", labels.after, lambda some, counts: shrunk.after_table(some, counts, daily), reads_k=False),
    )


def _fit_heads(lesson: _Lesson, task: _Task) -> list[tuple[Head, HeadReport]]:
    """The head of each reach segment with its report; those that are pooled are one and the same."""
    log, everybody = lesson.log, np.ones(len(lesson.log), dtype=np.bool_)
    made: dict[Rung, tuple[Head, Head, int]] = {}
    fitted = []
    for reach, rung in enumerate(rungs(task.counts, log.reach)):
        mine = log.reach == reach
        if rung == "own" or rung not in made:
            made[rung] = _fit_one(lesson, task, rung, mine if rung == "own" else everybody)
        final, judged, trees = made[rung]
        taught = task.counts.only(mine if rung == "own" else everybody)
        said = HeadReport(
            purpose=task.purpose,
            reach=REACHES[reach],
            rung=rung,
            trees=trees,
            people=int((taught.trials > 0).sum()),
            trials=int(taught.trials.sum()),
            positives=int(taught.positives.sum()),
            held_out=_judge(lesson, task, judged, mine & (lesson.part == _JUDGE)),
        )
        fitted.append((final, said))
    return fitted


def _fit_one(lesson: _Lesson, task: _Task, rung: Rung, whom: Bool[np.ndarray, " m"]) -> tuple[Head, Head, int]:
    """The head fitted to all of `whom`, the one that is judged, fitted without the judges, and the number of trees."""
    if rung == "shrunk":
        taught = task.counts.only(lesson.part != _JUDGE)
        return task.table(lesson.log, task.counts), task.table(lesson.log, taught), 0
    growth = Growth(task.rises, lesson.growth.threads, lesson.growth.seed)
    everything, teach, stop = (
        _rows(lesson, task, whom & there) for there in (lesson.part >= 0, lesson.part == _TEACH, lesson.part == _STOP)
    )
    judged, trees = grow(teach, growth, stop)
    final = grow_again(everything, growth, trees)
    if not task.reads_k:
        return final, judged, trees
    return with_mean_response(final, everything, task.rises), with_mean_response(judged, teach, task.rises), trees


def _rows(lesson: _Lesson, task: _Task, whom: Bool[np.ndarray, " m"]) -> Rows:
    """The folded rows of some assignments, weighted by how often they count and by 1/probability."""
    row, positive, weight = task.counts.only(whom).rows()
    inputs = lesson.with_k[row] if task.reads_k else lesson.with_k[row, :-1]
    return Rows(np.ascontiguousarray(inputs), positive, weight * lesson.weight[row])


def _judge(lesson: _Lesson, task: _Task, head: Head, whom: Bool[np.ndarray, " m"]) -> Goodness | None:
    """How good a head is on some assignments, with the budgets that they were assigned."""
    row, positive, weight = task.counts.only(whom).rows()
    if not len(row):
        return None
    if isinstance(head, Forest):
        p = 1.0 / (1.0 + np.exp(-head.scores(_rows(lesson, task, whom).inputs)))
    else:
        segment = lesson.log.activity[row] * len(REACHES) + lesson.log.reach[row]
        p = head[segment, lesson.log.k[row] if task.reads_k else 0]
    return goodness(np.clip(p, CLIP, 1.0 - CLIP), positive, weight, len(np.unique(row)))


def _gaps(log: VolumeLog, labels: Labels) -> tuple[str, ...]:
    """What the log says nothing of, by reach segment."""
    said = []
    for reach, name in enumerate(REACHES):
        mine = log.reach == reach
        if not mine.any():
            said.append(f"nobody in reach segment {name}: its curves are those of the others")
        elif not labels.left.positives[mine].any():
            said.append(f"nobody in reach segment {name} left: its chance to leave is that of the others, shrunk")
    if not labels.after.trials.any():
        said.append("nobody left four weeks ago or more: activity after leaving is the stated share of activity before")
    return tuple(said)
