"""Which of the trained models that a store keeps are in force, one of each kind: training says so, an engine follows.

A kind is what an engine asks models for: the hours of a day (`slot`), or what follows a message (`rank`). Models stay
where they are by version, so that decisions can name them, and one that was in force before can be put there again.
"""

from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from tactful.errors import InvalidModel, StoreError, TactfulError
from tactful.features import ranking
from tactful.features.slot_past import nobody
from tactful.models import MODELS, served
from tactful.models.protocol import RankModel, SlotModel
from tactful.stores.protocols import Artefacts, StateSnapshots, Store

Kind: TypeAlias = Literal["slot", "rank"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
AnyModel: TypeAlias = SlotModel | RankModel
_RETRAIN: Final[dict[Kind, str]] = {"slot": "tactful train timing", "rank": "tactful train ranker"}


class Kept(NamedTuple):
    """A model that a store keeps: its name in `models.MODELS`, and its version."""

    name: str
    version: str


def put_in_force(store: Store, model: AnyModel) -> None:
    """Keeps a model and makes it the one of its kind that engines take: those that run from their next micro-batch on.

    Earlier ones are kept, too: decisions name them. To be called in a transaction, so that there is no moment between.

    Raises:
        InvalidModel: the model reads what an engine does not keep, or cannot be saved; nothing is written, and the last
            one stays in force.
    """
    kind: Kind = "slot" if isinstance(model, SlotModel) else "rank"
    store.save_meta(_pointer(kind), " ".join(keep(store, model)).encode())


def keep(store: Artefacts, model: AnyModel) -> Kept:
    """Keeps a model without putting it in force, such as one that is to be promoted by a canary; returns its name.

    Raises:
        InvalidModel: as `put_in_force`.
    """
    _try(model)
    kept = Kept(served.name_of(model), model.version)
    store.put_model(*kept, served.save(model))
    return kept


def take_out_of_force(store: StateSnapshots, kind: Kind) -> None:
    """Leaves a kind to the simple predictors, which need no training; the models stay in the store."""
    store.save_meta(_pointer(kind), b"")


def in_force(store: StateSnapshots, kind: Kind) -> Kept | None:
    """Returns the name and version of the model that was put in force last; None before any training."""
    pointer = store.load_meta(_pointer(kind))
    if not pointer:
        return None
    name, _, version = pointer.decode(errors="replace").partition(" ")
    return Kept(name, version)


def slot_model(store: Artefacts, kept: Kept) -> SlotModel:
    """Returns a slot model that a store keeps.

    Raises:
        StoreError: it is not there.
        InvalidModel: it cannot be loaded, or is no model of slots.
    """
    model = _loaded(store, kept, "slot")
    if not isinstance(model, SlotModel):
        raise _of_another_kind(kept, "slot")
    return model


def rank_model(store: Artefacts, kept: Kept) -> RankModel:
    """Returns a rank model that a store keeps.

    Raises:
        StoreError: it is not there.
        InvalidModel: it cannot be loaded, or is no model of messages.
    """
    model = _loaded(store, kept, "rank")
    if not isinstance(model, RankModel):
        raise _of_another_kind(kept, "rank")
    return model


def rank_model_of(store: Artefacts, version: str) -> RankModel:
    """Returns the rank model of a version that a store keeps, in force or not.

    Raises:
        StoreError: there is none.
        InvalidModel: it cannot be loaded.
    """
    for name in MODELS:
        found = _loaded(store, Kept(name, version), "rank") if store.model(name, version) else None
        if isinstance(found, RankModel):
            return found
    raise StoreError(
        f"got ranker {version!r}, which this store does not keep, expected the version of one that was trained here; "
        "`tactful train ranker` names it"
    )


def slot_model_in_force(store: Store) -> SlotModel | None:
    """Returns the slot model that was put in force last; None before any training.

    Raises:
        StoreError: one is named that is not there.
        InvalidModel: it cannot be loaded.
    """
    kept = in_force(store, "slot")
    return None if kept is None else slot_model(store, kept)


def rank_model_in_force(store: Store) -> RankModel | None:
    """Returns the rank model that was put in force last; None before any training.

    Raises:
        StoreError: one is named that is not there.
        InvalidModel: it cannot be loaded.
    """
    kept = in_force(store, "rank")
    return None if kept is None else rank_model(store, kept)


def _pointer(kind: Kind) -> str:
    return f"{kind}_model_in_force"


def _try(model: AnyModel) -> None:
    """Asks the model about a person of whom nothing is known."""
    try:
        if isinstance(model, SlotModel):
            model.foretell(nobody())
        else:
            model.rank(ranking.nobody())
    except Exception as error:  # a model may fail in any way
        raise InvalidModel(
            f"{type(model).__name__} {model.version} fails on a person of whom nothing is known: {error!r}"
        ) from error


def _loaded(store: Artefacts, kept: Kept, kind: Kind) -> object:
    again = f"; run {_RETRAIN[kind]} again"
    found = store.model(kept.name, kept.version)
    if found is None:
        raise StoreError(f"the store's {kept.name} {kept.version} is in force, but not there{again}")
    try:
        model = served.load(found.data)
    except TactfulError:
        raise
    except Exception as error:  # bytes that hold half a model may fail in any way
        raise InvalidModel(
            f"the store's {kept.name} {kept.version} cannot be made ({type(error).__name__}: {error}){again}"
        ) from error
    if model.version != kept.version:
        raise InvalidModel(f"got version {model.version} where {kept.name} {kept.version} is kept{again}")
    return model


def _of_another_kind(kept: Kept, kind: Kind) -> InvalidModel:
    return InvalidModel(f"got a {kept.name} in force as the {kind} model, expected one of that kind")
