"""Which arm each user is in, and what is done for an arm: constant between two changes of the running experiments.

Everybody who is in no experiment of the layer `policy`, and the holdout, is in the arm `default`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Int, Int64, UInt64
from numpy.typing import NDArray

from tactful.experiments.assign import arms_of, assigned
from tactful.experiments.design import DEFAULT, Experiment
from tactful.experiments.holdout import held_out
from tactful.features.segments import SEGMENTS
from tactful.runtime.arm_rules import settings_of
from tactful.runtime.settings import Settings

_UNASKED: Final = -1
"""A user whose segment nobody knows yet: she had no plan when the experiment started."""


@dataclass(frozen=True)
class Treatment:
    """What is done for one or more arms: the settings with their rules, and the ranker's version ("": in force)."""

    settings: Settings
    ranker: str = ""


@dataclass(frozen=True)
class Regrouping:
    """What a change of arms did, from o old arms to m new ones.

    Attributes:
        share: of each old arm's users, who are in each new arm now.
        alike: whether the two are treated alike, so that utilities of the one tell something of the other's.
        source: the old arm whose price a new one begins with: its own, or that of `default`.
        kin: new arms of one number are treated alike, so that utilities of the one are on the other's scale.
        moved: how many of each old arm's users are in each new arm now.
    """

    share: Float[np.ndarray, "o m"]
    alike: Bool[np.ndarray, "o m"]
    source: Int64[np.ndarray, " m"]
    kin: Int64[np.ndarray, " m"]
    moved: Int64[np.ndarray, "o m"]


