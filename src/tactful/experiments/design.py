"""What an experiment is: its arms with their shares, what an arm does otherwise, whom it is for, and how it is judged.

An experiment is a value: read from TOML, told to a running engine, kept in the store. Not here: where in a layer its
arms lie (`layers.py`), who is in which (`assign.py`), and how an engine takes it (`runtime/experiments_in_force.py`).
"""

import tomllib
from itertools import pairwise
from math import inf
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from tactful.errors import InvalidExperiment
from tactful.events.records import Instant
from tactful.features.segments import ACTIVITIES, REACHES

POLICY: Final = "policy"
"""The layer whose arms the engine decides with; those of other layers are only measured: the app treats them."""

DEFAULT: Final = "default"
"""The arm of everybody who is in no experiment of the layer `policy`."""

MARGIN: Final = 0.1
"""How much worse a guardrail may be, a share of the control's mean, where nothing else was agreed. Users needed go with
1/margin²: where one user in fifty leaves, one look tells a tenth with some 70,000 users an arm; 1 % takes a hundred
times as many, which hardly anybody has."""

Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Range: TypeAlias = tuple[float, float]
"""A part of a layer's [0, 1): from, up to and without."""

_SLACK: Final = 1e-9
"""Shares such as ten times 0.1 sum to a hair below or above what they mean."""


class ExperimentArm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One arm: how many users it has, and what is done otherwise for them.

    Attributes:
        name: decisions name the arm as `experiment/arm`.
        share: of the layer's users, 0..1.
        rules: rules that this arm changes, by field of `[rules]` in the settings; empty: those of everybody.
        models: kind (`ranker`) -> version in the model store; empty: the models in force, whichever these are.
        parts: where in the layer its users lie; empty: right behind the arm before. Growth fills it (`layers.resized`).
    """

    name: str
    share: Share
    rules: dict[str, Any] = {}
    models: dict[str, str] = {}
    parts: tuple[Range, ...] = ()


class Targeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom an experiment is for; where nothing is named, for all.

    What counts is a user's segment when the experiment starts, or at her first daily plan if she comes later. It is
    asked once: who leaves the segment stays in her arm, else the treatment would choose who is measured. There is no
    targeting by language: an engine's state does not hold it.

    Attributes:
        activities: of `features.segments.ACTIVITIES`.
        reaches: of `features.segments.REACHES`.
    """

    activities: tuple[str, ...] = ()
    reaches: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, named, known in (
            ("activities", self.activities, ACTIVITIES),
            ("reaches", self.reaches, REACHES),
        ):
            strange = set(named) - set(known)
            if strange:
                raise InvalidExperiment(f"targeting.{what}: got {sorted(strange)}, expected some of {', '.join(known)}")

    def everybody(self) -> bool:
        """Returns whether nobody is left out."""
        return not self.activities and not self.reaches


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Arms that exclude each other, and how they are compared.

    Experiments of one layer lie beside each other, so nobody is in two of them (an exclusive group). Layers are
    independent: every arm of one meets every arm of another in proportion.

    Attributes:
        name: of the experiment, without `/`.
        layer: a user's place in it is a hash of (salt, layer, user).
        arms: the first is the control.
        offset: where in the layer's [0, 1) its first arm begins.
        started_at: from when on its arms decide; None: as soon as it is accepted.
        ended_at: from when on they do not any more; None: until it is ended.
        targeting: whom it is for.
        metrics: what is compared, by name; the first decides.
        guardrails: what must not get worse.
        margins: by guardrail, how much worse is accepted, a share of the control's mean; `MARGIN` for those not named.
        note: for people.

    Raises:
        InvalidExperiment: names that are empty, repeated or hold `/`; no arm; arms that overlap, or reach beyond the
            layer's end; parts that are not as large as the share; an end before the start; a treatment outside the
            layer `policy`, where nobody would apply it; a margin of no guardrail, or below 0.
    """

    name: str
    layer: str = POLICY
    arms: tuple[ExperimentArm, ...]
    offset: Share = 0.0
    started_at: Instant | None = None
    ended_at: Instant | None = None
    targeting: Targeting = Targeting()
    metrics: tuple[str, ...] = ("active_days", "clicks")
    guardrails: tuple[str, ...] = ("unsubscribes", "complaints")
    margins: dict[str, float] = {}
    note: str = ""

    def __post_init__(self) -> None:
        self._check_names()
        for arm in self.arms:
            _check_parts(self.name, arm)
        end = self.offset + sum(arm.share for arm in self.arms if not arm.parts)
        if end > 1.0 + _SLACK:
            raise self._wrong(
                f"got shares that reach from {self.offset:g} to {end:g}", "1 at most; lower a share or the offset"
            )
        placed = sorted(part for of_arm in self.ranges() for part in of_arm)
        for (_, before), (low, _) in pairwise(placed):
            if low < before - _SLACK:
                raise self._wrong(f"got arms that overlap from {low:g} to {before:g}", "parts beside each other")
        if self.started_at and self.ended_at and self.ended_at < self.started_at:
            raise self._wrong(f"got an end ({self.ended_at}) before the start ({self.started_at})", "one after it")
        strange = sorted(name for name, m in self.margins.items() if name not in self.guardrails or not 0.0 <= m < inf)
        if strange:
            raise self._wrong(
                f"got the margins {dict(self.margins)}",
                f"shares of 0 or more for guardrails, which are {', '.join(self.guardrails) or 'none'}",
            )
        treated = [arm.name for arm in self.arms if arm.rules or arm.models]
        if treated and self.layer != POLICY:
            raise self._wrong(
                f"got rules or models for {treated} in layer {self.layer!r}",
                f"them in layer {POLICY!r} only; elsewhere the treatment is the app's",
            )

    def ranges(self) -> tuple[tuple[Range, ...], ...]:
        """Returns where each arm lies in the layer.

        >>> halves = (ExperimentArm("control", 0.25), ExperimentArm("new", 0.25))
        >>> Experiment(name="x", arms=halves, offset=0.5).ranges()
        (((0.5, 0.75),), ((0.75, 1.0),))
        """
        found, low = [], self.offset
        for arm in self.arms:
            if arm.parts:
                found.append(arm.parts)
                continue
            high = low + arm.share
            if abs(high - 1.0) < _SLACK:
                high = 1.0
            found.append(((low, high),) if arm.share else ())
            low = high
        return tuple(found)

    def margin(self, guardrail: str) -> float:
        """Returns how much worse a guardrail may be, a share of the control's mean."""
        return self.margins.get(guardrail, MARGIN)

    def _check_names(self) -> None:
        names = [arm.name for arm in self.arms]
        for name in (self.name, self.layer, *names):
            if not name or "/" in name:
                raise self._wrong(f"got the name {name!r}", "one of a character or more, without '/'")
        if not names or len(set(names)) < len(names):
            raise self._wrong(f"got the arms {names}", "one arm or more, each with a name of its own")

    def _wrong(self, got: str, expected: str) -> InvalidExperiment:
        return InvalidExperiment(f"experiment {self.name!r}: {got}, expected {expected}")


