"""Every row of the table: how it is fitted, what it says of the judged messages, and the ranker where one can serve."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ranker.logistic import fit_logistic
from tactful.models.protocol import RANK_HEADS, RankModel
from tactful.models.rank_calibration import RankCalibration
from tactful.training.export_ranker import export_ranker
from tactful.training.ranking.boosted import fit_boosted
from tactful.training.ranking.calibrate import calibrated, own
from tactful.training.ranking.fit import said
from tactful.training.ranking.network import fit_network, logits_of
from tactful.training.ranking.rows import RankRows
from tactful.training.ranking.simple import fit_simple
from tactful.training.ranking.split import Split

NETWORKS: Final[dict[str, dict[str, Any]]] = {
    "network": {},
    "mixer": {"mixer": True},
    "transformer": {"sequences": "transformer"},
    "article": {"sequences": "transformer", "mixer": True},
    "no sequences": {"sequences": "none"},
}
"""Arguments of `Ranker`; the default has temporal interests and no mixer."""
TITLES: Final = {
    "simple": "simple predictors",
    "logistic": "logistic regression",
    "boosted": "LightGBM, a forest a head and channel (default)",
    "network": "network: temporal interests",
    "mixer": "network: temporal interests, mixer",
    "transformer": "network: transformer for the sequences",
    "article": "network: transformer, mixer (as NEP)",
    "no sequences": "network without sequences",
    "single-task": "six networks of one head each",
}
WHOLE: Final = ("simple", "boosted", "network")
"""Have all seeds; the others two."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a rival says of the judged messages on their own channels, and the ranker, if it is one."""

    chances: Float64[np.ndarray, "n heads"]
    model: RankModel | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """Parts of a log, the rows drawn to learn from, and the share of negatives among them."""

    parts: Split
    learn: RankRows
    rate: Float64[np.ndarray, " heads"]
    seed: int


def fitted(name: str, task: Task) -> Fitted:
    """Returns a rival, fitted and calibrated like all others."""
    if name in NETWORKS:
        ranker, _ = fit_network(task.learn, task.parts.tune, task.seed, **NETWORKS[name])
        lean = calibrated(task.parts.tune, logits_of(ranker, task.parts.tune), task.rate)
        return _served(export_ranker(ranker, lean, sorted(set(task.learn.channel.tolist()))), task)
    others: dict[str, Callable[[Task], Fitted]] = {
        "simple": lambda t: Fitted(fit_simple(t.parts.past).chances(t.parts.judged)),
        "logistic": _logistic,
        "boosted": lambda t: _served(fit_boosted(t.learn, t.rate, t.parts.tune, t.seed), t),
        "single-task": _single_tasks,
    }
    return others[name](task)


def _served(model: RankModel, task: Task) -> Fitted:
    return Fitted(said(model, task.parts.judged), model)


def _logistic(task: Task) -> Fitted:
    model = fit_logistic(task.learn)
    lean = calibrated(task.parts.tune, model.logits(task.parts.tune), task.rate)
    return Fitted(_chances(lean, model.logits(task.parts.judged), task.parts.judged))


def _single_tasks(task: Task) -> Fitted:
    """One network a head, with the same rows, course and sizes."""
    tune, judged = ([], [])
    for head in RANK_HEADS:
        ranker, _ = fit_network(task.learn, task.parts.tune, task.seed, heads=(head,))
        tune.append(logits_of(ranker, task.parts.tune))
        judged.append(logits_of(ranker, task.parts.judged))
    lean = calibrated(task.parts.tune, np.concatenate(tune, axis=1), task.rate)
    return Fitted(_chances(lean, np.concatenate(judged, axis=1), task.parts.judged))


def _chances(lean: RankCalibration, logit: NDArray[np.float64], rows: RankRows) -> NDArray[np.float64]:
    every = np.repeat(logit[:, None, None, :], len(lean.slope), axis=2)
    return own(lean.chances(every)[:, 0], rows.channel)
