"""Which code made a store's last decisions: another version must not go on from the middle of them.

After a kill an engine makes the decisions since the last saved states once more, and they must come out as they are on
record. Code that decides otherwise cannot do that, and would fail at every start. A stop saves the states: from there
any later version goes on.
"""

from typing import Final

import msgspec

import tactful
from tactful.errors import OtherDecidingVersion
from tactful.stores.protocols import StateSnapshots

DECIDING_VERSION: Final = 1
"""Goes up with every change after which the same log and settings lead to other decisions, plans or prices."""
_NAME: Final = "deciding_version"


class Decider(msgspec.Struct, frozen=True):
    """The code that decides over a store, and the release that it came with."""

    version: int = DECIDING_VERSION
    release: str = tactful.__version__


class _States(msgspec.Struct, frozen=True):
    """Of what is saved beside the states (`snapshot`): up to when they include what was decided."""

    applied_us: int


def note(store: StateSnapshots, decider: Decider | None = None) -> None:
    """Writes down who decides from now on; by default this code."""
    told = msgspec.json.encode(decider or Decider())
    if store.load_meta(_NAME) != told:
        store.save_meta(_NAME, told)


def check(store: StateSnapshots) -> None:
    """Refuses a store whose last decisions this code would have to make once more and may not be able to.

    Stores of versions that noted nothing are let through: their replay says whether it comes out.

    Raises:
        OtherDecidingVersion: another version was killed over it.
    """
    told = store.load_meta(_NAME)
    last = msgspec.json.decode(told, type=Decider) if told else Decider()
    saved = store.load_meta("states")
    applied_us = msgspec.msgpack.decode(saved, type=_States).applied_us if saved else -1
    if last.version != DECIDING_VERSION and int(store.load_meta("committed") or b"-1") > applied_us:
        raise OtherDecidingVersion(
            f"got a store over which Tactful {last.release} (deciding version {last.version}) was killed, expected one "
            f"that it has stopped: this is {tactful.__version__} (deciding version {DECIDING_VERSION}), which may "
            f"decide otherwise and cannot make those decisions once more. Start Tactful {last.release} once and stop "
            "it with SIGTERM, which saves the states; then start this one. Nothing that was accepted is lost"
        )
