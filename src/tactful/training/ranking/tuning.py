"""What other utility weights would have brought, from choices that were drawn at random.

The question is which option: of the same rank jobs, on days of random sends, what the weights would have picked. Not
whether and how often to send: budgets and thresholds settle that, and hold the volume whatever the weights are.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Bool, Int64
from numpy.typing import NDArray

from tactful.decision.rules import Rules
from tactful.errors import InvalidSettings, NotEnoughData
from tactful.experiments.ope import Estimate, snips
from tactful.features.segments import SEGMENTS, segments_named
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.random_choices import RandomChoices, best_options

LEAST_MESSAGES: Final = 100
"""Effective messages on which an estimate must rest."""
MOST_POINTS: Final = 400
"""Sets of weights: more are no help to a person who must pick one."""
UNSUBSCRIBE_WEIGHTS: Final = (0.0, -1.0, -2.0, -5.0, -10.0, -20.0, -50.0)
SESSION_WEIGHTS: Final = (0.0, 0.2, 0.5)
_GOOD: Final = ("click", "session_1d")


class Point(msgspec.Struct, frozen=True):
    """One set of weights, and what a message that it chose would have brought.

    Attributes:
        weights: by head.
        outcomes: chance of each outcome, by head of `RANK_HEADS`.
        changed: share of the choices that differ from those of the weights in force.
        in_force: whether these are the weights in force.
        frontier: no other point has at least as many clicks and sessions and no more unsubscribes.
    """

    weights: dict[str, float]
    outcomes: dict[str, Estimate]
    changed: float
    in_force: bool
    frontier: bool


class Tuning(msgspec.Struct, frozen=True):
    """The points tried, and what they were judged on.

    Attributes:
        messages: random sends.
        people: who got them.
        options: mean number of options that a random send drew from.
        segment: name of the segments that were looked at, "" for all that have no weights of their own.
        weights: in force for them, by head, those of heads included that the scores on record do not have.
    """

    points: tuple[Point, ...]
    weights: dict[str, float]
    messages: int
    people: int
    options: float
    segment: str


def among(choices: RandomChoices, rules: Rules, segment: str = "") -> tuple[RandomChoices, dict[str, float]]:
    """Returns the choices of a segment's people with the weights in force for them.

    Without a segment, those of everybody for whom `rules.weights` hold.

    Args:
        choices: of everybody.
        rules: in force.
        segment: an activity, or an activity and a reach.

    Raises:
        InvalidSettings: an unknown segment, or one whose parts have weights of their own.
        NotEnoughData: nobody of it got a random send.
    """
    own = rules.weights_by_segment
    if not segment:
        elsewhere = {place for name in own for place in segments_named(name)}
        found, weights = choices.of([place for place in range(-1, len(SEGMENTS)) if place not in elsewhere]), {}
    else:
        if not segments_named(segment):
            raise InvalidSettings(f"got the segment {segment!r}, expected an activity or a segment such as new/both")
        if finer := [name for name in own if name.startswith(segment + "/")]:
            raise InvalidSettings(f"got {segment!r}, of which {finer} have weights of their own; tune those one by one")
        found = choices.of(segments_named(segment))
        weights = {**own.get(segment.partition("/")[0], {}), **own.get(segment, {})}
    if not len(found):
        raise NotEnoughData(
            f"got no random send to people in {segment or 'segments without own weights'}; wait for some"
        )
    return found, {**rules.weights, **weights}


def grid(
    heads: Sequence[str], in_force: Mapping[str, float], tried: Mapping[str, Sequence[float]]
) -> list[dict[str, float]]:
    """Returns the sets of weights to try, those in force first.

    Args:
        heads: that the scores have; others cannot be tried.
        in_force: weight by head.
        tried: weights to try, by head; without any, several for unsubscribes, and for sessions if they are foretold.

    Raises:
        InvalidSettings: a head that the scores lack, or too many sets.
    """
    if not tried:
        tried = {"unsubscribe": UNSUBSCRIBE_WEIGHTS}
        if "session_1d" in heads:
            tried = {**tried, "session_1d": SESSION_WEIGHTS}
    if strange := [head for head in tried if head not in heads]:
        raise InvalidSettings(f"got weights for {strange}, expected heads that the scores on record have: {heads}")
    number = int(np.prod([len(values) for values in tried.values()]))
    if number > MOST_POINTS:
        raise InvalidSettings(f"got {number} sets of weights, expected at most {MOST_POINTS}; try fewer values")
    own = {head: in_force[head] for head in heads}
    sets = [own, *({**own, **dict(zip(tried, values, strict=True))} for values in product(*tried.values()))]
    return [one for place, one in enumerate(sets) if one not in sets[:place]]


def tune(choices: RandomChoices, rules: Rules, sets: Sequence[Mapping[str, float]], segment: str = "") -> Tuning:
    """Returns what each set of weights would have brought; the first set is the one in force.

    Raises:
        NotEnoughData: some set chose what was sent too rarely to say anything of it.
    """
    picks = [picked(choices, rules, weights) for weights in sets]
    outcomes = [_outcomes(choices, pick) for pick in picks]
    for weights, found in zip(sets, outcomes, strict=True):
        if found["click"].ess < LEAST_MESSAGES:
            raise NotEnoughData(
                f"got {len(choices)} random sends, of which {found['click'].ess:.0f} are what the weights "
                f"{dict(weights)} would have sent, expected at least {LEAST_MESSAGES}; wait, or raise "
                "exploration.random_send"
            )
    best = _frontier(outcomes)
    points = tuple(
        Point(dict(weights), found, float((pick != picks[0]).mean()), place == 0, bool(best[place]))
        for place, (weights, found, pick) in enumerate(zip(sets, outcomes, picks, strict=True))
    )
    people = len(np.unique(choices.user))
    return Tuning(
        points, {**rules.weights, **sets[0]}, len(choices), people, float(choices.present.sum(axis=1).mean()), segment
    )


def picked(choices: RandomChoices, rules: Rules, weights: Mapping[str, float]) -> Int64[np.ndarray, " n"]:
    """Returns the place of the option that the weights, the same for everybody, choose in every job."""
    return best_options(choices, msgspec.structs.replace(rules, weights=dict(weights), weights_by_segment={}))


def _outcomes(choices: RandomChoices, pick: Int64[np.ndarray, " n"]) -> dict[str, Estimate]:
    logged = 1.0 / choices.present.sum(axis=1)
    target = (pick == choices.sent).astype(np.float64)
    found = {}
    for place, head in enumerate(RANK_HEADS):
        on = choices.known[:, place]
        if not target[on].any():
            raise NotEnoughData(
                f"got no random send with a known {head} that the weights would have sent; wait for more of them"
            )
        reward = choices.label[on, place].astype(np.float64)
        found[head] = snips(reward, logged[on], target[on], choices.user[on])
    return found


def _frontier(outcomes: Sequence[Mapping[str, Estimate]]) -> Bool[np.ndarray, " p"]:
    """Which points no other point beats; of equal ones all stay."""
    value: NDArray[np.float64] = np.array(
        [[*(found[head].value for head in _GOOD), -found["unsubscribe"].value] for found in outcomes]
    )
    as_good = np.logical_and.reduce(value[None] >= value[:, None], axis=2)
    better = np.logical_or.reduce(value[None] > value[:, None], axis=2)
    beaten: NDArray[np.bool_] = np.logical_or.reduce(as_good & better, axis=1)
    return ~beaten
