"""What all groups read of one copy: prices, and inputs that concern every user, such as a kill switch.

Each worker gets such an input whole, once. Each group gets a note of it among its own inputs: the row without its
record. So a group takes it exactly once, however often it runs within an epoch, and knows for itself when it comes too
late; what it takes is read from the worker's copy.
"""

from collections.abc import Iterable
from typing import Any

from tactful.runtime.control import EPOCH_US
from tactful.runtime.flink import rows
from tactful.stores.protocols import LoggedInput


def note_of(row: LoggedInput) -> LoggedInput:
    """Returns what a group hears of an input for everybody."""
    return row._replace(data=b"")


def name(group: int, epoch: int) -> str:
    """Returns under which name a part is kept that is for everybody.

    >>> name(-1, 5)
    '-1:5'
    """
    return f"{group}:{epoch}"


def whole(taken: Iterable[LoggedInput], known: Any, group: int) -> tuple[list[LoggedInput], list[LoggedInput]]:
    """Returns the inputs with notes made whole, and the notes whose input this worker has not got yet.

    Args:
        taken: inputs of a group, notes among them.
        known: the map that everybody reads.
        group: in whose place inputs for everybody are kept there.
    """
    found, missing = list[LoggedInput](), list[LoggedInput]()
    copies: dict[int, dict[int, LoggedInput]] = {}
    for row in taken:
        if row.user_key or row.data:
            found.append(row)
            continue
        epoch = row.log_ts_us // EPOCH_US
        if epoch not in copies:
            parts = known.get(name(group, epoch)) or ()
            copies[epoch] = {each.offset: each for part in parts for each in rows.unpacked(part)}
        copy = copies[epoch].get(row.offset)
        if copy is None:
            missing.append(row)
        else:
            found.append(copy)
    return found, missing
