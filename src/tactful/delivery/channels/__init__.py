"""The channels, one file each; by default the console takes all, so that nobody is reached by accident.

May import what `delivery` may. To add a channel, write one file here and a rig in the channel contract
(`docs/how-to/add-a-channel.md`).
"""

from tactful.delivery.channels.console import ConsoleChannel
from tactful.delivery.protocol import Channel
from tactful.events.records import CHANNELS
from tactful.events.records import Channel as ChannelName


def default_channels() -> dict[ChannelName, Channel]:
    """Returns the console for every channel name."""
    console = ConsoleChannel()
    return dict.fromkeys(CHANNELS, console)
