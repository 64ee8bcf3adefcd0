"""Where an engine's event types come from: the folder of files, and what the store has on record of them.

A store notes the types that its log begins with; every later change is an input of the log (`events.type_changes`),
filed among the controls, too. So the log alone tells what a type said when a candidate of it was accepted, and a replay
needs no files.
"""

from pathlib import Path
from typing import Final

from tactful.clock import from_us
from tactful.errors import InvalidEventType
from tactful.events import type_changes
from tactful.events.records import Control, decode
from tactful.events.registry import Registry, load_folder
from tactful.events.type_changes import KEY, TypeChange
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

_NOTED: Final = "event_types"


def of_settings(settings: Settings) -> Registry:
    """Returns the types of the settings' folder, or the shipped ones.

    Raises:
        InvalidEventType: with all mistakes of all files.
    """
    return load_folder(Path(settings.event_types)) if settings.event_types else Registry.shipped()


def at_first(store: Store, settings: Settings) -> Registry:
    """Returns the types that a store's log begins with; those of the settings where nobody noted them."""
    told = store.load_meta(_NOTED)
    return of_settings(settings) if told is None else type_changes.from_bytes(told)


def note_first(store: Store, registry: Registry) -> None:
    """Writes the types that a store's log begins with, once."""
    if store.load_meta(_NOTED) is None:
        store.save_meta(_NOTED, type_changes.to_bytes(registry))


def by_now(store: Store, settings: Settings) -> Registry:
    """Returns the types after all changes that a store has on record: what a sender or a reader of it needs."""
    registry = at_first(store, settings)
    for row in store.controls():
        if row.key == KEY and isinstance(control := decode(row.data), Control):
            registry = type_changes.changed(registry, type_changes.read(control.value))
    return registry


def soon(store: Store, settings: Settings) -> Registry:
    """Returns the types by now, and those of files that an engine will read when a candidate of them comes.

    Files that are mistaken change nothing.
    """
    registry = by_now(store, settings)
    if not settings.event_types:
        return registry
    try:
        change = type_changes.change_between(registry, of_settings(settings))
        return registry if change is None else type_changes.changed(registry, change)
    except InvalidEventType:
        return registry


def declares(record: object) -> bool:
    """Returns whether an input changes the event types."""
    return isinstance(record, Control) and record.key == KEY


def declaration(store: Store, change: TypeChange, at_us: int) -> Control:
    """Returns the control that tells the log of a change; it holds from its log time on."""
    version = 1 + max((row.version for row in store.controls() if row.key == KEY), default=0)
    return Control(version=version, effective_at=from_us(at_us), key=KEY, value=type_changes.value(change))
