"""Utility: what one message is worth, in clicks that would not have come by themselves.

Two forms: `nep`, the published weighted sum of the heads, and `incremental`, the default. Scores are
calibrated probabilities [n, c, h, heads] whose last axis is named by a tuple of heads. Not here: the price
of a send, which is the threshold and is charged once (`threshold.py`, `channel.py`).
"""

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from tactful.errors import InvalidScores, InvalidSettings
from tactful.features.segments import ACTIVITIES, REACHES, SEGMENTS, segments_named
from tactful.kernel import kernel

HEADS: tuple[str, ...] = ("click", "unsubscribe")
"""The heads of the simple predictors, in the order of the scores' last axis."""

AlreadyActive: TypeAlias = Literal["hold", "discount", "ignore"]

CLICK_WEIGHT = 1.0
"""Utility is counted in incremental clicks."""

UNSUBSCRIBE_COST = 5.0
"""Clicks lost with a subscriber told 5 times a week who clicks 1 in 20, at 0.95 a week: 5·0.05/(1 − 0.95)."""

DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "open": 0.0,
        "click": CLICK_WEIGHT,
        "unsubscribe": -UNSUBSCRIBE_COST,
        "session_1h": 0.0,
        "session_1d": 0.0,
        "session_3d": 0.0,
    }
)
"""Sessions weigh nothing by default: the chance of one is largest for those who come anyway, and a ranker foretells it
whole, not what the message adds. An open is on the way to a click."""

FURTHER_VISIT = 0.25
"""Worth of one more visit on a day that is already active: the goal is active days, and it adds none; a
quarter stays for the depth of the visit, so that the most active people still hear of what is good."""


