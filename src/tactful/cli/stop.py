"""`tactful stop` and `tactful go`: the kill switches, of everything, of a channel, or of a type of message."""

from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, console, open_to_read, print_json

if TYPE_CHECKING:
    from tactful.events.switches import Stops, Switch
    from tactful.stores.sqlite import SqliteStore

_Store = Annotated[Path, typer.Option("--store", help="The store of an engine, which may be running.")]
_Channel = Annotated[str, typer.Option("--channel", help="This channel only.")]
_Type = Annotated[str, typer.Option("--type", help="Messages of this event type only.")]


def stop(store: _Store = Path("app.db"), channel: _Channel = "", type_: _Type = "", as_json: AsJson = False) -> None:
    """Stop all messages, or those of a channel or a type, at once: critical ones and those in the outbox, too."""
    _turn(store, channel, type_, True, as_json)


def go(store: _Store = Path("app.db"), channel: _Channel = "", type_: _Type = "", as_json: AsJson = False) -> None:
    """Let go again what the same options stopped; what has expired meanwhile is not sent."""
    _turn(store, channel, type_, False, as_json)


def _turn(path: Path, channel: str, kind: str, on: bool, as_json: bool) -> None:
    from tactful.clock import WallClock, from_us
    from tactful.delivery import stops
    from tactful.stores.sqlite import SqliteStore

    open_to_read(path).close()
    opened = SqliteStore(path)
    try:
        switch = _switch(opened, channel, kind, on, WallClock().now_us())
        with opened.transaction():
            stops.turn(opened, switch)
        left = stops.in_force(opened, from_us(WallClock().now_us()))
    finally:
        opened.close()
    if as_json:
        print_json(left)
    else:
        console().print(_told(left), markup=False)


def _switch(store: "SqliteStore", channel: str, kind: str, on: bool, now_us: int) -> "Switch":
    """The turn that the options ask for; a mistyped name would stop nothing, so it is refused."""
    from tactful.clock import from_us
    from tactful.events.records import CHANNELS
    from tactful.events.switches import Switch, What
    from tactful.runtime import event_types
    from tactful.runtime.settings import noted

    if channel and kind:
        raise typer.BadParameter("got --channel and --type, expected one of them; turn one switch after the other")
    if channel and channel not in CHANNELS:
        raise typer.BadParameter(f"got --channel {channel}, expected one of {', '.join(CHANNELS)}")
    names = event_types.by_now(store, noted(store)).names if kind else ()
    if kind not in ("", *names):
        raise typer.BadParameter(f"got --type {kind}, expected one of {', '.join(names)}")
    what: What = "channel" if channel else "type" if kind else "all"
    return Switch(what, channel or kind, on, from_us(now_us), f"cli:{getuser()}")


def _told(left: "Stops") -> str:
    if left.everything:
        return "Everything is stopped."
    parts = [f"the channel {name}" for name in sorted(left.channels)] + [f"the type {n}" for n in sorted(left.types)]
    return f"Stopped: {', '.join(parts)}." if parts else "Nothing is stopped."