class Arms:
    """The arms of the running experiments, and everybody's.

    Attributes:
        experiments: that run, of the layer `policy`.
        names: of the arms; the first is `default`.
        treatments: that differ; the first is that of `default`.
        treatment: by arm, an index into `treatments`.
        of: by row of the user table, an index into `names`.
        asked: by targeted experiment and row, whether it is for her: 1, 0, or -1 until her first plan.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.of: Int64[np.ndarray, " n"] = np.zeros(0, dtype=np.int64)
        self.asked: dict[str, NDArray[np.int8]] = {}
        self._take(())

    def change(
        self, experiments: Sequence[Experiment], users: NDArray[Any], known: Bool[np.ndarray, " n"] | None = None
    ) -> Regrouping:
        """Takes other experiments and deals everybody anew; who stays inside one keeps her arm.

        Args:
            experiments: that run from here on.
            users: rows of the user table that have been dealt before.
            known: which of them are counted as moved; by default all.
        """
        names, of, treatments = self.names, self.of, [self.treatments[t] for t in self.treatment.tolist()]
        self._take(experiments)
        targeted = [one for one in experiments if not one.targeting.everybody()]
        self.asked = {one.name: self.asked.get(one.name, _meant_now(one, users)) for one in targeted}
        self.of = self._dealt(users["user_key"], np.arange(len(users)))
        source = np.array([names.index(name) if name in names else 0 for name in self.names])
        alike = np.array([[was == self.treatments[t] for t in self.treatment.tolist()] for was in treatments])
        moved = np.zeros((len(names), len(self.names)), dtype=np.int64)
        counted = slice(None) if known is None else known
        np.add.at(moved, (of[counted], self.of[counted]), 1)
        return Regrouping(shares(moved, names, self.names), alike, source, self.treatment.copy(), moved)

    def restore(self, experiments: Sequence[Experiment], asked: Mapping[str, bytes]) -> None:
        """Takes the experiments of a snapshot, for users who are to be dealt again."""
        self._take(experiments)
        self.of = np.zeros(0, dtype=np.int64)
        self.asked = {name: np.frombuffer(known, dtype=np.int8).copy() for name, known in asked.items()}

    def grow(self, user_key: UInt64[np.ndarray, " n"]) -> None:
        """Deals users who are behind those that were dealt."""
        rows = np.arange(len(self.of), len(self.of) + len(user_key))
        for name, known in self.asked.items():
            fresh = np.full(max(0, len(self.of) + len(user_key) - len(known)), _UNASKED, dtype=np.int8)
            self.asked[name] = np.concatenate([known, fresh])
        self.of = np.concatenate([self.of, self._dealt(user_key, rows)])

    def plan(self, rows: Int[np.ndarray, " n"], users: NDArray[Any]) -> None:
        """Asks of users who have a plan now whether targeted experiments are for them, if nobody has."""
        for one in self.experiments:
            if one.name not in self.asked:
                continue
            known = self.asked[one.name]
            fresh = rows[known[rows] == _UNASKED]
            if len(fresh):
                known[fresh] = _meant(one, users["segment"][fresh])
                self.of[fresh] = self._dealt(users["user_key"][fresh], fresh)

    def treatment_of(self, rows: Int[np.ndarray, " n"]) -> Treatment:
        """Returns what is done for users who are treated alike."""
        if len(self.treatments) == 1 or not len(rows):
            return self.treatments[0]
        return self.treatments[int(self.treatment[self.of[rows[0]]])]

    def treated_alike(self, rows: Int64[np.ndarray, " n"]) -> list[Int64[np.ndarray, " m"]]:
        """Returns these rows in parts, each of users who are treated alike."""
        if len(self.treatments) == 1:
            return [rows]
        treatment = self.treatment[self.of[rows]]
        return [rows[treatment == t] for t in np.unique(treatment).tolist()]

    def without_own_ranker(self) -> Bool[np.ndarray, " m"]:
        """Returns which arms are scored by the ranker in force."""
        return np.array([not self.treatments[t].ranker for t in self.treatment.tolist()])

    def _take(self, experiments: Sequence[Experiment]) -> None:
        self.experiments = tuple(experiments)
        self.names = (DEFAULT, *arms_of(experiments))
        own = [
            Treatment(settings_of(self._settings, arm.rules), arm.models.get("ranker", ""))
            for one in experiments
            for arm in one.arms
        ]
        found: list[Treatment] = []
        for each in (Treatment(self._settings), *own):
            if each not in found:
                found.append(each)
        self.treatments = tuple(found)
        self.treatment: Int64[np.ndarray, " m"] = np.array([0, *(found.index(each) for each in own)], dtype=np.int64)

    def _dealt(self, user_key: NDArray[np.uint64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The arms of users by hash, where an experiment is for them; nobody of the holdout is in one."""
        arm = assigned(self.experiments, user_key, self._settings.seed) + 1
        first = 1
        for one in self.experiments:
            inside = (arm >= first) & (arm < first + len(one.arms))
            first += len(one.arms)
            if one.name in self.asked:
                arm[inside & (self.asked[one.name][rows] != 1)] = 0
        if self._settings.holdout.share:
            arm[held_out(user_key, self._settings.holdout.share, self._settings.seed)] = 0
        return arm


def _meant_now(experiment: Experiment, users: NDArray[Any]) -> NDArray[np.int8]:
    """As `_meant`, and `_UNASKED` of users who have no plan yet."""
    return np.where(users["plan_day"] >= 0, _meant(experiment, users["segment"]), np.int8(_UNASKED))


def _meant(experiment: Experiment, segment: NDArray[np.int8]) -> NDArray[np.int8]:
    """Whether an experiment is for people of these segments, 1 or 0."""
    target = experiment.targeting
    fits = [
        activity in (target.activities or (activity,)) and reach in (target.reaches or (reach,))
        for activity, reach in (name.split("/") for name in SEGMENTS)
    ]
    told: NDArray[np.int8] = np.array(fits, dtype=np.int8)[segment]
    return told


def shares(moved: Int64[np.ndarray, "o m"], old: tuple[str, ...], new: tuple[str, ...]) -> Float[np.ndarray, "o m"]:
    """Returns the share of each old arm's users in each new arm; an arm without users goes on under its name, or ends.

    >>> shares(np.array([[3, 1], [0, 0]]), ("default", "a"), ("default", "b")).tolist()
    [[0.75, 0.25], [1.0, 0.0]]
    """
    counted = moved.astype(np.float64)
    for arm in np.flatnonzero(counted.sum(axis=1) == 0):
        counted[arm, new.index(old[arm]) if old[arm] in new else 0] = 1.0
    share: NDArray[np.float64] = counted / counted.sum(axis=1, keepdims=True)
    return share
