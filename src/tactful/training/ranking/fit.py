"""Training the rankers, as a story: split the days, draw rows, fit, judge on the last days, choose.

The simple predictors are what others must beat. The network is tried where torch is installed.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from rich.console import Console

from tactful.models.protocol import RANK_HEADS, RankModel
from tactful.training.ranking.boosted import ROUNDS, fit_boosted
from tactful.training.ranking.calibrate import calibrated, own
from tactful.training.ranking.log import RankLog
from tactful.training.ranking.metrics import Judge
from tactful.training.ranking.report import ModelReport, Name, RankReport
from tactful.training.ranking.rows import RankRows
from tactful.training.ranking.sample import sampled
from tactful.training.ranking.simple import fit_simple
from tactful.training.ranking.split import Split, split

Kind = Literal["auto", "boosted", "network"]
MOST_ROWS: Final = 400_000
"""Learned from, after down-sampling."""
NETWORK_ROWS: Final = 20_000
"""Messages below which `auto` does not try the network."""
FEW_RANDOM: Final = 1000
"""Below so many random sends calibration is mostly what was expected before."""
_JUDGED_AT_ONCE: Final = 4096

Watch = Callable[[str, int, int], None]
"""Is told the stage, how many of its rows are done, and of how many."""


@dataclass(frozen=True, eq=False)
class Trained:
    """The ranker that an engine is to take, None if none beats the simple predictors; what is to be said; and all that
    were fitted, by name."""

    model: RankModel | None
    report: RankReport
    models: Mapping[Name, RankModel]


@dataclass(frozen=True, eq=False)
class _Tried:
    name: Name
    model: RankModel | None
    said: NDArray[np.float64]


def train_ranker(
    log: RankLog,
    *,
    seed: int = 0,
    kind: Kind = "auto",
    most_rows: int = MOST_ROWS,
    rounds: int = ROUNDS,
    watch: Watch = lambda stage, done, rows: None,
    console: Console | None = None,
) -> Trained:
    """Returns the ranker to be taken (`chosen`), if there is one, with a report of all.

    Args:
        seed: draws rows, columns and the network's weights; the same seed and log give the same ranker.
        kind: what is fitted; `auto` tries all that can be.
        most_rows: that are learned from.
        rounds: trees a forest of the boosted ranker, at most.
        console: shows the epochs of the network there.

    Raises:
        NotEnoughData: for too few days, or nothing to learn from.
        FutureInHistory: a snapshot knows what came after its message.
    """
    watch("messages", 0, len(log))
    parts = split(log)
    learn, rate = sampled(parts.learn, most_rows, seed)
    watch("messages", len(log), len(log))
    tried = list(_tried(parts, learn, rate, seed, kind, rounds, watch, console))
    judge = Judge(parts.judged)
    models = tuple(_judged(one, judge, None if one is tried[0] else tried[0]) for one in tried)
    best = chosen(judge, [one.said for one in tried])
    notes = (*_untried(kind, len(learn)), *_notes(parts, best))
    report = _report(log, parts, learn, rate, models, models[best], notes)
    return Trained(tried[best].model, report, {one.name: one.model for one in tried if one.model is not None})


def _tried(
    parts: Split, learn: RankRows, rate: Float64[np.ndarray, " heads"], seed: int, kind: Kind, rounds: int,
    watch: Watch, console: Console | None,
) -> Iterator[_Tried]:  # fmt: skip
    """The simple predictors, then what was asked for."""
    yield _Tried("simple", None, fit_simple(parts.past).chances(parts.judged))
    if kind in ("auto", "boosted"):

        def tell(forest: str, round_: int, rows: int) -> None:
            watch(f"trees ({forest})", (round_ + 1) * rows, rounds * rows)

        boosted = fit_boosted(learn, rate, parts.tune, seed, tell, rounds)
        yield _Tried("boosted", boosted, said(boosted, parts.judged))
    if kind == "network" or (kind == "auto" and not list(_untried(kind, len(learn)))):
        watch("network", 0, 0)
        network = _network(parts, learn, rate, seed, console)
        yield _Tried("network", network, said(network, parts.judged))


def chosen(judge: Judge, tried: Sequence[Float64[np.ndarray, "n heads"]]) -> int:
    """Returns the place of those predictions that are to be taken: the first, unless others are better.

    Each must have a lower weighted log loss than the one taken so far, outside the 95 % interval of the difference. So
    the simple predictors stay where nothing is shown to be better, and trees where the network is not.
    """
    taken = 0
    for place in range(1, len(tried)):
        if judge.difference(tried[place], tried[taken]).high < 0.0:
            taken = place
    return taken


def _network(
    parts: Split, learn: RankRows, rate: Float64[np.ndarray, " heads"], seed: int, console: Console | None
) -> RankModel:
    from tactful.training.export_ranker import export_ranker
    from tactful.training.ranking.network import fit_network, logits_of

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # which libraries of images are not there is no news
    ranker, _ = fit_network(learn, parts.tune, seed, console=console)
    calibration = calibrated(parts.tune, logits_of(ranker, parts.tune), rate)
    return export_ranker(ranker, calibration, sorted(set(learn.channel.tolist())))


def said(model: RankModel, rows: RankRows) -> Float64[np.ndarray, "n heads"]:
    """Returns what a ranker, as it is served, says of each message on its own channel."""
    parts = [np.zeros((0, len(RANK_HEADS)))]
    for start in range(0, len(rows), _JUDGED_AT_ONCE):
        some = rows.only(np.arange(start, min(start + _JUDGED_AT_ONCE, len(rows))))
        parts.append(own(model.rank(some.inputs)[:, 0].astype(np.float64), some.channel))
    return np.concatenate(parts)


def _judged(one: _Tried, judge: Judge, simple: _Tried | None) -> ModelReport:
    version = "" if one.model is None else one.model.version
    gap = None if simple is None else judge.difference(one.said, simple.said)
    return ModelReport(one.name, version, judge.loss(one.said), gap, judge.cells(one.said))


def _untried(kind: Kind, learned: int) -> Iterator[str]:
    """Why `auto` does not try the network, if it does not."""
    if kind == "auto" and learned < NETWORK_ROWS:
        yield f"the network was not tried: it needs {NETWORK_ROWS:,} messages to learn from, there are {learned:,}"
    elif kind == "auto" and any(find_spec(name) is None for name in ("torch", "onnx", "onnxscript")):
        yield "the network was not tried: torch is not there (pip install 'tactful[train]')"


def _notes(parts: Split, chosen: int) -> Iterator[str]:
    random = int(parts.tune.random.sum())
    if random < FEW_RANDOM:
        yield (
            f"only {random:,} messages of the tuned days were sent at random (exploration): chances are hardly "
            "calibrated, and what is said of calibration is uncertain"
        )
    never = [head for place, head in enumerate(RANK_HEADS) if not parts.judged.label[:, place].any()]
    if never:
        yield f"on the judged days there was no {', no '.join(never)}: these heads were not judged"
    if not chosen:
        yield "no ranker is better than the simple predictors outside the interval: nothing is put in force"


def _report(
    log: RankLog, parts: Split, learn: RankRows, rate: NDArray[np.float64], models: tuple[ModelReport, ...],
    chosen: ModelReport, notes: tuple[str, ...],
) -> RankReport:  # fmt: skip
    return RankReport(
        chosen=chosen.name,
        model_version=chosen.version,
        messages=len(log),
        learned=len(parts.learn),
        learned_drawn=len(learn),
        tuned=len(parts.tune),
        tuned_random=int(parts.tune.random.sum()),
        judged=len(parts.judged),
        judged_random=int(parts.judged.random.sum()),
        judged_people=len(np.unique(parts.judged.user)),
        tune_day=parts.tune_day,
        judged_day=parts.judged_day,
        end_day=parts.end_day,
        rates=dict(zip(RANK_HEADS, rate.tolist(), strict=True)),
        models=models,
        notes=notes,
    )
