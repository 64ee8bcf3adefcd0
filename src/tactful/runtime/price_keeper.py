"""The price of a send where users are in many shards: adds up what the shards counted, and closes epochs.

Counts only add, so the order in which shards report is free. An epoch is closed when every shard has passed it; the
prices made of it hold an hour later, so that shards may be an hour ahead of the slowest one.
"""

from tactful.runtime.control import Epoch
from tactful.runtime.settings import Settings


class PriceKeeper:
    """The controller of all shards: the same epochs as an embedded engine's over the same log."""

    def __init__(self, settings: Settings, groups: int, start_us: int) -> None:
        """Has counted nothing.

        Args:
            settings, start_us: those of the shards.
            groups: how many shards report; one that has no users reports, too.
        """
        raise NotImplementedError

    @property
    def known_until_us(self) -> int:
        """The last instant for which prices are made."""
        raise NotImplementedError

    def take(self, report: bytes) -> list[Epoch]:
        """Takes a shard's report and returns the epochs that are closed by it, in order; mostly none.

        What a shard reports again after it was restored counts once. `logbook.control` makes an epoch a row of the
        control log, whose data `Shard.price` reads.

        Raises:
            InvalidRecord: the report is of another number of groups, or cannot be read.
        """
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """Returns everything, exactly."""
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes, settings: Settings) -> "PriceKeeper":
        """Returns the keeper that `to_bytes` wrote."""
        raise NotImplementedError
