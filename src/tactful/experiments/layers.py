"""Where in a layer experiments lie: parts of [0, 1) that never overlap, so that nobody is in two of one layer.

A user's place in a layer never changes. So an arm that grows takes free parts and keeps its own, one that shrinks gives
up its last parts, and nobody goes from one arm to another.
"""

from collections.abc import Sequence
from math import fsum
from typing import Final

import msgspec

from tactful.errors import InvalidExperiment
from tactful.experiments.design import Experiment, ExperimentArm, Range

_SLACK: Final = 1e-9


def refuse_overlaps(experiments: Sequence[Experiment]) -> None:
    """Checks that experiments can run beside each other.

    Those that never run at one time may lie on one another. Who comes into the later one has then lived with the
    earlier: give it another place where that matters.

    Raises:
        InvalidExperiment: two have one name; two of one layer overlap in users and in time.
    """
    names = [one.name for one in experiments]
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise InvalidExperiment(f"got several experiments named {repeated}, expected a name of its own for each")
    for i, one in enumerate(experiments):
        for other in experiments[:i]:
            shared = _shared(one, other)
            if one.layer == other.layer and shared and _at_one_time(one, other):
                raise InvalidExperiment(
                    f"experiments {other.name!r} and {one.name!r} of layer {one.layer!r} overlap from "
                    f"{shared[0]:g} to {shared[1]:g}, expected disjoint parts; take another offset or layer"
                )


def refuse_moves(earlier: Sequence[Experiment], after: Experiment) -> None:
    """Checks that nobody who was in one arm of an experiment comes into another one.

    An arm that shrinks leaves its last part free; only that arm may take it again.

    Args:
        earlier: all definitions of the experiment so far.
        after: the next one, of the same arms.

    Raises:
        InvalidExperiment: a part of one arm was another one's.
    """
    for before in earlier:
        for i, was in enumerate(before.ranges()):
            for j, now in enumerate(after.ranges()):
                if i != j and (part := _overlap(was, now)):
                    raise InvalidExperiment(
                        f"got {after.arms[j].name!r} of experiment {after.name!r} with people from {part[0]:g} to "
                        f"{part[1]:g} who were in {after.arms[i].name!r}, expected nobody to change the arm; grow the "
                        "arm that had them first, or begin another experiment"
                    )


def free(experiments: Sequence[Experiment], layer: str) -> tuple[Range, ...]:
    """Returns the parts of a layer that no experiment holds, from the lowest on.

    >>> one = Experiment(name="x", arms=(ExperimentArm("control", 0.25),), offset=0.25)
    >>> free([one], "policy")
    ((0.0, 0.25), (0.5, 1.0))
    """
    taken = sorted(part for one in experiments if one.layer == layer for arm in one.ranges() for part in arm)
    found, low = [], 0.0
    for start, end in [*taken, (1.0, 1.0)]:
        if start - low > _SLACK:
            found.append((low, start))
        low = max(low, end)
    return tuple(found)


def resized(experiment: Experiment, shares: Sequence[float], others: Sequence[Experiment]) -> Experiment:
    """Returns an experiment with other shares, in which nobody who stays inside changes the arm.

    Args:
        experiment: as it is.
        shares: the new one of each arm.
        others: the other experiments that run; those of this layer are not touched.

    Raises:
        InvalidExperiment: another number of shares, or more than the layer has free.
    """
    if len(shares) != len(experiment.arms):
        raise InvalidExperiment(
            f"got {len(shares)} shares for experiment {experiment.name!r}, expected one for each of its "
            f"{len(experiment.arms)} arms"
        )
    room = list(free([experiment, *others], experiment.layer))
    arms = []
    for arm, parts, share in zip(experiment.arms, experiment.ranges(), shares, strict=True):
        kept = _first(parts, share)
        more = _first(room, share - _size(kept))
        if _size(kept) + _size(more) < share - _SLACK:
            raise InvalidExperiment(
                f"got a share of {share:g} for arm {arm.name!r} of {experiment.name!r}, expected "
                f"{_size(kept) + _size(more):g} at most: the rest of layer {experiment.layer!r} is taken"
            )
        room = _without(room, more)
        arms.append(ExperimentArm(arm.name, share, arm.rules, arm.models, _joined([*kept, *more])))
    return msgspec.structs.replace(experiment, arms=tuple(arms))


def _shared(one: Experiment, other: Experiment) -> Range | None:
    """The first part that two experiments have in common."""
    return _overlap(*([part for arm in each.ranges() for part in arm] for each in (one, other)))


def _overlap(parts: Sequence[Range], others: Sequence[Range]) -> Range | None:
    for low, high in parts:
        for start, end in others:
            if min(high, end) - max(low, start) > _SLACK:
                return max(low, start), min(high, end)
    return None


def _at_one_time(one: Experiment, other: Experiment) -> bool:
    return not any(
        first.ended_at and then.started_at and first.ended_at <= then.started_at
        for first, then in ((one, other), (other, one))
    ) and not any(each.ended_at and each.ended_at == each.started_at for each in (one, other))


def _size(parts: Sequence[Range]) -> float:
    return fsum(high - low for low, high in parts)


def _first(parts: Sequence[Range], size: float) -> list[Range]:
    """The first of these parts, as large as `size` together, or all of them."""
    found = []
    for low, high in parts:
        if size <= _SLACK:
            break
        found.append((low, high if high - low <= size + _SLACK else low + size))
        size -= high - low
    return found


def _without(room: Sequence[Range], taken: Sequence[Range]) -> list[Range]:
    """What is left of free parts when their first ones are taken."""
    end = taken[-1][1] if taken else 0.0
    return [(max(low, end), high) for low, high in room if high > end + _SLACK]


def _joined(parts: Sequence[Range]) -> tuple[Range, ...]:
    """Parts in the order in which they came, where one goes on with the next as one."""
    found: list[Range] = []
    for low, high in parts:
        if found and abs(found[-1][1] - low) < _SLACK:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return tuple(found)
