"""Where two senders agree: whom both told on a day, what both told, how far apart, and through what."""

from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from typing import Final, TypeAlias

import msgspec
import numpy as np

from tactful.clock import HOUR_US
from tactful.runtime.shadowing.found import Beside, Message

WITHIN_HOURS: Final = (1, 3, 24)

_Pair: TypeAlias = tuple[Message, Message]


class Split(msgspec.Struct, frozen=True):
    """Things by who told them: both, one of the two, or neither."""

    both: int
    only_they: int
    only_we: int
    neither: int


class Named(msgspec.Struct, frozen=True):
    """Messages of one type or channel; `both` are candidates that both told, in the same type or channel."""

    they: int
    we: int
    both: int


class Agreement(msgspec.Struct, frozen=True):
    """How two senders agree.

    Attributes:
        user_days: of all people with a profile, over all days; a message on it or none.
        same_candidate: user-days on which both told the same.
        candidates: by whoever told them, on any day.
        within_hours: of the candidates that both told, how many within so many hours of each other.
        earlier: of those, how many we would have told before they did.
        same_channel: of those, how many through the same channel.
        by_type, by_channel: messages.
    """

    user_days: Split
    same_candidate: int
    candidates: Split
    within_hours: dict[int, int]
    earlier: int
    same_channel: int
    by_type: dict[str, Named]
    by_channel: dict[str, Named]


def agreement(found: Beside) -> Agreement:
    """Returns where the two agree.

    A candidate that was told several times counts with its first message.
    """
    theirs, ours = _first(found.theirs), _first(found.ours)
    pairs = [(theirs[key], ours[key]) for key in theirs.keys() & ours.keys()]
    told_days = [{(one.user_id, one.day) for one in messages} for messages in (found.theirs, found.ours)]
    same_days = {(a.user_id, a.day) for a, b in pairs if a.day == b.day}
    apart = np.array([abs(a.at_us - b.at_us) for a, b in pairs]) / HOUR_US
    return Agreement(
        user_days=_split(told_days[0], told_days[1], sum(found.user_days.values())),
        same_candidate=len(same_days),
        candidates=_split(set(theirs), set(ours), found.candidates),
        within_hours={hours: int((apart <= hours).sum()) for hours in WITHIN_HOURS},
        earlier=sum(b.at_us < a.at_us for a, b in pairs),
        same_channel=sum(a.channel == b.channel for a, b in pairs),
        by_type=_named(found, pairs, lambda one: one.type),
        by_channel=_named(found, pairs, lambda one: one.channel),
    )


def _first(messages: Iterable[Message]) -> dict[tuple[str, str], Message]:
    found: dict[tuple[str, str], Message] = {}
    for one in messages:
        found.setdefault((one.user_id, one.candidate_id), one)
    return found


def _split(theirs: Set[Hashable], ours: Set[Hashable], every: int) -> Split:
    """Of `every` thing; those of whom nobody knew that they were there are no part of neither."""
    return Split(len(theirs & ours), len(theirs - ours), len(ours - theirs), max(every - len(theirs | ours), 0))


def _named(found: Beside, pairs: Sequence[_Pair], name: Callable[[Message], str]) -> dict[str, Named]:
    names = sorted({name(one) for one in (*found.theirs, *found.ours)})
    return {
        each: Named(
            they=sum(name(one) == each for one in found.theirs),
            we=sum(name(one) == each for one in found.ours),
            both=sum(name(a) == name(b) == each for a, b in pairs),
        )
        for each in names
    }
