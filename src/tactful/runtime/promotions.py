"""The moves of promotions: who promoted, forced or took back which model, when, why, and on which figures.

Each move is a control of the input log. Nothing is decided by it: the canary is an experiment, and the models in force
are a pointer of the store. So a log tells its own history, also to a replay.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from tactful.clock import from_us
from tactful.errors import InvalidRecord
from tactful.events.records import Control, Instant, decode, encode
from tactful.experiments.canary import Canary, Evidence
from tactful.experiments.gate import Gate
from tactful.models.in_force import Kind
from tactful.stores.protocols import Store

KEY: Final = "promotion"
"""The key of controls whose value is a move."""

What: TypeAlias = Literal["started", "forced", "grown", "promoted", "rolled_back", "restored"]


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a promotion.

    Attributes:
        what: a canary was started, started against the gate, grown, put in force for all, or taken back; or an
            earlier model was put in force again.
        at: from when on.
        kind: of the model.
        version: of the model that was started, promoted or taken back.
        before: what was in force instead, or is again; "" for the simple predictors.
        by, reason: who did it, as told, and why; of steps that nobody asked for, what was seen.
        canary: as it is after the move; None where there is none.
        gate, seen: the figures that it rests on.
    """

    what: What
    at: Instant
    kind: Kind = "rank"
    version: str
    before: str = ""
    by: str = ""
    reason: str = ""
    canary: Canary | None = None
    gate: Gate | None = None
    seen: Evidence | None = None


def history(store: Store) -> tuple[Move, ...]:
    """Returns all moves that the engine has taken into its log, in order."""
    return tuple(_read(row.data) for row in store.controls_of(KEY, 0))


def canary_of(moves: Sequence[Move]) -> Canary | None:
    """Returns the canary that runs; None if none does."""
    last = next((move.canary for move in reversed(moves) if move.canary is not None), None)
    return last if last is not None and last.status == "running" else None


def withdrawn(moves: Sequence[Move]) -> frozenset[str]:
    """Returns the versions that were taken back, and not promoted since: nobody goes back to them."""
    found: set[str] = set()
    for move in moves:
        if move.what in ("rolled_back", "restored"):
            found.add(move.version)
        elif move.what == "promoted":
            found.discard(move.version)
    return frozenset(found)


def tell(store: Store, at_us: int, move: Move) -> None:
    """Leaves a move for the engine's log; to be called in the transaction that makes it."""
    numbers = [row.version for row in store.controls_of(KEY, 0)]
    version = max(numbers, default=0) + store.posted() + 1  # above those that wait, too
    value = msgspec.to_builtins(move)
    store.post([encode(Control(version=version, effective_at=from_us(at_us), key=KEY, value=value))])


def _read(data: bytes) -> Move:
    control = decode(data)
    if not isinstance(control, Control):
        raise InvalidRecord(f"got a {type(control).__name__} among the controls, expected a move of a promotion")
    return msgspec.convert(control.value, Move)