def weight_table(
    heads: tuple[str, ...],
    weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    by_segment: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> Float[np.ndarray, "segments heads"]:
    """Returns the weight of every head in every segment; heads that a person dislikes are negative.

    Args:
        heads: names of the scores' columns.
        weights: weight by head, for all segments; heads that the scores lack are left out, and one that it does not
            name has its default: a model with more heads than its predecessor needs no other settings.
        by_segment: what differs in a segment (a name of `SEGMENTS`), or in all segments of an activity; of two that
            name the same head the segment's own counts.

    Raises:
        InvalidSettings: a head without weight, an unknown segment or head, or a weight that is not finite.

    >>> table = weight_table(HEADS, by_segment={"new": {"unsubscribe": -10.0}, "new/both": {"unsubscribe": -20.0}})
    >>> [table[SEGMENTS.index(name)].tolist() for name in ("new/both", "new/push_only", "core/both")]
    [[1.0, -20.0], [1.0, -10.0], [1.0, -5.0]]
    """
    return _table(heads, tuple(weights.items()), tuple((name, tuple(of.items())) for name, of in by_segment.items()))


@lru_cache(maxsize=64)
def _table(
    heads: tuple[str, ...],
    of_everybody: tuple[tuple[str, float], ...],
    of_segments: tuple[tuple[str, tuple[tuple[str, float], ...]], ...],
) -> Float[np.ndarray, "segments heads"]:
    """The table, which every batch asks for; read-only, one array for equal weights."""
    weights, by_segment = dict(of_everybody), {name: dict(of) for name, of in of_segments}
    refuse_unknown(weights, by_segment)
    of_all = {**DEFAULT_WEIGHTS, **weights}
    missing = [head for head in heads if head not in of_all]
    if missing:
        raise InvalidSettings(f"got scores of the heads {missing}, expected heads of {', '.join(of_all)}")
    table = np.tile(np.array([of_all[head] for head in heads], dtype=np.float64), (len(SEGMENTS), 1))
    for name in sorted(by_segment, key=lambda name: name in SEGMENTS):
        for head, weight in by_segment[name].items():
            if head in heads:
                table[list(segments_named(name)), heads.index(head)] = weight
    table.setflags(write=False)
    return table


def refuse_unknown(weights: Mapping[str, float], by_segment: Mapping[str, Mapping[str, float]]) -> None:
    """Passes if weights are finite and by known names: segments or activities, and heads that have a default weight.

    Raises:
        InvalidSettings: they are not.
    """
    for name, changes in (("all", weights), *by_segment.items()):
        if name != "all" and not segments_named(name):
            raise InvalidSettings(
                f"got weights for segment {name!r}, expected one of {', '.join(ACTIVITIES)}, alone or with a reach "
                f'({", ".join(REACHES)}), such as "new/both"'
            )
        for head, weight in changes.items():
            if head not in DEFAULT_WEIGHTS:
                raise InvalidSettings(
                    f"got a weight for head {head!r} ({name}), expected one of {', '.join(DEFAULT_WEIGHTS)}"
                )
            if not isfinite(weight):
                raise InvalidSettings(
                    f"got the weight {weight} for head {head!r} in segment {name!r}, expected a finite number of clicks"
                )


def nep(
    scores: Float[np.ndarray, "n c h heads"],
    weights: Float[np.ndarray, "segments heads"],
    segment: Int[np.ndarray, " n"],
) -> Float[np.ndarray, "n c h"]:
    """Returns the utility of every option: U = Σ_head w[segment, head] · p[head].

    Source: Pinterest Engineering, "NEP: Notification System and Relevance", 2024: a linear utility whose
    positive heads are engagements and whose negative heads are unsubscribes and deletions. The weights are
    not published.
    """
    return _weighted(scores, weights[segment])


def incremental(
    scores: Float[np.ndarray, "n c h heads"],
    heads: tuple[str, ...],
    weights: Float[np.ndarray, "segments heads"],
    segment: Int[np.ndarray, " n"],
    mean_unsubscribe: Float[np.ndarray, " n"],
    organic: Float[np.ndarray, " n"],
    active_today: Bool[np.ndarray, " n"],
    already_active_today: AlreadyActive = "discount",
    further_visit: float = FURTHER_VISIT,
) -> Float[np.ndarray, "n c h"]:
    """Returns the utility of every option, counting only what the message adds.

    U = w_click · (1 − p_organic) · p_click + w_unsubscribe · (p_unsubscribe − mean) + Σ_other w · p, where
    w_unsubscribe is negative. A click by someone who would have come anyway adds little; the unsubscribe head
    enters as its deviation from the user's mean, because the mean was paid for when the budget was allocated.

    `already_active_today` says what a click is worth by someone who has been in the app today:
    `discount` multiplies it by `further_visit`; `ignore` treats her as anyone else; so does `hold`, since
    there the hold is a matter of the feasible set, before utilities are looked at.

    Args:
        scores: calibrated probabilities, 0..1.
        heads: names of the last axis; `click` and `unsubscribe` must be among them.
        weights: see `weight_table`.
        segment: of each user, an index into `SEGMENTS`.
        mean_unsubscribe: the user's mean p_unsubscribe over her messages.
        organic: probability that she comes by herself in the rest of the day, 0..1.
        active_today: whether she has been in the app today.
        already_active_today: see above.
        further_visit: worth of a further visit on an active day, in first visits.

    Raises:
        InvalidScores: a needed head is missing.

    Source: Zhao, Narita, Orten and Egan, "Notification volume control and optimization system at Pinterest",
    KDD 2018: p(a|u) = p(a0|u) + (1 − p(a0|u)) p(an|u), whence the factor (1 − p_organic).
    Deviation: NEP has no such factor and counts the whole unsubscribe head.
    """
    missing = {"click", "unsubscribe"} - set(heads)
    if missing:
        raise InvalidScores(f"got the heads {list(heads)} without {sorted(missing)}; the ranker must predict them")
    worth = 1.0 - organic
    if already_active_today == "discount":
        worth = worth * np.where(active_today, further_visit, 1.0)
    per_head = weights[segment].copy()
    expected = per_head[:, heads.index("unsubscribe")] * mean_unsubscribe
    per_head[:, heads.index("click")] *= worth
    utility: Float[np.ndarray, "n c h"] = _weighted(scores, per_head) - expected[:, None, None]
    return utility


def _weighted(
    scores: Float[np.ndarray, "n c h heads"], per_head: Float[np.ndarray, "n heads"]
) -> Float[np.ndarray, "n c h"]:
    """Returns the sum over heads, head by head: the same bits whatever the batch's shape, unlike a contraction."""
    total = np.zeros(scores.shape[:3])
    _add_heads(scores, per_head, total)
    return total


@kernel
def _add_heads(scores: NDArray[Any], per_head: NDArray[np.float64], total: NDArray[np.float64]) -> None:
    for r in range(total.shape[0]):
        for c in range(total.shape[1]):
            for h in range(total.shape[2]):
                for head in range(scores.shape[3]):
                    total[r, c, h] += scores[r, c, h, head] * per_head[r, head]