def _check_parts(experiment: str, arm: ExperimentArm) -> None:
    fine = all(0.0 <= low < high <= 1.0 for low, high in arm.parts)
    size = sum(high - low for low, high in arm.parts)
    if arm.parts and not (fine and abs(size - arm.share) < _SLACK):
        raise InvalidExperiment(
            f"experiment {experiment!r}: got parts {arm.parts} for arm {arm.name!r} of share {arm.share:g}, expected "
            "parts of [0, 1) that are as large together; let `experiments.layers.resized` make them"
        )


def arm_name(experiment: str, arm: str) -> str:
    """Returns what decisions call an arm.

    >>> arm_name("weights", "control")
    'weights/control'
    """
    return f"{experiment}/{arm}"


def experiment_of(toml: str) -> Experiment:
    """Returns the experiment that a TOML text describes.

    Raises:
        InvalidExperiment: it is no TOML, has an unknown key or a value out of range, or contradicts itself.

    >>> experiment_of('name = "x"\\narms = [{name = "control", share = 0.1}, {name = "new", share = 0.1}]').layer
    'policy'
    """
    try:
        return msgspec.convert(tomllib.loads(toml), Experiment)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidExperiment(
            f"got an experiment that cannot be read ({error}); see docs/reference/python.md, "
            "tactful.experiments.design, for every key"
        ) from error
