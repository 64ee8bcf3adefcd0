"""The channels, one file each; by default the console takes all, so that nobody is reached by accident.

May import what `delivery` may. A provider's file is imported only when it is configured, for it may need an extra. To
add a channel, write one file here and a rig in the channel contract (`docs/how-to/add-a-channel.md`).
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import msgspec

from tactful.clock import Clock, WallClock
from tactful.delivery.channels.console import ConsoleChannel
from tactful.delivery.channels.file import FileChannel
from tactful.delivery.channels.inbox import InboxChannel
from tactful.delivery.protocol import Channel
from tactful.delivery.settings import Channels, Console, File, Inbox
from tactful.errors import InvalidSettings, MissingExtra
from tactful.events.records import CHANNELS
from tactful.events.records import Channel as ChannelName

PROVIDERS: Final[dict[str, str]] = {
    "apns": "tactful.delivery.channels.apns",
    "apprise": "tactful.delivery.channels.apprise",
    "fcm": "tactful.delivery.channels.fcm",
    "smtp": "tactful.delivery.channels.smtp",
    "web_push": "tactful.delivery.channels.web_push",
    "webhook": "tactful.delivery.channels.webhook",
}
"""`through` -> the file that makes its channel, with `from_settings(table, env, clock)`."""

_EXTRAS: Final = {"apprise": "apprise"}
"""`through` -> the extra that it needs, where that is not `channels`."""


@runtime_checkable
class Closable(Protocol):
    """A channel that holds connections."""

    def close(self) -> None:
        """Ends them."""
        ...


def default_channels() -> dict[ChannelName, Channel]:
    """Returns the console for every channel name."""
    console = ConsoleChannel()
    return dict.fromkeys(CHANNELS, console)


def build(
    settings: Channels, env: Mapping[str, str], clock: Clock | None = None, store: Path | None = None
) -> dict[ChannelName, Channel]:
    """Returns what carries each channel, by the settings; the console where they say nothing. Nothing is called yet.

    Tables that say the same share one channel. Who stops sending calls `close`.

    Args:
        env: the environment, such as `os.environ`: where secrets are.
        clock: the machine's by default.
        store: where an in-app inbox rests: the store of the engine.

    Raises:
        InvalidSettings: for an inbox without a store.
        MissingCredential: for a secret that is not set, or cannot be used.
        MissingExtra: if a provider needs packages that are not installed.
    """
    made: dict[msgspec.Struct, Channel] = {Console(): ConsoleChannel()}
    channels: dict[ChannelName, Channel] = {}
    for name in CHANNELS:
        table = getattr(settings, name)
        try:
            if table not in made:
                made[table] = _made(table, env, clock or WallClock(), store)
        except InvalidSettings as error:
            raise type(error)(f"[channels.{name}]: {error}") from error
        channels[name] = made[table]
    return channels


def close(channels: Mapping[ChannelName, Channel]) -> None:
    """Ends the connections of channels."""
    for channel in {id(each): each for each in channels.values()}.values():
        if isinstance(channel, Closable):
            channel.close()


def _made(table: msgspec.Struct, env: Mapping[str, str], clock: Clock, store: Path | None) -> Channel:
    if isinstance(table, File):
        return FileChannel(Path(table.path))
    if isinstance(table, Inbox):
        if store is None:
            raise InvalidSettings("got an inbox and no store, expected the path of the engine's store")
        return InboxChannel(store, clock)
    through = str(table.__struct_config__.tag)
    try:
        module = import_module(PROVIDERS[through])
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(through, "channels")
        raise MissingExtra(
            f"through = {through!r} needs the package {error.name}; pip install 'tactful[{extra}]'"
        ) from error
    channel: Channel = module.from_settings(table, env, clock)
    return channel
