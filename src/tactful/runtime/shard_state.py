"""A shard as bytes: one value for each user, and a small one for what concerns all of them.

A user's bytes hold her row and the texts that it refers to: her profile and the candidates in her pool, for a shard has
no store to fetch them from. Her time zone is there by its name, for its number depends on the order in which a
population met zones; so two states of a person are equal if and only if their bytes are, whoever wrote them.
The fields of a row are named in the shard's bytes, once for each version that wrote any of its users.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from tactful import draws
from tactful.errors import StoreError
from tactful.events.switches import Switch
from tactful.experiments.schedule import Schedule
from tactful.features.history import Layout, UserTable, layout
from tactful.features.state_bytes import packed, unpacked
from tactful.runtime.population import Population
from tactful.runtime.shard_report import Part
from tactful.stores.protocols import LoggedInput

FORMAT: Final = 1


class UserState(msgspec.Struct, frozen=True, array_like=True):
    """One user.

    Attributes:
        layout: the key of the fields of `row` (`layout_key`).
        row: packed (`features.state_bytes`), its zone 0.
        texts: logged bytes of her profile and of the candidates in her pool, by their offsets in the log.
        opted_out: names of types that are not declared, which she does not want.
        asked: for whom targeted experiments are, by name: 1, 0, or -1 if nobody knows yet.
    """

    user_id: str
    zone: str
    layout: int
    row: bytes
    texts: dict[int, bytes]
    opted_out: list[str] = []
    asked: dict[str, int] = {}
    format: int = FORMAT


class ShardState(msgspec.Struct, frozen=True, kw_only=True):
    """What concerns all users of a shard.

    `controls` are the prices in force and to come, as they were told; `reported_us` is how far the last report came.
    """

    format: int = FORMAT
    group: int
    groups: int
    known_until_us: int
    applied_us: int
    first_us: int
    spoke: str
    types: bytes
    layouts: dict[int, Layout]
    controls: dict[int, bytes]
    regrouped: list[tuple[int, list[int]]]
    killed: list[tuple[int, bool]]
    stopped: list[tuple[int, Switch]]
    schedule: Schedule
    counted: tuple[Part, ...]
    reported_us: int = -1
    waiting: list[LoggedInput]

    def to_bytes(self) -> bytes:
        """Returns it as msgpack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "ShardState":
        """Returns the state that `to_bytes` wrote.

        Raises:
            StoreError: a later version wrote it, or it is damaged.
        """
        try:
            state = msgspec.msgpack.decode(data, type=ShardState)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StoreError(
                f"got bytes that are no state of a shard ({error}); restore an earlier checkpoint"
            ) from error
        _refuse_later(state.format)
        return state


@lru_cache(maxsize=1)
def layout_key() -> int:
    """Returns the key of the fields that rows have in this version."""
    return draws.key(msgspec.msgpack.encode(layout()))


def users_of(
    population: Population, user_ids: Sequence[str], texts: Mapping[int, bytes], rows: Sequence[int]
) -> list[tuple[str, bytes]]:
    """Returns (user id, bytes) of some users.

    Args:
        population: whose users.
        user_ids: by row.
        texts: logged bytes by offset, at least those that the rows need.
        rows: positions in the user table.
    """
    if not len(rows):
        return []
    here = np.array(rows, dtype=np.int64)
    # take copies a row as one block; indexing would copy its hundred fields one by one
    some, key = population.table.rows.take(here), layout_key()
    zones = [population.frame.zones.names[zone] for zone in some["zone"].tolist()]
    some["zone"] = 0
    needed, keys = needed_texts(population.table.rows, here), some["user_key"].tolist()
    found = []
    for row, user_key, data, zone, offsets in zip(rows, keys, packed(some), zones, needed, strict=True):
        state = UserState(
            user_ids[row],
            zone,
            key,
            data,
            {offset: texts[offset] for offset in sorted(offsets)},
            sorted(name for name, waiting in population.awaited.items() if user_key in waiting),
            {name: int(asked[row]) for name, asked in population.arms.asked.items()},
        )
        found.append((state.user_id, msgspec.msgpack.encode(state)))
    return found


def needed_texts(table: NDArray[Any], rows: Int64[np.ndarray, " n"]) -> list[set[int]]:
    """Returns the offsets of the texts that some rows of the user table refer to."""
    profiles, pools = table["profile_offset"][rows].tolist(), table["c_offset"][rows].tolist()
    sizes = table["c_len"][rows].tolist()
    return [{*pool[:n], profile} - {-1} for profile, pool, n in zip(profiles, pools, sizes, strict=True)]


def read_users(users: Iterable[bytes]) -> list[UserState]:
    """Returns the states of users, by user id.

    Raises:
        StoreError: a later version wrote one, or it is damaged.
    """
    found = []
    for data in users:
        try:
            state = msgspec.msgpack.decode(data, type=UserState)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StoreError(
                f"got bytes that are no state of a user ({error}); restore an earlier checkpoint"
            ) from error
        _refuse_later(state.format)
        found.append(state)
    return sorted(found, key=lambda state: state.user_id)


def load_rows(
    table: UserTable, states: Sequence[UserState], layouts: Mapping[int, Layout], zones: Sequence[str]
) -> list[int]:
    """Fills a table with the rows of states, in their order; returns which were of an older layout.

    Args:
        table: empty.
        states: of `read_users`.
        layouts: the fields of all rows, by their keys.
        zones: names, by the number that zones are to have.

    Raises:
        StoreError: nobody has told the fields of a row, or its bytes are damaged.
    """
    rows: list[bytes] = [b""] * len(states)
    for key in {state.layout for state in states}:
        if key not in layouts:
            raise StoreError(f"got a row with fields of the key {key:016x}, expected one of {len(layouts)} known ones")
        kind = np.dtype([(name, base, tuple(shape)) for name, base, shape in layouts[key]])
        mine = [i for i, state in enumerate(states) if state.layout == key]
        part = UserTable()
        part.load((row.tobytes() for row in unpacked([states[i].row for i in mine], kind)), layouts[key])
        for i, row in zip(mine, part.rows, strict=True):
            rows[i] = row.tobytes()
    table.load(rows, layout())
    number = {name: i for i, name in enumerate(zones)}
    table.rows["zone"] = [number[state.zone] for state in states]
    return [i for i, state in enumerate(states) if state.layout != layout_key()]


def _refuse_later(found: int) -> None:
    if found > FORMAT:
        raise StoreError(f"got a state of format {found}, expected at most {FORMAT}; run the version that wrote it")
