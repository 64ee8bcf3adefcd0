"""KuaiRand-Pure: whether a short video that was shown is clicked. The negative control: its histories tell little.

Exposures before 1 May 2022 teach, but for those of 30 April, which validate; from 1 May on they test (Shanghai time). A
history is what the user viewed for long: `long_watch_seq`, then her own long views strictly before the exposure by
`time_ms` (`hourmin` is rounded up for one row in six). Of the exposure itself only its tab is used: never its play
time. Exposures not later than the end of the logged sequences are left out, for they stand in the sequences already.

The sequences have no times of their own, so there are none to encode; the time of the last exposure before them proves
that nothing in them is later than its target. Context: the tab, and of the user how active she is, since when she is
registered, how many she follows and is followed by (all in ranges), and whether she publishes videos.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from responses.data import Ints, ResponseData, assemble, known_before
from responses.negatives import digest
from tactful.clock import to_us
from tactful.training.histories import Behaviours, Samples

FIELDS: Final = ("video_id", "author_id", "tag", "upload_type")
CATEGORY: Final = FIELDS.index("tag")
PROFILE: Final = (
    "user_active_degree",
    "register_days_range",
    "follow_user_num_range",
    "fans_user_num_range",
    "is_video_author",
)
_SHANGHAI: Final = timedelta(hours=8)
TEST_US: Final = to_us(datetime(2022, 5, 1, tzinfo=UTC) - _SHANGHAI)
VALIDATION_US: Final = to_us(datetime(2022, 4, 30, tzinfo=UTC) - _SHANGHAI)


def load(folder: Path, scratch: Path) -> ResponseData:
    """Returns the data set; nothing is drawn, so the scratch folder is not used."""
    part = folder / "kuairand_pure"
    shown = pq.read_table(part / "impressions_20220425_20220508.parquet").sort_by(
        [("user_id", "ascending"), ("time_ms", "ascending"), ("video_id", "ascending")]
    )
    user, video, at_ms, tab = (_column(shown, name) for name in ("user_id", "video_id", "time_ms", "tab"))
    at_us = at_ms * 1000
    past = pq.read_table(part / "user_history_upto_20220424.parquet")
    past_user, past_us, past_video, closed_us = _sequences(past)
    later = at_us > closed_us[np.minimum(user, len(closed_us) - 1)]
    long_view = later & (_column(shown, "long_view") == 1)
    who = np.concatenate([past_user, user[long_view]])
    when = np.concatenate([past_us, at_us[long_view]])
    order = np.lexsort((when, who))  # stable: a sequence keeps its own order
    behaviours = Behaviours(
        np.concatenate([past_video, video[long_view]])[order].astype(np.int32) + np.int32(1), when[order]
    )
    start, end = known_before(who[order], when[order], user, at_us)
    label = _column(shown, "is_click").astype(np.float32)
    context = np.column_stack([tab, _profile(part, user)]).astype(np.int32)
    samples = Samples(user, start, end, (video + 1).astype(np.int32), label, context, at_us)
    periods = (at_us < VALIDATION_US, (at_us >= VALIDATION_US) & (at_us < TEST_US), at_us >= TEST_US)
    train, validation, test = (samples.take(np.flatnonzero(later & period)) for period in periods)
    items = _items(part, int(max(video.max(), past_video.max())) + 1)
    checksum = digest(user, video, at_us, label, past_user, past_video)
    return assemble(
        "kuairand", FIELDS, ("tab", *PROFILE), CATEGORY, items, behaviours, (train, validation, test), checksum
    )


def _column(table: pa.Table, name: str) -> Ints:
    column: Ints = table[name].to_numpy().astype(np.int64)
    return column


def _sequences(past: pa.Table) -> tuple[Ints, Ints, Ints, Ints]:
    """User, instant and video of all logged long views, oldest first, and by user when her sequence was closed.

    The instant is that of the last exposure in the sequences: none of their views is later.
    """
    user, last_us = _column(past, "user_id"), _column(past, "last_time_ms") * 1000
    watched = past["long_watch_seq"].combine_chunks()
    length = np.diff(watched.offsets.to_numpy()).astype(np.int64)
    video: Ints = watched.flatten().to_numpy().astype(np.int64)
    closed = np.zeros(int(user.max()) + 2, dtype=np.int64)  # one more, for users who have no sequence
    closed[user] = last_us
    return np.repeat(user, length), np.repeat(last_us, length), video, closed


def _items(part: Path, n: int) -> Ints:
    """Raw ids of every video's fields; row 0 is the video that is not known, row v + 1 video v."""
    table = pq.read_table(part / "items.parquet")
    items = np.full((n + 1, len(FIELDS)), -1, dtype=np.int64)
    row = _column(table, "video_id") + 1
    known = row <= n
    for field, name in enumerate(FIELDS):
        items[row[known], field] = _codes(table[name].to_pylist())[known]
    return items


def _profile(part: Path, user: Ints) -> Ints:
    """Raw ids of each row's user profile; -1 for a user without one."""
    table = pq.read_table(part / "users.parquet")
    row = np.full(max(int(user.max()), int(_column(table, "user_id").max())) + 1, -1, dtype=np.int64)
    row[_column(table, "user_id")] = np.arange(table.num_rows)
    codes = np.column_stack([_codes(table[name].to_pylist()) for name in PROFILE])
    found: Ints = np.where(row[user, None] >= 0, codes[row[user]], -1)
    return found


def _codes(values: list[Any]) -> Ints:
    """Numbers the values from 0 in the order of their text; a missing one is -1."""
    text = np.array(["" if value is None else str(value) for value in values])
    _, code = np.unique(text, return_inverse=True)
    return np.where(text == "", -1, code).astype(np.int64)
