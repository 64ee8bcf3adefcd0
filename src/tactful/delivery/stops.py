"""Which kill switches were turned, by whom and when: what a sender asks before each message, and a person reads.

The engine learns of a turn by a letter and puts it into its log. The sender does not wait for that: the list here is
written together with the letter, so what lies in the outbox stops even where no engine runs.
"""

from datetime import datetime
from typing import Final, Protocol, runtime_checkable

import msgspec

from tactful.clock import from_us, to_us
from tactful.events import switches
from tactful.events.records import encode
from tactful.events.switches import Stops, Switch
from tactful.stores.protocols import Mailbox, StateSnapshots

_NAME: Final = "kill_switches"
_Turns = tuple[Switch, ...]


@runtime_checkable
class SwitchStore(Mailbox, StateSnapshots, Protocol):
    """What turning a switch needs of a store; every `Store` is one."""


def turned(store: StateSnapshots) -> tuple[Switch, ...]:
    """Returns every turn of every switch, the earliest first."""
    return _read(store.load_meta(_NAME))


def in_force(store: StateSnapshots, at: datetime) -> Stops:
    """Returns what is stopped at an instant."""
    return switches.in_force(turned(store), at)


def turn(store: SwitchStore, switch: Switch) -> None:
    """Turns a switch for sender and engine; part of the caller's open transaction, so that both learn of it or none."""
    note(store, switch)
    store.post([encode(switches.control(switch, version=to_us(switch.at)))])


def note(store: StateSnapshots, switch: Switch) -> None:
    """Adds a turn to the list, unless it is there."""
    known = turned(store)
    if switch not in known:
        together = sorted((*known, switch), key=lambda one: (one.at, one.what, one.name, one.on))
        store.save_meta(_NAME, msgspec.json.encode(together))


class Watch:
    """What is stopped by now, for whoever asks often: the list is read again only where it changed."""

    def __init__(self, store: StateSnapshots) -> None:
        self._store = store
        self._data: bytes | None = None
        self._turns: _Turns = ()

    def at(self, now_us: int) -> Stops:
        """Returns what is stopped at an instant."""
        data = self._store.load_meta(_NAME)
        if data != self._data:
            self._data, self._turns = data, _read(data)
        return switches.in_force(self._turns, from_us(now_us)) if self._turns else Stops()


def _read(data: bytes | None) -> _Turns:
    return () if data is None else msgspec.json.decode(data, type=_Turns)
