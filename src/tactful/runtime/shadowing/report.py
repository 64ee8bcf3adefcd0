"""The report of a shadow: how the two agree, how much both send, what models foretell, and what nobody can know yet."""

from collections import Counter
from datetime import date, timedelta
from typing import Final

import msgspec

from tactful.errors import NotEnoughData, NotIdentifiable
from tactful.experiments.identify import row_for
from tactful.experiments.interval import Interval
from tactful.runtime.shadowing.agreement import Agreement, agreement
from tactful.runtime.shadowing.difference import Checked, Foretold, checked, foretold, sends_a_week
from tactful.runtime.shadowing.found import Beside, Message
from tactful.runtime.shadowing.sends import SendsReport

_EPOCH: Final = date(1970, 1, 1)
_NEAR: Final = 0.1
"""Share by which the two volumes may differ before the report says how to make them equal."""


class Rate(msgspec.Struct, frozen=True):
    """Messages a user and week in a segment, and how many user-days it had."""

    user_days: int
    they: float
    we: float


class Volume(msgspec.Struct, frozen=True):
    """How much both send.

    Attributes:
        they, we: messages a user and week, over all people with a profile.
        difference: ours less theirs, with a 95 % interval over people.
        by_segment: of those who were in it on that day.
        by_hour: messages by the hour of each person's clock, theirs and ours.
    """

    they: float
    we: float
    difference: Interval
    by_segment: dict[str, Rate]
    by_hour: tuple[tuple[int, ...], tuple[int, ...]]


class ShadowReport(msgspec.Struct, frozen=True):
    """What a shadow found over whole local days, both inclusive.

    Attributes:
        people: with a profile.
        they, we: messages.
        read: of the other sender's log; None if the store kept what it told.
        unknown: messages of the other sender to people of whom nothing was known yet: nothing is foretold of them.
        refused: candidates of its log that the engine did not take.
        foretold: what models say of both; no log can confirm the difference.
        checked: what the log says of the models; nothing where it has neither clicks nor unsubscribes.
        refusal: why `tactful evaluate` gives no answer.
        next_steps: what to do now.
    """

    first_day: date
    last_day: date
    people: int
    they: int
    we: int
    read: SendsReport | None
    unknown: int
    refused: int
    model: str
    agreement: Agreement
    volume: Volume
    foretold: tuple[Foretold, ...]
    checked: tuple[Checked, ...]
    refusal: str
    next_steps: tuple[str, ...]


def report(found: Beside, read: SendsReport | None = None) -> ShadowReport:
    """Returns the report.

    Args:
        found: what came of deciding beside.
        read: of the other sender's log; None if the store kept what it told.

    Raises:
        NotEnoughData: there are fewer than two people with a profile.
    """
    if found.people < 2:
        raise NotEnoughData(
            f"got {found.people} people with a profile, expected two or more; import the app's log into the store, or "
            "give the mapping a [users] table"
        )
    volume, models = _volume(found), checked(found)
    return ShadowReport(
        first_day=_EPOCH + timedelta(days=found.first_day),
        last_day=_EPOCH + timedelta(days=found.last_day),
        people=found.people,
        they=len(found.theirs),
        we=len(found.ours),
        read=read,
        unknown=sum(not one.foretold for one in found.theirs),
        refused=found.refused,
        model=found.model,
        agreement=agreement(found),
        volume=volume,
        foretold=foretold(found),
        checked=models,
        refusal=_refusal(),
        next_steps=tuple(_next_steps(volume, models, read is not None)),
    )


def _volume(found: Beside) -> Volume:
    they, we, apart = sends_a_week(found)
    of_segment = [Counter(one.segment for one in messages) for messages in (found.theirs, found.ours)]
    rates = {
        name: Rate(days, *(7.0 * counts[name] / days for counts in of_segment))
        for name, days in sorted(found.user_days.items(), key=lambda each: -each[1])
    }
    return Volume(they, we, apart, rates, (_by_hour(found.theirs), _by_hour(found.ours)))


def _by_hour(messages: list[Message]) -> tuple[int, ...]:
    counts = Counter(one.hour for one in messages)
    return tuple(counts[hour] for hour in range(24))


def _refusal() -> str:
    """What `evaluate` says of a comparison with a sender that drew nothing at random."""
    try:
        row_for("another sender")
    except NotIdentifiable as error:
        return str(error)
    raise AssertionError("a row judges another sender")


def _next_steps(volume: Volume, models: tuple[Checked, ...], from_log: bool) -> list[str]:
    steps = []
    if from_log and not models:
        steps.append("Map `clicked` and `unsubscribed`, so that the models can be checked on the other sender's log.")
    steps += [
        f"The models foretell {one.head} after {one.foretold:.3g} of 1,000 of their messages, and it came after "
        f"{one.happened.value:.3g}: believe no difference in it before they fit (`tactful train ranker`)."
        for one in models
        if not one.fits
    ]
    if abs(volume.we - volume.they) > _NEAR * volume.they:
        steps.append(
            f"To compare at equal volume set volume.per_user_per_week near {volume.they:.2g} and run this again: "
            f"now it is {volume.we:.2g} a user and week against {volume.they:.2g}."
        )
    steps.append(
        "Only an experiment tells who does better: let Tactful send to a few per cent of people, drawn by a hash, whom "
        "the other sender leaves out, and compare all of them (docs/how-to/run-in-shadow.md)."
    )
    return steps
