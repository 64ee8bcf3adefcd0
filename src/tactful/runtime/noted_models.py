"""Which models spoke from when on: decisions and plans name versions alone, so an engine notes the rest beside its
states whenever its models change. A replay reads from it which of them decided what."""

from collections.abc import Sequence

import msgspec

from tactful.errors import InvalidModel
from tactful.models import served
from tactful.models.protocol import Model
from tactful.runtime.scoring import LiveScorer, Scorer, Versions
from tactful.stores.protocols import StateSnapshots

_NOTED = "models"
_NOTED_BEFORE = "slot_models"
"""Where earlier versions wrote slot models by version, without an instant."""


class ModelName(msgspec.Struct, frozen=True):
    """A model: its name in `models.MODELS` (else its class), its version, and what its plans are after, if it says
    so (`models.served_slots.Objective`)."""

    name: str
    version: str
    objective: str = ""


class Spoke(msgspec.Struct, frozen=True):
    """Models that an engine decided with from an instant on.

    Attributes:
        since_us: the first instant decided with them.
        version: what plans and decisions name.
        slot: the slot model; None for scores from elsewhere.
        rank: the rank model; None for the simple predictors of messages, or scores from elsewhere.
    """

    since_us: int
    version: str
    slot: ModelName | None = None
    rank: ModelName | None = None


def note(store: StateSnapshots, scorer: Scorer, since_us: int) -> None:
    """Writes who speaks from an instant on, if that is somebody else than before; nothing is decided there yet."""
    known = history(store)
    before = [one for one in known if one.since_us < since_us]
    if not before or before[-1].version != scorer.version:
        before.append(_spoke(scorer, since_us))
    if before != known:
        store.save_meta(_NOTED, msgspec.json.encode(before))


def history(store: StateSnapshots) -> list[Spoke]:
    """Returns all models that spoke, one after the other; [] where nobody noted it."""
    return msgspec.json.decode(store.load_meta(_NOTED) or b"[]", type=list[Spoke])


def versions(spoke: Sequence[Spoke]) -> Versions:
    """Returns who spoke when."""
    return [(one.since_us, one.version) for one in spoke]


def noted(store: StateSnapshots, version: str) -> ModelName | None:
    """Returns the slot model behind a plan's `model_version`; None where nobody noted it."""
    found = next((one.slot for one in history(store) if one.version == version), None)
    return found or _noted_before(store).get(version)


def _noted_before(store: StateSnapshots) -> dict[str, ModelName]:
    return msgspec.json.decode(store.load_meta(_NOTED_BEFORE) or b"{}", type=dict[str, ModelName])


def _spoke(scorer: Scorer, since_us: int) -> Spoke:
    if not isinstance(scorer, LiveScorer):
        return Spoke(since_us, scorer.version)
    rank = scorer.rank_model
    return Spoke(since_us, scorer.version, _name(scorer.slot_model), None if rank is None else _name(rank))


def _name(model: Model) -> ModelName:
    try:
        name = served.name_of(model)
    except InvalidModel:
        name = type(model).__name__
    return ModelName(name, model.version, str(model.parameters().get("objective", "")))
