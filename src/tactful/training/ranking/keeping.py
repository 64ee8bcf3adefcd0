"""Keeps what a training of rankers found in a store: the ranker, in force or not, if there is one; and the report.

One short transaction. An engine may run meanwhile.
"""

from typing import Final

import msgspec

from tactful import draws
from tactful.models import in_force
from tactful.stores.protocols import Store
from tactful.training.ranking.fit import Trained
from tactful.training.ranking.report import RankReport

_REPORT_OF: Final = "rank_model_report:"


def keep(store: Store, trained: Trained, into_force: bool = True) -> None:
    """Saves the ranker under its version and the report beside it; nothing without a ranker.

    Args:
        store: to write to.
        trained: what was found.
        into_force: whether the ranker is put in force, too; else it waits to be promoted.

    Raises:
        InvalidModel: the ranker reads what an engine does not keep; then nothing changes.
    """
    if trained.model is None:
        return
    told = msgspec.msgpack.encode(trained.report)
    with store.transaction():
        if into_force:
            in_force.put_in_force(store, trained.model)
        else:
            in_force.keep(store, trained.model)
        store.put_model(_REPORT_OF + trained.model.version, f"{draws.key(told):016x}", told)


def report_of(store: Store, version: str) -> RankReport | None:
    """Returns what was said of a ranker when it was fitted; None for one that `keep` did not save."""
    found = store.model(_REPORT_OF + version)
    return None if found is None else msgspec.msgpack.decode(found.data, type=RankReport)
