"""Which slot model foretold a plan: plans name versions alone, so names are noted once beside the states."""

import msgspec

from tactful.errors import InvalidModel
from tactful.models import served
from tactful.models.protocol import SlotModel
from tactful.runtime.scoring import LiveScorer
from tactful.stores.protocols import StateSnapshots

_NOTED = "slot_models"


class SlotModelName(msgspec.Struct, frozen=True):
    """A slot model: its name in `models.MODELS` (else its class), its version, and what its plans are after, if it says
    so (`models.served_slots.Objective`)."""

    name: str
    version: str
    objective: str = ""


def note(store: StateSnapshots, scorer: LiveScorer) -> None:
    """Writes the name of a scorer's slot model under the version that its plans carry, if it is new."""
    known = _noted(store)
    if scorer.version not in known:
        known[scorer.version] = _name(scorer.slot_model)
        store.save_meta(_NOTED, msgspec.json.encode(known))


def noted(store: StateSnapshots, version: str) -> SlotModelName | None:
    """Returns the slot model behind a plan's `model_version`; None where nobody noted it."""
    return _noted(store).get(version)


def _noted(store: StateSnapshots) -> dict[str, SlotModelName]:
    return msgspec.json.decode(store.load_meta(_NOTED) or b"{}", type=dict[str, SlotModelName])


def _name(model: SlotModel) -> SlotModelName:
    try:
        name = served.name_of(model)
    except InvalidModel:
        name = type(model).__name__
    return SlotModelName(name, model.version, str(model.parameters().get("objective", "")))
