"""Keeps a fitted slot model in a store, in force, with what was said of it: one short transaction.

An engine may run meanwhile; it takes this model before its next micro-batch.
"""

from typing import Final

import msgspec

from tactful import draws
from tactful.models.in_force import put_in_force
from tactful.stores.protocols import Store
from tactful.training.timing.fit import Fitted
from tactful.training.timing.report import TimingReport

_REPORT_OF: Final = "slot_model_report:"


def keep(store: Store, fitted: Fitted) -> None:
    """Saves the model under its version, puts it in force and saves the report beside it.

    Raises:
        InvalidModel: the model reads what an engine does not keep; then nothing changes.
    """
    told = msgspec.msgpack.encode(fitted.report)
    with store.transaction():
        put_in_force(store, fitted.model)
        store.put_model(_REPORT_OF + fitted.model.version, f"{draws.key(told):016x}", told)


def report_of(store: Store, version: str) -> TimingReport | None:
    """Returns what was said of a slot model when it was fitted last; None for one that `keep` did not save."""
    found = store.model(_REPORT_OF + version)
    return None if found is None else msgspec.msgpack.decode(found.data, type=TimingReport)
