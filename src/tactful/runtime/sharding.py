"""Deals users to several engines, each with a store of its own: how one machine uses all its cores.

An engine runs on one core. Users are independent but for the price of a message, and so engines side by side share
nothing, as long as everything of one person goes to the same one. Each keeps the prices of its own people, and each
meets its own volume: that is set per user, so it needs no dividing. What concerns everybody (kill switches,
experiments, changes of event types, catalogues, budget plans) goes to all of them. Not here: how inputs travel
(`docs/how-to/use-all-cores.md`), and groups of users on a cluster, which share prices (`shard.py`).
"""

from collections.abc import Iterable

from tactful import draws
from tactful.errors import InvalidSettings
from tactful.events.records import Input, UserInput


def shard_of(user_id: str, shards: int) -> int:
    """Returns which shard (0 .. shards - 1) a user belongs to; it never changes while the number of shards does not.

    It is BLAKE2b of the id in UTF-8 with a digest of 8 bytes, read as a little-endian number, modulo `shards`: whoever
    sends can compute it in any language.

    Raises:
        InvalidSettings: there is no shard.

    >>> [shard_of(name, 2) for name in ("ann", "bob", "eve")]
    [1, 0, 1]
    """
    _check(shards)
    return draws.key(user_id) % shards


def dealt(records: Iterable[Input], shards: int) -> list[list[Input]]:
    """Returns the records of each shard, in their order; what is of no single user goes to every shard.

    Raises:
        InvalidSettings: there is no shard.
    """
    _check(shards)
    found: list[list[Input]] = [[] for _ in range(shards)]
    for record in records:
        if isinstance(record, UserInput):
            found[shard_of(record.user_id, shards)].append(record)
        else:
            for part in found:
                part.append(record)
    return found


def _check(shards: int) -> None:
    if shards < 1:
        raise InvalidSettings(f"got {shards} shards, expected at least 1; give as many as there are stores")
