"""Were the budgets drawn at random? If covariates foretell them, no model of their effect may be learned.

On observational volume the sign is wrong: active people are sent more, so more messages seem to make people active.
"""

from dataclasses import dataclass
from typing import Final

import lightgbm
import numpy as np
from jaxtyping import Bool, Float, Float32, Int64
from numpy.typing import NDArray

from tactful import draws
from tactful.errors import NotEnoughData, NotRandomised
from tactful.experiments.distributions import normal_quantile
from tactful.experiments.stats import Interval
from tactful.training.volume.log import VolumeLog
from tactful.training.volume.metrics import weighted_auc

FOLDS: Final = 2
LEVEL: Final = 0.999
"""Of the interval: budgets that were drawn are refused once in 2,000 trainings; a policy that follows clicks or
activity lies tens of standard errors off."""
MOST_ROWS: Final = 60_000
"""Assignments looked at; with more, the interval would be narrower than any dependence that matters."""
_ROUNDS: Final = 30
_SMALL_TREES: Final = {
    "objective": "multiclass",
    "num_leaves": 7,
    "learning_rate": 0.1,
    "min_data_in_leaf": 50,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Randomisation:
    """How well covariates foretell the budgets, on people not learned from; 0.5 is not at all.

    `auc` is the mean over budgets of the AUC of "this one against all others", with its interval at `LEVEL`.
    """

    auc: Interval
    rows: int

    @property
    def holds(self) -> bool:
        """Whether the budgets may have been drawn at random: the interval does not lie above 0.5."""
        return self.auc.low <= 0.5

    @property
    def says(self) -> str:
        """The finding as a clause."""
        value, low, high = self.auc
        return f"AUC {value:.3f} [{low:.3f}, {high:.3f}] of foretelling the budget of {self.rows:,} assignments"


def require_randomised(log: VolumeLog, seed: int = 0, threads: int = 1) -> Randomisation:
    """Returns the finding, if the budgets may have been drawn at random.

    Raises:
        NotRandomised: an assignment says that it was not drawn, or covariates foretell the budgets.
        NotEnoughData: as `check`.
    """
    chosen = int((~log.randomised).sum())
    if chosen:
        raise NotRandomised(
            f"got {chosen:,} of {len(log):,} assignments that were not drawn at random, expected the randomised slice "
            "only; learn from `log.only(log.randomised)`, or allow observational volume and trust no sign"
        )
    found = check(log, seed, threads)
    if not found.holds:
        raise NotRandomised(
            f"got {found.says}, expected 0.5: the budgets follow from what is known of the people, so their effect "
            "cannot be told from it; set exploration.volume_share and wait, or allow observational volume and trust "
            "no sign"
        )
    return found


def check(log: VolumeLog, seed: int = 0, threads: int = 1) -> Randomisation:
    """Returns how well the features, reach and activity foretell the budget, cross-validated by user.

    Small boosted trees learn the budget's class on half of the users and score the other half, and the other way
    round; rows are weighted by 1/probability. The standard error is DeLong's, with a user's rows taken together. The
    halves' areas depend on each other, for each half taught the other's trees: the standard error of their mean is
    taken as the mean of theirs, which holds whatever they share. (As if they were independent, the areas of drawn
    budgets spread 1.3 times as wide as the interval said.)

    Source: DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
    characteristic curves", Biometrics 44, 1988; the mean over classes is Hand and Till's idea, one against the rest.

    Raises:
        NotEnoughData: fewer than two budgets, or too few users to judge.
    """
    log = log.only(_looked_at(log, seed))
    budgets, label = np.unique(log.k, return_inverse=True)
    if len(budgets) < 2:
        raise NotEnoughData(
            f"got {len(log):,} assignments of {len(budgets)} different budget(s), expected two or more; "
            "see exploration.volume_choices"
        )
    fold = (draws.uniform(seed, log.user, 0, "randomisation fold") * FOLDS).astype(np.int64)
    weight = 1.0 / log.probability
    covariates = np.column_stack([log.features, log.reach, log.activity]).astype(np.float32)
    areas, errors = [], []
    for f in range(FOLDS):
        test = fold == f
        scores = _scores(covariates, label, weight, ~test, test, len(budgets), seed, threads)
        area, error = _mean_area(scores, label[test], weight[test], log.user[test])
        areas.append(area)
        errors.append(error)
    area, half = float(np.mean(areas)), normal_quantile((1.0 + LEVEL) / 2.0) * float(np.mean(errors))
    return Randomisation(Interval(area, area - half, area + half), len(log))


def _mean_area(
    scores: Float[np.ndarray, "n c"],
    label: Int64[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"],
    user: Int64[np.ndarray, " n"],
) -> tuple[float, float]:
    """The mean over budgets of the AUC, and its standard error, by user."""
    there = [c for c in range(scores.shape[1]) if 0 < (label == c).sum() < len(label)]
    if not there:
        raise NotEnoughData(
            f"got {len(label)} assignments to judge, too few to tell whether their budgets were drawn at random; "
            "wait for more users in the slice"
        )
    areas, effects = zip(*(weighted_auc(scores[:, c], label == c, weight) for c in there), strict=True)
    by_user = np.bincount(np.unique(user, return_inverse=True)[1], np.mean(effects, axis=0))
    return float(np.mean(areas)), float(np.sqrt((by_user**2).sum()))


def _looked_at(log: VolumeLog, seed: int) -> NDArray[np.bool_]:
    """All users, or as many by hash as make about `MOST_ROWS`."""
    share = MOST_ROWS / max(len(log), 1)
    looked: NDArray[np.bool_] = draws.uniform(seed, log.user, 0, "randomisation sample") < share
    return looked


def _scores(
    covariates: Float32[np.ndarray, "m f"],
    label: Int64[np.ndarray, " m"],
    weight: Float[np.ndarray, " m"],
    train: Bool[np.ndarray, " m"],
    test: Bool[np.ndarray, " m"],
    classes: int,
    seed: int,
    threads: int,
) -> NDArray[np.float64]:
    """Chance of each budget for the people to be judged, learned from the others."""
    rows = lightgbm.Dataset(covariates[train], label[train], weight=weight[train])
    settings = {**_SMALL_TREES, "num_class": classes, "num_threads": threads, "seed": seed}
    scores: NDArray[np.float64] = np.asarray(
        lightgbm.train(settings, rows, num_boost_round=_ROUNDS).predict(covariates[test], num_threads=threads)
    )
    return scores
