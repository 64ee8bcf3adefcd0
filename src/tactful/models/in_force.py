"""Which of the trained slot models that a store keeps is in force: training says so, an engine reads it on opening."""

from typing import Final

from tactful.errors import InvalidModel, StoreError
from tactful.features.slot_past import nobody
from tactful.models import served
from tactful.models.protocol import SlotModel
from tactful.stores.protocols import Store

_POINTER: Final = "slot_model_in_force"


def put_in_force(store: Store, model: SlotModel) -> None:
    """Keeps a slot model and makes it the one that engines take from their next opening on.

    Earlier ones are kept, too: decisions name them. To be called in a transaction, so that there is no moment between.

    Raises:
        InvalidModel: the model reads what an engine does not keep; nothing is written, and the last one stays in force.
    """
    model.foretell(nobody())
    name = served.name_of(model)
    store.put_model(name, model.version, served.save(model))
    store.save_meta(_POINTER, f"{name} {model.version}".encode())


def slot_model_in_force(store: Store) -> SlotModel | None:
    """Returns the slot model that was put in force last; None before any training.

    Raises:
        StoreError: one is named that is not there.
        InvalidModel: it cannot be loaded.
    """
    pointer = store.load_meta(_POINTER)
    if pointer is None:
        return None
    name, _, version = pointer.decode().partition(" ")
    found = store.model(name, version)
    if found is None:
        raise StoreError(f"the store's {name} {version} is in force, but not there; run tactful train timing again")
    model = served.load(found.data)
    if not isinstance(model, SlotModel):
        raise InvalidModel(f"got a {name} in force, expected a model of slots; run tactful train timing again")
    return model
