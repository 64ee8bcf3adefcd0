"""What trainings said of the models that a store keeps: how well heads were foretold on days or people held out.

A training keeps its whole report beside its model (`training/*/keeping.py`); here is what whoever runs the model reads
of it, in one form for all roles.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from tactful.experiments.interval import Interval
from tactful.stores.protocols import Artefacts

Role: TypeAlias = Literal["rank", "slot", "volume"]
"""What a model is asked: what follows a message, the hours of a day, what a weekly budget does."""

REPORT_OF: Final[dict[Role, str]] = {
    "rank": "rank_model_report:",
    "slot": "slot_model_report:",
    "volume": "volume_response_report:",
}
"""Under which name, with the model's version behind it, a training keeps its report."""
_MEASURED: Final = {
    "bits": "bits of the hour of a visit",
    "log loss": "log loss of being there in an hour, in nats",
    "AUC": "AUC of being there in an hour",
    "click log loss": "log loss of clicks on messages received in an hour, in nats",
}


class Head(msgspec.Struct, frozen=True):
    """One predicted probability, judged on what it was not fitted to.

    Attributes:
        name: of the head.
        of: the channel, or the reach segment; "all" together.
        rows, positives: judged, and those that came true.
        auc: None without some of each.
        observed_over_expected: positives over the sum of the probabilities; 1 is right.
        calibration_error: mean gap between foretold and observed shares (ECE), 0..1.
    """

    name: str
    of: str
    rows: int
    positives: int
    auc: float | None
    observed_over_expected: float | None
    calibration_error: float | None


class Measure(msgspec.Struct, frozen=True):
    """One measure of a whole model, with its 95 % interval."""

    name: str
    value: Interval


class ModelReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a model when it was fitted.

    Attributes:
        learned: what from, in words.
        heads, measures: how good it is; either may be empty.
        notes: what a reader should know before trusting it.
    """

    learned: str
    heads: tuple[Head, ...] = ()
    measures: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()


def report_of(store: Artefacts, role: Role, version: str) -> ModelReport | None:
    """Returns what was said of a model; None for one that no training kept here."""
    found = store.model(REPORT_OF[role] + version)
    if found is None:
        return None
    match role:
        case "rank":
            return _of_ranker(msgspec.msgpack.decode(found.data, type=_Ranking), version)
        case "slot":
            return _of_slots(msgspec.msgpack.decode(found.data, type=_Timing), version)
        case "volume":
            return _of_responses(msgspec.msgpack.decode(found.data, type=_Volume))


class _Cell(msgspec.Struct):
    head: str
    channel: str
    messages: int
    positives: int
    auc: float | None
    random_messages: int
    observed_over_expected: float | None
    calibration_error: float | None


class _Ranker(msgspec.Struct):
    version: str
    loss: Interval
    cells: tuple[_Cell, ...]


class _Ranking(msgspec.Struct):
    learned: int
    judged: int
    judged_random: int
    models: tuple[_Ranker, ...]
    notes: tuple[str, ...]


class _Score(msgspec.Struct):
    measure: str
    value: Interval


class _SlotModel(msgspec.Struct):
    version: str
    scores: tuple[_Score, ...]


class _Timing(msgspec.Struct):
    people: int
    log_days: int
    models: tuple[_SlotModel, ...]
    notes: tuple[str, ...]


class _Goodness(msgspec.Struct):
    trials: int
    positives: int
    auc: float | None
    observed_over_expected: float
    calibration_error: float


class _Response(msgspec.Struct):
    purpose: str
    reach: str
    held_out: _Goodness | None


class _Volume(msgspec.Struct):
    users: int
    user_weeks: int
    randomisation: Interval
    heads: tuple[_Response, ...]
    notes: tuple[str, ...]


def _of_ranker(told: _Ranking, version: str) -> ModelReport:
    mine = next((model for model in told.models if model.version == version), None)
    learned = (
        f"{told.learned:,} messages; judged on {told.judged:,} later ones, calibration on the {told.judged_random:,} "
        "of them that were sent at random"
    )
    if mine is None:
        return ModelReport(learned=learned, notes=told.notes)
    heads = tuple(
        Head(c.head, c.channel, c.messages, c.positives, c.auc, c.observed_over_expected, c.calibration_error)
        for c in mine.cells
    )
    loss = Measure("log loss over all heads, as a share of what base rates have", mine.loss)
    return ModelReport(learned=learned, heads=heads, measures=(loss,), notes=told.notes)


def _of_slots(told: _Timing, version: str) -> ModelReport:
    scores = [score for model in told.models if model.version == version for score in model.scores]
    return ModelReport(
        learned=f"{told.log_days} days of {told.people:,} people",
        measures=tuple(Measure(_MEASURED.get(score.measure, score.measure), score.value) for score in scores),
        notes=told.notes,
    )


def _of_responses(told: _Volume) -> ModelReport:
    return ModelReport(
        learned=f"{told.user_weeks:,} weeks of {told.users:,} people whose budget was drawn at random",
        heads=tuple(
            Head(h.purpose, h.reach, g.trials, g.positives, g.auc, g.observed_over_expected, g.calibration_error)
            for h in told.heads
            if (g := h.held_out) is not None
        ),
        measures=(Measure("AUC of foretelling the budget (0.5 is a random draw)", told.randomisation),),
        notes=told.notes,
    )
