"""What an evaluation says: the row of the table that it used, and both policies by reward, with their difference."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from tactful.errors import NotIdentifiable
from tactful.experiments.identify import Row
from tactful.experiments.interval import Interval
from tactful.experiments.ope import Estimate
from tactful.experiments.ope_compare import compare


class Finding(msgspec.Struct, frozen=True):
    """One reward: the mean a unit under the present and the target policy, and the gain of the target.

    Attributes:
        reward: its name.
        rows: units of the log whose reward is known.
        people: whose they are.
        present, target: estimates, each with a 95 % interval and its effective number of rows.
        difference: target minus present.
    """

    reward: str
    rows: int
    people: int
    present: Estimate
    target: Estimate
    difference: Interval


class Evaluation(msgspec.Struct, frozen=True):
    """A change, how it was judged, and what was found.

    Attributes:
        row: of the table.
        present, target: the two policies in words.
        findings: one a reward of which the log can tell.
        unsaid: why it cannot tell of others.
        left_out: rows of the log that could not be used.
    """

    row: Row
    present: str
    target: str
    findings: tuple[Finding, ...]
    unsaid: tuple[str, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, eq=False)
class Trials:
    """n units of a log: how they were drawn, and what came of them.

    Attributes:
        user: any integer key of the person.
        logged, present, target: chance of what was done under the log, the present and the target policy.
        reward: by name.
        known: by name, whether the reward's window had closed when the log ended.
        left_out: units that could not be used.
    """

    user: Int64[np.ndarray, " n"]
    logged: Float64[np.ndarray, " n"]
    present: Float64[np.ndarray, " n"]
    target: Float64[np.ndarray, " n"]
    reward: Mapping[str, NDArray[np.float64]]
    known: Mapping[str, Bool[np.ndarray, " n"]]
    left_out: int = 0


def judged(trials: Trials, row: Row, present: str, target: str) -> Evaluation:
    """Returns what the trials say of the row's rewards.

    Raises:
        NotIdentifiable: they say nothing of any: no trial with a known reward, or too few that the policies would have
            made.
    """
    findings, unsaid = [], []
    for name in row.rewards:
        try:
            findings.append(_finding(trials, row, name))
        except NotIdentifiable as error:
            unsaid.append(f"{name}: {error}")
    if not findings:
        raise NotIdentifiable(unsaid[0])
    return Evaluation(row, present, target, tuple(findings), tuple(unsaid), trials.left_out)


def _finding(trials: Trials, row: Row, name: str) -> Finding:
    on = trials.known[name]
    user, reward, logged = trials.user[on], trials.reward[name][on], trials.logged[on]
    people = len(np.unique(user))
    if people < 2:
        raise NotIdentifiable(
            f"got {row.randomisation} of {people} people with a known {name}, expected many; raise {row.share} and "
            "let the engine run, or judge by an experiment"
        )
    found = compare(reward, logged, trials.present[on], trials.target[on], user)
    none = [
        policy
        for policy, chance in (("present", trials.present[on]), ("target", trials.target[on]))
        if not reward[chance > 0.0].any()
    ]
    if len(none) == 2 or (none and not np.isin(reward, (0.0, 1.0)).all()):  # of 0 and 1, one without any has a width
        raise NotIdentifiable(
            f"got none under the {' or the '.join(none)} policy in {found.target.ess:,.0f} effective rows, of which an "
            "interval would have no width; wait for some"
        )
    return Finding(name, int(on.sum()), people, found.present, found.target, found.difference)
