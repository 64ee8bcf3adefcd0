"""The random slice as choices: every option that a random send might have taken, which one it took, what came of it.

On a day of random sends each feasible option is as likely as the others, so what other weights would have chosen is
among what was tried. Options whose scores are of other heads than the newest are left out: a model came in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import to_us
from tactful.decision.policy import utility
from tactful.decision.rules import Rules
from tactful.errors import NotEnoughData
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS, Decision, Option
from tactful.features.join import Sends, Touches, closed, kinds_mask
from tactful.features.segments import SEGMENTS
from tactful.training.ranking.labels import labels, windows_us


@dataclass(frozen=True, eq=False)
class RandomChoices:
    """n random sends with up to m options each.

    Attributes:
        heads: names of the scores' last axis.
        scores: of each option, as the decision had them; 0 where there is none.
        present: whether there is an option.
        sent: place of the option that was sent.
        user: any integer key of the person.
        segment: an index into `SEGMENTS`, -1 where it was not noted.
        p_organic, mean_unsubscribe, active_today: as the decision read them.
        label, known: what came of it by head of `RANK_HEADS`, and whether that is known yet.
    """

    heads: tuple[str, ...]
    scores: Float64[np.ndarray, "n m heads"]
    present: Bool[np.ndarray, "n m"]
    sent: Int64[np.ndarray, " n"]
    user: Int64[np.ndarray, " n"]
    segment: Int64[np.ndarray, " n"]
    p_organic: Float64[np.ndarray, " n"]
    mean_unsubscribe: Float64[np.ndarray, " n"]
    active_today: Bool[np.ndarray, " n"]
    label: Bool[np.ndarray, "n outcomes"]
    known: Bool[np.ndarray, "n outcomes"]

    def __len__(self) -> int:
        return len(self.sent)

    def of(self, segments: Sequence[int]) -> "RandomChoices":
        """Returns those of people in some segments."""
        mine = np.isin(self.segment, segments)
        arrays: dict[str, Any] = {
            name: value[mine] for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        return replace(self, **arrays)


def is_random_choice(decision: Decision) -> bool:
    """Returns whether a random send took one of several feasible options, or the only one."""
    drawn = any(reason.code == "random_send" for reason in decision.reasons)
    return decision.bucket == "random_send" and decision.action == "send" and drawn and bool(decision.feasible)


def random_choices(
    decisions: Sequence[Decision], touches: Touches, types: Sequence[EventType], until_us: int
) -> RandomChoices:
    """Returns the random sends among decisions, with what came of them.

    Args:
        decisions: of any kind; those that are no random choice, or of a type that is not known any more, are left out.
        touches: all engagements of these people; users are `draws.key` of their ids, as signed 64 bits.
        types: the event types.
        until_us: what came later is not known.

    Raises:
        NotEnoughData: there is no random choice.
    """
    rules = {each.name: each.engagement for each in types}
    drawn = [one for one in decisions if is_random_choice(one) and one.type in rules]
    if not drawn:
        raise NotEnoughData(
            "got no random send on record; set exploration.random_send above 0, and let the engine run for some weeks"
        )
    heads = max(drawn, key=lambda one: one.at).heads
    drawn = sorted((one for one in drawn if one.heads == heads), key=_order)
    options = [sorted(one.feasible, key=_tie) for one in drawn]
    sends = Sends(
        user=np.array([user_number(one.user_id) for one in drawn], dtype=np.int64),
        at_us=np.array([to_us(one.at) for one in drawn], dtype=np.int64),
        window_us=np.array([round(rules[str(one.type)].within.total_seconds() * 1e6) for one in drawn], dtype=np.int64),
        kinds=np.array([kinds_mask(rules[str(one.type)].kinds) for one in drawn], dtype=np.int64),
        channel=np.array([CHANNELS.index(one.channel) for one in drawn if one.channel], dtype=np.int64),
        decision=np.array([int(one.decision_id, 16) & 0xFFFFFFFFFFFFFFFF for one in drawn], dtype=np.uint64),
    )
    known = np.stack([closed(sends.at_us, window, until_us) for window in windows_us(sends).T], axis=1)
    scores, present = _scores(options, len(heads))
    return RandomChoices(
        heads=heads,
        scores=scores,
        present=present,
        sent=np.array([_place(one, some) for one, some in zip(drawn, options, strict=True)], dtype=np.int64),
        user=sends.user,
        segment=np.array([SEGMENTS.index(one.segment) if one.segment else -1 for one in drawn], dtype=np.int64),
        p_organic=_read(drawn, "p_organic"),
        mean_unsubscribe=_read(drawn, "mean_unsubscribe"),
        active_today=_read(drawn, "active_today") > 0.0,
        label=labels(sends, touches),
        known=known,
    )


def best_options(choices: RandomChoices, rules: Rules) -> Int64[np.ndarray, " n"]:
    """Returns the place of the option that the rules like best in each job."""
    table = utility.weight_table(choices.heads, rules.weights, rules.weights_by_segment)
    scores = choices.scores[:, :, None, :]
    if rules.utility == "nep":
        worth = utility.nep(scores, table, choices.segment)
    else:
        worth = utility.incremental(
            scores,
            choices.heads,
            table,
            choices.segment,
            choices.mean_unsubscribe,
            choices.p_organic,
            choices.active_today,
            rules.already_active_today,
            rules.further_visit,
        )
    place: NDArray[np.int64] = np.where(choices.present, worth[:, :, 0], -np.inf).argmax(axis=1)
    return place


def user_number(user_id: str) -> int:
    """Returns the key of a user as a signed 64-bit integer."""
    return int(np.uint64(draws.key(user_id)).astype(np.int64))


def _order(one: Decision) -> tuple[int, int, int]:
    return user_number(one.user_id), to_us(one.at), int(one.decision_id, 16) & 0xFFFFFFFFFFFFFFFF


def _tie(option: Option) -> tuple[int, int]:
    """Of equal utilities the smaller key goes first, as in `policy/channel.py`."""
    return draws.key("candidate:" + option.candidate_id), CHANNELS.index(option.channel)


def _place(one: Decision, options: Sequence[Option]) -> int:
    return [(each.candidate_id, each.channel) == (one.candidate_id, one.channel) for each in options].index(True)


def _scores(
    options: Sequence[Sequence[Option]], heads: int
) -> tuple[Float64[np.ndarray, "n m heads"], Bool[np.ndarray, "n m"]]:
    most = max(len(some) for some in options)
    scores = np.zeros((len(options), most, heads))
    present = np.zeros((len(options), most), dtype=np.bool_)
    for row, some in enumerate(options):
        scores[row, : len(some)] = [each.scores for each in some]
        present[row, : len(some)] = True
    return scores, present


def _read(drawn: Sequence[Decision], name: str) -> Float64[np.ndarray, " n"]:
    return np.array([one.features.get(name, 0.0) for one in drawn], dtype=np.float64)
