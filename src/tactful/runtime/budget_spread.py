"""Who has which weekly budget now, and what decided it: read from a sample of the states that an engine saved last."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful.features import standing
from tactful.features.history import UserTable
from tactful.runtime import budgets, snapshot
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

DECIDERS: Final = ("allocated", "default", "random slice", "wish", "holdout")
"""What decides a budget: a plan or an assignment; the settings, where there is none; the draw; her own wish, where it
is what she has; the permanent holdout, which has 0."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """Saved rows of users (`features.history.ROW`): how many each stands for, and up to when they include the log."""

    rows: NDArray[Any]
    each: int
    as_of_us: int


@dataclass(frozen=True, eq=False)
class Spread:
    """Budgets of those who can be reached: `k` by person, her segment (`segments.SEGMENTS`) and her decider."""

    k: Int64[np.ndarray, " n"]
    segment: Int64[np.ndarray, " n"]
    decider: Int64[np.ndarray, " n"]


def sampled(store: Store, at_most: int) -> Sampled | None:
    """Returns up to so many saved rows, evenly spread over the order in which people came; None if none was saved."""
    saved = store.load_meta("states")
    if saved is None:
        return None
    form, (rows, each), table = snapshot.saved_rows(saved), store.sample_states(at_most), UserTable()
    form.load(table, (data for _, data in rows))
    return Sampled(table.rows, each, form.applied_us)


def spread(sample: Sampled, settings: Settings) -> Spread:
    """Returns the budgets of the reachable people of a sample, as their next plans would put them in force."""
    rows = sample.rows[(sample.rows["addresses"] & sample.rows["opt_in"] & ~sample.rows["blocked"]) > 0]
    now = np.full(len(rows), sample.as_of_us)
    k, drawn, _, _ = budgets.in_force(rows, now, settings)
    held, wished = budgets.in_holdout(rows, settings), (rows["wish"] >= 0) & (rows["wish"] == k)
    decider = np.select([held, wished, drawn, rows["k"] >= 0], [4, 3, 2, 0], 1).astype(np.int64)
    return Spread(k, standing.segment(rows, now).astype(np.int64), decider)
