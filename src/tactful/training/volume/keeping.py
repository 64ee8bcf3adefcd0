"""Keeps a fitted model in a store, with what was said of it, in one short transaction: an engine may run meanwhile."""

from typing import Final

import msgspec

from tactful import draws
from tactful.models import served
from tactful.stores.protocols import Store
from tactful.training.volume.fit import Fitted
from tactful.training.volume.report import FitReport

_REPORT_OF: Final = "volume_response_report:"


def keep(store: Store, fitted: Fitted) -> None:
    """Saves the model under its version and the report beside it; the same again changes nothing."""
    model, told = fitted.model, msgspec.msgpack.encode(fitted.report)
    with store.transaction():
        store.put_model(served.name_of(model), model.version, served.save(model))
        store.put_model(_REPORT_OF + model.version, f"{draws.key(told):016x}", told)


def report_of(store: Store, version: str) -> FitReport | None:
    """Returns what was said of a model when it was fitted last; None for one that `keep` did not save."""
    found = store.model(_REPORT_OF + version)
    return None if found is None else msgspec.msgpack.decode(found.data, type=FitReport)
