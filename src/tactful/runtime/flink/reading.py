"""The first operator: reads a file of accepted inputs and deals its rows to groups of users, by epoch.

A file is one element, so nothing is held between two elements, and a checkpoint needs no state of this operator.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from tactful.clock import to_us
from tactful.errors import UnreadableInput
from tactful.events.records import Control, encode
from tactful.runtime.control import EPOCH_US
from tactful.runtime.flink import everybody, rows
from tactful.runtime.flink.rows import Rejected
from tactful.runtime.shard import group_of
from tactful.stores.protocols import LoggedInput

EVERYBODY: Final = -1
"""In place of a group: inputs that concern all of them."""
REFUSED: Final = -2
"""In place of a group: lines that cannot be read."""
PRICES: Final = -3
"""In place of a group: the prices of an epoch, for all groups."""
HELLO: Final = -1
"""In place of an epoch: a file has been read to its end. It makes a group known that has no input, too."""

THRESHOLDS: Final = "thresholds"
"""The key of controls that are prices."""
_CONTROL: Final = msgspec.json.Decoder(Control)


class Part(NamedTuple):
    """Inputs of one group and one epoch, on their way to it."""

    group: int
    epoch: int
    data: bytes


class Named(NamedTuple):
    """One line of a manifest; instants in µs."""

    number: int
    first_us: int
    last_us: int
    rows: int
    name: str


def named(line: str) -> Named:
    """Returns what a line of a manifest says.

    Raises:
        UnreadableInput: it is no such line; which inputs are missing cannot be known, so the job must not go on.

    >>> named("0\\t5\\t9\\t2\\tpart-00000000.ndjson").last_us
    9
    """
    try:
        number, first, last, count, name = line.rstrip("\n").split("\t")
        return Named(int(number), int(first), int(last), int(count), name)
    except ValueError as error:
        raise UnreadableInput(
            f"got {line[:200]!r} in the manifest ({error}), expected number, first and last log time, rows and name "
            "with tabs between; export the log again into an empty folder"
        ) from error


class Reader:
    """Of a line of a manifest, the file's inputs by group and epoch, and behind them a word to every group."""

    def __init__(self, folder: str, groups: int) -> None:
        """`folder` holds the files; there are `groups` groups."""
        self._folder, self._groups = folder, groups

    def flat_map(self, line: str) -> Iterator[Part]:
        """Yields the parts of one file."""
        file = named(line)
        taken: list[LoggedInput] = []
        for row in rows.read(Path(self._folder) / file.name):
            if isinstance(row, Rejected):
                yield Part(REFUSED, HELLO, rows.told(row).encode())
            else:
                taken.append(row)
        yield from dealt(taken, self._groups)
        for group in range(self._groups):
            yield Part(group, HELLO, b"")


class Letters:
    """Of a line of JSON that holds one accepted input, that input as a part: for topics."""

    def __init__(self, groups: int) -> None:
        """There are `groups` groups."""
        self._groups = groups

    def flat_map(self, line: str) -> Iterator[Part]:
        """Yields the input's part, or why it is none."""
        try:
            yield from dealt([rows.input_of(line.encode())], self._groups)
        except UnreadableInput as error:
            yield Part(REFUSED, HELLO, rows.told(Rejected("topic", str(error), line.encode())).encode())


def dealt(taken: list[LoggedInput], groups: int) -> Iterator[Part]:
    """Yields inputs by group and epoch; what concerns everybody goes to `EVERYBODY`, and a note of it to each group."""
    keys = np.array([row.user_key for row in taken], dtype=np.uint64)
    of = np.where(keys == 0, EVERYBODY, group_of(keys, groups)).tolist()
    parts: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for group, row in zip(of, taken, strict=True):
        parts[group, row.log_ts_us // EPOCH_US].append(row)
    for (group, epoch), inputs in parts.items():
        yield Part(group, epoch, rows.packed(inputs))
        if group == EVERYBODY:
            notes = rows.packed(map(everybody.note_of, inputs))
            yield from (Part(each, epoch, notes) for each in range(groups))


class Prices:
    """Of a line of the control folder, the prices of an epoch; other controls are passed over."""

    def flat_map(self, line: str) -> Iterator[Part]:
        """Yields the prices as a part for everybody."""
        control = control_of(line)
        if control.key == THRESHOLDS:
            yield Part(PRICES, to_us(control.effective_at) // EPOCH_US, encode(control))


def control_of(line: str) -> Control:
    """Returns the control of a line.

    Raises:
        UnreadableInput: it is none.
    """
    try:
        return _CONTROL.decode(line)
    except msgspec.MsgspecError as error:
        raise UnreadableInput(
            f"got a line in the control folder that is no control ({error}); remove the file"
        ) from error


def known_until_ms(line: str) -> int:
    """Returns the instant up to which a control tells the prices, in ms: an epoch from its effect on."""
    return (to_us(control_of(line).effective_at) + EPOCH_US) // 1_000


def letter_ms(line: str) -> int:
    """Returns the log time of a letter, in ms; 0 of one that cannot be read."""
    try:
        return rows.input_of(line.encode()).log_ts_us // 1_000
    except UnreadableInput:
        return 0


def last_ms(line: str) -> int:
    """Returns the last log time of a file of a manifest, in ms."""
    return named(line).last_us // 1_000
