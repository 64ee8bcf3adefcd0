"""Everybody whom a budget could reach, as the volume models see them: columns made of the states that an engine saved.

States are read in chunks, 6 KB a user; what is kept is 150 bytes. A running engine is not disturbed, but it keeps what
is new in memory until it saves the next time, so the columns say as of when they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt64
from numpy.typing import NDArray

from tactful.clock import WEEK_US, from_us
from tactful.errors import NotEnoughData
from tactful.features import standing
from tactful.features.history import UserTable
from tactful.features.segments import REACHES
from tactful.features.volume import NAMES, volume_features
from tactful.runtime import budgets, snapshot
from tactful.runtime.settings import Settings
from tactful.runtime.snapshot import SavedRows
from tactful.stores.protocols import Store

_AT_ONCE: Final = 8192
"""Saved states read at a time: 50 MB."""


@dataclass(frozen=True)
class People:
    """People with an open channel (n rows), at `as_of_us`.

    Attributes:
        key: of the user id.
        features: `features.volume`, of that instant.
        reach, activity: indices into `segments.REACHES` and `segments.ACTIVITIES`.
        k: the weekly budget that holds today: drawn, assigned, or the default.
        drawn: whether it was drawn at random, and so is not to be replaced.
        wish: the most messages a week that she wished for; -1 for no wish.
        known: users with a saved state, the unreachable included.
        last_seen_us: when the latest engagement of any of them was accepted; 0 for none.
        as_of_us: up to when the engine had decided when it saved them.
    """

    key: UInt64[np.ndarray, " n"]
    features: Float32[np.ndarray, "n f"]
    reach: Int64[np.ndarray, " n"]
    activity: Int64[np.ndarray, " n"]
    k: Int64[np.ndarray, " n"]
    drawn: Bool[np.ndarray, " n"]
    wish: Int64[np.ndarray, " n"]
    known: int
    last_seen_us: int
    as_of_us: int

    def __len__(self) -> int:
        return len(self.key)

    def only(self, rows: Bool[np.ndarray, " n"]) -> "People":
        """Returns the chosen people."""
        columns = {name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return People(**{**vars(self), **columns})


def saved_people(store: Store, settings: Settings) -> People:
    """Returns everybody who can be reached, as of the states that were saved last.

    Args:
        store: of an engine; may be open read-only.
        settings: of that engine: what was drawn, and the default budget, follow from them.

    Raises:
        NotEnoughData: no state was ever saved.
    """
    saved = store.load_meta("states")
    if saved is None:
        raise NotEnoughData(
            "got a store without saved states, expected those of an engine; an engine saves them when it closes and "
            "every engine.snapshot_days days of its log: let it run on, or restart it once"
        )
    form = snapshot.saved_rows(saved)
    parts, known, last_seen = [], 0, 0
    for rows in _chunks(store, form):
        known += len(rows)
        last_seen = max(last_seen, _last_seen_us(rows))
        parts.append(_columns(rows, form.applied_us, settings))
    key, features, reach, activity, k, drawn, wish = (np.concatenate(column) for column in zip(*parts, strict=True))
    return People(key, features, reach, activity, k, drawn, wish, known, last_seen, form.applied_us)


def people_of(rows: NDArray[Any], as_of_us: int, settings: Settings) -> People:
    """Returns those of some rows who can be reached: of a sample what `saved_people` says of everybody.

    Args:
        rows: of `features.history.ROW`, as they were saved.
        as_of_us: when.
        settings: of their engine.
    """
    key, features, reach, activity, k, drawn, wish = _columns(rows, as_of_us, settings)
    return People(key, features, reach, activity, k, drawn, wish, len(rows), _last_seen_us(rows), as_of_us)


def refuse_silence(people: People, decided_us: int) -> None:
    """Passes if there is anything new to go by.

    Args:
        people: as saved.
        decided_us: up to when the engine has decided.

    Raises:
        NotEnoughData: the states are over a week old, or show no engagement within a week.
    """
    as_of = from_us(people.as_of_us)
    if decided_us - people.as_of_us > WEEK_US:
        raise NotEnoughData(
            f"got states saved at {as_of:%Y-%m-%d %H:%M} UTC, over a week before the last decision "
            f"({from_us(decided_us):%Y-%m-%d %H:%M}); lower engine.snapshot_days, or restart the engine"
        )
    if people.as_of_us - people.last_seen_us > WEEK_US:
        seen = f"the last came at {from_us(people.last_seen_us):%Y-%m-%d %H:%M}" if people.last_seen_us else "none came"
        raise NotEnoughData(
            f"got no engagement in the week before {as_of:%Y-%m-%d %H:%M} UTC ({seen}); check what feeds the store"
        )


def _chunks(store: Store, form: SavedRows) -> Iterator[NDArray[Any]]:
    """The saved rows, many at a time; at least one chunk, so that nobody is a number of rows too."""
    states = (row for _, row in store.load_states())
    while True:
        table = UserTable()
        form.load(table, islice(states, _AT_ONCE))
        yield table.rows
        if len(table) < _AT_ONCE:
            return


def _last_seen_us(rows: NDArray[Any]) -> int:
    """When the latest engagement of any of them was accepted; 0 for none."""
    held = np.arange(rows["e_log"].shape[1]) < rows["e_len"][:, None]
    return int(np.where(held, rows["e_log"], 0).max(initial=0))


def _columns(rows: NDArray[Any], as_of_us: int, settings: Settings) -> tuple[NDArray[Any], ...]:
    """The columns of `People` for those who can be reached."""
    rows = rows[(rows["addresses"] & rows["opt_in"] & ~rows["blocked"]) > 0]
    now = np.full(len(rows), as_of_us)
    segment = standing.segment(rows, now).astype(np.int64)
    k, drawn, _, _ = budgets.in_force(rows, now, settings)
    features = volume_features(rows, now) if len(rows) else np.empty((0, len(NAMES)), dtype=np.float32)
    wish = rows["wish"].astype(np.int64)
    return rows["user_key"].copy(), features, segment % len(REACHES), segment // len(REACHES), k, drawn, wish
