"""Inputs of a shard until their time comes: checked once more, put into the order of the log, or refused.

Whatever stands between the log and a shard may deliver in another order, twice, to the wrong shard, or what is broken.
None of that may stop the others, so an input that cannot be taken is kept with its reason, and the shard goes on.
"""

from collections.abc import Iterable
from heapq import heappop, heappush

import msgspec

from tactful.clock import from_us
from tactful.errors import InvalidRecord, TactfulError
from tactful.events import type_changes
from tactful.events.records import Control
from tactful.events.registry import Registry
from tactful.features.history import NEVER
from tactful.runtime import event_types
from tactful.runtime.intake import Line, checked, logged_line
from tactful.stores.protocols import LoggedInput


class Refused(msgspec.Struct, frozen=True):
    """An input that a shard could not take, and why: it came too late, is of another group, or cannot be read."""

    input: LoggedInput
    reason: str


class Waiting:
    """The inputs of one group that were taken and are not applied yet."""

    def __init__(self, group: int, groups: int, inputs: Iterable[LoggedInput] = ()) -> None:
        """Begins with the inputs that a restored shard had waiting."""
        self._group, self._groups = group, groups
        self._heap: list[tuple[int, int, LoggedInput]] = []
        self._refused: list[Refused] = []
        self.take(inputs, -1)

    @property
    def next_us(self) -> int:
        """The log time of the first that waits, `NEVER` if none."""
        return self._heap[0][0] if self._heap else NEVER

    def take(self, inputs: Iterable[LoggedInput], applied_us: int) -> None:
        """Takes inputs, in any order; those up to `applied_us` come too late."""
        for one in inputs:
            if one.log_ts_us <= applied_us:
                self._refused.append(Refused(one, _late(one.log_ts_us, applied_us)))
            else:
                heappush(self._heap, (one.log_ts_us, one.offset, one))

    def due(self, until_us: int, registry: Registry) -> list[Line]:
        """Removes and returns the inputs up to an instant, in the order of the log, each once.

        Args:
            until_us: inclusive.
            registry: the event types before the first of them.
        """
        lines: list[Line] = []
        last = -1
        while self._heap and self._heap[0][0] <= until_us:
            _, offset, one = heappop(self._heap)
            if offset == last:
                continue
            last = offset
            try:
                line = self._line(one, registry)
            except (TactfulError, msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
                self._refused.append(Refused(one, f"input at offset {offset}: {error}"))
                continue
            if isinstance(line.record, Control) and event_types.declares(line.record):
                registry = type_changes.changed(registry, type_changes.read(line.record.value))
            lines.append(line)
        return lines

    def refused(self) -> list[Refused]:
        """Returns what was refused since the last call."""
        found, self._refused = self._refused, []
        return found

    def kept(self) -> list[LoggedInput]:
        """Returns the inputs that wait, in the order of the log."""
        return [one for _, _, one in sorted(self._heap)]

    def _line(self, one: LoggedInput, registry: Registry) -> Line:
        """The checked line of an input.

        Raises:
            TactfulError: it is of another group, or cannot be accepted.
        """
        line = logged_line(one)
        checked(line.record, registry)
        group = line.user_key & (self._groups - 1)
        if line.user_id and group != self._group:
            raise InvalidRecord(
                f"got one of user {line.user_id!r} in group {self._group} of {self._groups}, expected it in group "
                f"{group}; deal inputs with `group_of`"
            )
        return line


def _late(log_us: int, applied_us: int) -> str:
    return (
        f"got an input with log time {from_us(log_us).isoformat()}, expected one after "
        f"{from_us(applied_us).isoformat()}, up to which all is decided; mend the order of the source"
    )
