"""Kill switches: all messages, those of a channel or those of a type, stopped and let go again by an operator.

A turn of a switch is a control of the input log, so a replay meets it at the same instant. Its key is `kill_switch`,
`kill_switch.channel.<name>` or `kill_switch.type.<name>`; its value is true or false, or says besides who turned it:
`{"on": true, "by": "..."}`. Switches are independent: letting all go leaves a stopped channel stopped.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from tactful.errors import InvalidRecord
from tactful.events.records import CHANNELS, Control

KEY: Final = "kill_switch"
What: TypeAlias = Literal["all", "channel", "type"]


class Switch(msgspec.Struct, frozen=True):
    """One turn of a switch: of what, on (nothing goes out) or off, from when on, and who turned it ("": unknown)."""

    what: What
    name: str
    on: bool
    at: datetime
    by: str = ""


class Stops(msgspec.Struct, frozen=True):
    """What is stopped at an instant."""

    everything: bool = False
    channels: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    def why(self, channel: str, kind: str) -> str:
        """Returns which switch stops a message, "" if none does.

        >>> Stops(channels=frozenset({"email"})).why("email", "digest"), Stops().why("email", "digest")
        ('the kill switch of the channel email is on', '')
        """
        if self.everything:
            return "the kill switch is on"
        if channel in self.channels:
            return f"the kill switch of the channel {channel} is on"
        return f"the kill switch of the type {kind} is on" if kind in self.types else ""


def is_switch(key: str) -> bool:
    """Returns whether a control is, or claims to be, a turn of a kill switch."""
    return key == KEY or key.startswith(f"{KEY}.")


def control(switch: Switch, version: int) -> Control:
    """Returns the input that turns a switch; (version, switch) names one turn."""
    key = KEY if switch.what == "all" else f"{KEY}.{switch.what}.{switch.name}"
    value = {"on": switch.on, "by": switch.by} if switch.by else switch.on
    return Control(version=version, effective_at=switch.at, key=key, value=value)


def read(told: Control) -> Switch:
    """Returns what a control turns.

    Raises:
        InvalidRecord: its key names no switch.
    """
    value = told.value if isinstance(told.value, Mapping) else {"on": told.value}
    on, by = bool(value.get("on")), str(value.get("by", ""))
    if told.key == KEY:
        return Switch("all", "", on, told.effective_at, by)
    what, _, name = told.key.removeprefix(f"{KEY}.").partition(".")
    if what == "channel" and name in CHANNELS:
        return Switch("channel", name, on, told.effective_at, by)
    if what == "type" and name:
        return Switch("type", name, on, told.effective_at, by)
    raise InvalidRecord(
        f"got a control {told.key!r}, expected {KEY}, {KEY}.type.<name>, or {KEY}.channel.<name> with one of "
        f"{', '.join(CHANNELS)}"
    )


def in_force(turns: Iterable[Switch], at: datetime) -> Stops:
    """Returns what is stopped at an instant, by the latest turn of each switch; of two at once, a stop holds."""
    latest: dict[tuple[str, str], bool] = {}
    for turn in sorted(turns, key=lambda turn: (turn.at, turn.on)):
        if turn.at <= at:
            latest[turn.what, turn.name] = turn.on
    on = [key for key, value in latest.items() if value]
    return Stops(
        everything=("all", "") in on,
        channels=frozenset(name for what, name in on if what == "channel"),
        types=frozenset(name for what, name in on if what == "type"),
    )
