"""What a ranker reads as one row of plain numbers a message: sequences become counts of what fits the candidate.

For models that take rows of numbers (trees, regressions). Networks read the sequences themselves.
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Int64
from numpy.typing import NDArray

from tactful.events.records import CHANNELS, KINDS
from tactful.features.join import LEAVING_KINDS
from tactful.features.ranking import AGES, CANDIDATE, USER, USER_IDS, RankInputs
from tactful.kernel import kernel

_A_DAY, _A_WEEK = 5, 9
"""The last bins of ages under 24 hours, under 168 hours (`ranking.AGE_EDGES_HOURS`)."""
_OF_CHANNEL: Final = ("sent_7d", "open_rate", "click_rate", "sends")
_CONTENT: Final = ("n", "newest", "category_1d", "category_7d", "category", "category_newest")
_SENDS: Final = (
    *("n", "newest", "category_1d", "category_7d", "category_newest"),
    *("type_1d", "type_7d", "type_newest", "channel_1d", "channel_7d", "channel_newest"),
)
_ANSWERS: Final = (
    *("opens", "clicks", "dismissals", "leavings", "category_opens", "category_clicks"),
    *("channel_opens", "channel_clicks", "open_newest", "click_newest"),
)
COLUMNS: Final[tuple[str, ...]] = (
    *USER,
    *USER_IDS,
    *CANDIDATE,
    *("type", "match", "recency", "channel"),
    *(f"{name}_here" for name in _OF_CHANNEL),
    *(f"content_{name}" for name in _CONTENT),
    *(f"sends_{name}" for name in _SENDS),
    *(f"answers_{name}" for name in _ANSWERS),
)
"""Names of a row's numbers. `_1d`, `_7d` count entries younger than a day, a week; `newest` is a bin of age, as old as
can be where there is none; `_here` is of the channel at hand."""

_OWN: Final = np.array([[USER.index(f"{name}_{channel}") for name in _OF_CHANNEL] for channel in CHANNELS])
_OPEN, _CLICK, _DISMISS = (KINDS.index(kind) + 1 for kind in ("open", "click", "dismiss"))
_LEAVES: Final = np.array([False, *(kind in LEAVING_KINDS for kind in KINDS)])
_N_USER, _N_IDS, _N_CANDIDATE = len(USER), len(USER_IDS), len(CANDIDATE)


def rank_table(
    inputs: RankInputs, row: Int64[np.ndarray, " m"], place: Int64[np.ndarray, " m"], channel: Int64[np.ndarray, " m"]
) -> Float32[np.ndarray, "m F"]:
    """Returns the numbers of m messages: of rank job `row` the candidate at `place`, on a channel."""
    table = np.zeros((len(row), len(COLUMNS)), dtype=np.float32)
    if len(row):
        _fill(
            inputs.user, inputs.user_ids, inputs.content, inputs.sends, inputs.answers, inputs.candidate,
            inputs.candidate_ids, row, place, channel, _OWN, _LEAVES, table,
        )  # fmt: skip
    return table


@kernel
def _fill(
    user: NDArray[np.float32], user_ids: NDArray[np.int16], content: NDArray[np.int16], sends: NDArray[np.int16],
    answers: NDArray[np.int16], candidate: NDArray[np.float32], candidate_ids: NDArray[np.int16],
    row: NDArray[np.int64], place: NDArray[np.int64], channel: NDArray[np.int64], own: NDArray[np.int64],
    leaves: NDArray[np.bool_], table: NDArray[np.float32],
) -> None:  # fmt: skip
    for m in range(len(row)):
        r, c, h, out = row[m], place[m], channel[m], table[m]
        kind, category = candidate_ids[r, c, 0], candidate_ids[r, c, 1]
        at = _N_USER + _N_IDS + _N_CANDIDATE
        out[:_N_USER] = user[r]
        out[_N_USER : _N_USER + _N_IDS] = user_ids[r]
        out[_N_USER + _N_IDS : at] = candidate[r, c]
        out[at], out[at + 1], out[at + 2], out[at + 3] = kind, candidate_ids[r, c, 2], candidate_ids[r, c, 3], h
        for j in range(own.shape[1]):
            out[at + 4 + j] = user[r, own[h, j]]
        at += 4 + own.shape[1]
        _of_content(content[r], category, out[at : at + 6])
        _of_sends(sends[r], category, kind, h + 1, out[at + 6 : at + 17])
        _of_answers(answers[r], category, h + 1, leaves, out[at + 17 :])


@kernel
def _count(out: NDArray[Any], at: int, age: int) -> None:
    """Counts an entry among those of a day, of a week, and of their youngest: three columns from `at` on."""
    out[at] += age <= _A_DAY
    out[at + 1] += age <= _A_WEEK
    out[at + 2] = min(out[at + 2], age)


@kernel
def _of_content(entries: NDArray[np.int16], category: int, out: NDArray[np.float32]) -> None:
    out[1], out[5] = AGES, AGES
    for i in range(len(entries)):
        age = entries[i, 2]
        if age == 0:
            break
        out[0] += 1
        out[1] = min(out[1], age)
        if category > 0 and entries[i, 0] == category:
            out[2] += age <= _A_DAY
            out[3] += age <= _A_WEEK
            out[4] += 1
            out[5] = min(out[5], age)


@kernel
def _of_sends(entries: NDArray[np.int16], category: int, kind: int, channel: int, out: NDArray[np.float32]) -> None:
    out[1], out[4], out[7], out[10] = AGES, AGES, AGES, AGES
    for i in range(len(entries)):
        age = entries[i, 3]
        if age == 0:
            break
        out[0] += 1
        out[1] = min(out[1], age)
        if category > 0 and entries[i, 0] == category:
            _count(out, 2, age)
        if entries[i, 1] == kind:
            _count(out, 5, age)
        if entries[i, 2] == channel:
            _count(out, 8, age)


@kernel
def _of_answers(
    entries: NDArray[np.int16], category: int, channel: int, leaves: NDArray[np.bool_], out: NDArray[np.float32]
) -> None:
    out[8], out[9] = AGES, AGES
    for i in range(len(entries)):
        kind, age = entries[i, 1], entries[i, 3]
        if age == 0:
            break
        opened, clicked = kind == _OPEN, kind == _CLICK
        same, here = category > 0 and entries[i, 0] == category, entries[i, 2] == channel
        out[0] += opened
        out[1] += clicked
        out[2] += kind == _DISMISS
        out[3] += leaves[kind]
        out[4] += opened and same
        out[5] += clicked and same
        out[6] += opened and here
        out[7] += clicked and here
        if opened:
            out[8] = min(out[8], age)
        if clicked:
            out[9] = min(out[9], age)
