"""Inputs that wait: each is taken once, when its time has come, and in the order of the log."""

from dataclasses import replace

import numpy as np

from tactful.events.registry import Registry
from tactful.features.history import NEVER, EngagementRows, UserTable
from tactful.runtime.intake import Batch, columns
from tactful.runtime.pending import Pending

REGISTRY = Registry.shipped()


def _acts(*log_us: int) -> Batch:
    """Engagements of user 0, 1, .. accepted at these instants."""
    m = len(log_us)
    at, none = np.array(log_us), np.zeros(m, dtype=np.int64)
    rows = EngagementRows(
        row=np.arange(m), at_us=at, key=none.astype(np.uint64), log_us=at, hash=none.astype(np.uint64), kind=none,
        channel=none, category=none, value=np.zeros(m),
    )  # fmt: skip
    return replace(columns((), REGISTRY), engagements=rows)


def test_an_input_is_taken_once_and_not_before_its_time() -> None:
    pending, table = Pending(), UserTable()
    assert pending.keep(_acts(5, 15)) == 5
    assert [pending.take(end, table, REGISTRY).engagements.log_us.tolist() for end in (4, 5, 14, 15, 16)] == [
        [], [5], [], [15], [],
    ]  # fmt: skip


def test_nothing_to_keep_has_no_first_instant() -> None:
    assert Pending().keep(columns((), REGISTRY)) == NEVER


def test_the_first_input_of_each_user_is_told() -> None:
    pending = Pending()
    pending.keep(_acts(7, 3))
    pending.keep(_acts(4))
    assert pending.take(9, UserTable(), REGISTRY).first_per_row(3).tolist() == [4, 3, NEVER]
