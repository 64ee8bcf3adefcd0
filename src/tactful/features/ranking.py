"""What a ranker reads of a rank job: the person, three sequences of what she did and got, and each candidate.

Numbers only, the same online, in logged snapshots and in training. Event types and categories are numbered by hash:
one that is new has a number, which no model has learned anything about, and needs no vocabulary. What is not known is
0 throughout. Not here: labels (`training/ranking/`), and how a snapshot is stored (`ranking_snapshot.py`).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int16
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US, HOUR_US, WEEK_US
from tactful.events.records import CHANNELS, KINDS
from tactful.events.type_columns import TYPES
from tactful.features.history import N_CHANNELS, SLOTS
from tactful.features.segments import SEGMENTS
from tactful.features.standing import active_days, last_active, sent_since
from tactful.kernel import kernel

State = NDArray[Any]
"""Rows of `history.ROW`."""

CONTENT, SENDS, ANSWERS = 32, 16, 16
"""The newest entries kept of each sequence."""
CATEGORIES: Final = 1024
"""Numbers of categories, 0 is none; a category `c` has `1 + c % 1023`."""
AGE_EDGES_HOURS: Final = (1, 3, 6, 12, 24, 48, 72, 120, 168, 336, 672, 1344)
AGES: Final = len(AGE_EDGES_HOURS) + 2
"""Bins of age, 1 for under an hour; 0 stands where there is no entry."""
WEEKDAYS: Final = 7
REACHES: Final = 1 << N_CHANNELS

USER: Final[tuple[str, ...]] = (
    *("active_share_7d", "active_share_28d", "since_active", "since_send", "tenure", "p_organic", "active_today"),
    *("sent_1d", "sent_7d", "k"),
    *(f"sent_7d_{channel}" for channel in CHANNELS),
    *(f"open_rate_{channel}" for channel in CHANNELS),
    *(f"click_rate_{channel}" for channel in CHANNELS),
    *(f"sends_{channel}" for channel in CHANNELS),
)
"""Numbers of the person, each about 0..1."""
USER_IDS: Final = {"segment": len(SEGMENTS), "hour": SLOTS, "weekday": WEEKDAYS, "reach": REACHES}
"""Her further columns and how many values each has; `hour` and `weekday` (0 is Monday) are those of her own clock: the
time of delivery."""
CONTENT_IDS: Final = {"category": CATEGORIES, "kind": len(KINDS) + 1, "age": AGES}
SEND_IDS: Final = {"category": CATEGORIES, "type": TYPES, "channel": N_CHANNELS + 1, "age": AGES}
ANSWER_IDS: Final = {"category": CATEGORIES, "kind": len(KINDS) + 1, "channel": N_CHANNELS + 1, "age": AGES}
CANDIDATE: Final[tuple[str, ...]] = ("quality", "age", "time_left", "count", "sent_type_1d", "sent_type_7d")
"""Numbers of a candidate, each about 0..1."""
CANDIDATE_IDS: Final = {"type": TYPES, "category": CATEGORIES, "match": 4, "recency": 4}

_LAYOUT: Final = (
    *(USER, USER_IDS, CONTENT, CONTENT_IDS, SENDS, SEND_IDS, ANSWERS, ANSWER_IDS, CANDIDATE, CANDIDATE_IDS),
    AGE_EDGES_HOURS,
)
SCHEMA: Final = f"{draws.key(repr(_LAYOUT)):016x}"
"""Names this order and meaning of columns: snapshots and models of another are refused."""

_OPEN_PRIOR, _CLICK_PRIOR, _PRIOR_SENDS = 0.1, 0.05, 10.0
_LOG_MONTHS: Final = float(np.log1p(24 * 56))
_LOG_TENURE: Final = float(np.log1p(730))
_AGE_EDGES_US: Final[NDArray[np.int64]] = np.array(AGE_EDGES_HOURS, dtype=np.int64) * HOUR_US


@dataclass(frozen=True, eq=False)
class RankInputs:
    """n rank jobs with c places of candidates each; sequences newest first, zeros behind their end.

    Columns are named by `USER`, `USER_IDS`, `CONTENT_IDS`, `SEND_IDS`, `ANSWER_IDS`, `CANDIDATE` and `CANDIDATE_IDS`.

    Attributes:
        content: what she read or watched by herself. Entries without category are left out.
        sends: messages that she got.
        answers: what she did with messages, and receipts.
        present: whether the place has a candidate; where not, its columns mean nothing.
    """

    user: Float32[np.ndarray, "n U"]
    user_ids: Int16[np.ndarray, "n 4"]
    content: Int16[np.ndarray, "n 32 3"]
    sends: Int16[np.ndarray, "n 16 4"]
    answers: Int16[np.ndarray, "n 16 4"]
    candidate: Float32[np.ndarray, "n c C"]
    candidate_ids: Int16[np.ndarray, "n c 4"]
    present: Bool[np.ndarray, "n c"]


@dataclass(frozen=True, eq=False)
class PoolFacts:
    """The candidates of n pools as far as a ranker reads them; `type` indexes the registry, ages are microseconds."""

    present: Bool[np.ndarray, "n c"]
    type: Int[np.ndarray, "n c"]
    category: Int[np.ndarray, "n c"]
    quality: Float[np.ndarray, "n c"]
    match: Int[np.ndarray, "n c"]
    recency: Int[np.ndarray, "n c"]
    age_us: Int[np.ndarray, "n c"]
    left_us: Int[np.ndarray, "n c"]
    count: Int[np.ndarray, "n c"]
    sent_day: Int[np.ndarray, "n c"]
    sent_week: Int[np.ndarray, "n c"]


@dataclass(frozen=True, eq=False)
class PersonFacts:
    """What of a rank job does not stand in the row as such: segment, her clock, and what was derived already."""

    segment: Int[np.ndarray, " n"]
    hour: Int[np.ndarray, " n"]
    weekday: Int[np.ndarray, " n"]
    reach: Int[np.ndarray, " n"]
    p_organic: Float[np.ndarray, " n"]
    active_today: Bool[np.ndarray, " n"]
    k: Int[np.ndarray, " n"]
    sent_7d_channel: Int[np.ndarray, "n h"]


def rank_inputs(
    state: State,
    now_us: Int[np.ndarray, " n"],
    person: PersonFacts,
    pool: PoolFacts,
    type_numbers: Int[np.ndarray, " types"],
) -> RankInputs:
    """Returns what a ranker reads of each rank job; all of it finite, from before the decision.

    Args:
        state: user rows; they are not changed, and nothing returned is a view of them.
        now_us: the instant of each job.
        person, pool: see there.
        type_numbers: of every type of the registry (`TypeColumns.number`).
    """
    content, sends, answers = _sequences(state, now_us, type_numbers)
    return RankInputs(
        user=_user(state, now_us, person),
        user_ids=np.stack([person.segment, person.hour, person.weekday, person.reach], axis=1).astype(np.int16),
        content=content,
        sends=sends,
        answers=answers,
        candidate=_candidate(pool),
        candidate_ids=_candidate_ids(pool, type_numbers),
        present=pool.present,
    )


def nobody() -> RankInputs:
    """Returns one job for a person of whom nothing is known, with one candidate: what a model is tried on.

    >>> nobody().candidate.shape == (1, 1, len(CANDIDATE)), bool(nobody().present.all())
    (True, True)
    """
    return RankInputs(
        user=np.zeros((1, len(USER)), dtype=np.float32),
        user_ids=np.zeros((1, len(USER_IDS)), dtype=np.int16),
        content=np.zeros((1, CONTENT, len(CONTENT_IDS)), dtype=np.int16),
        sends=np.zeros((1, SENDS, len(SEND_IDS)), dtype=np.int16),
        answers=np.zeros((1, ANSWERS, len(ANSWER_IDS)), dtype=np.int16),
        candidate=np.zeros((1, 1, len(CANDIDATE)), dtype=np.float32),
        candidate_ids=np.zeros((1, 1, len(CANDIDATE_IDS)), dtype=np.int16),
        present=np.ones((1, 1), dtype=np.bool_),
    )


def _user(state: State, now_us: NDArray[np.int64], person: PersonFacts) -> NDArray[np.float32]:
    seen = active_days(state, now_us, 28)
    tenure = np.clip((now_us - state["signup"]) // DAY_US, 0, 730)
    recent = np.arange(state["s_at"].shape[1]) < state["s_len"][:, None]
    last_send = np.where(recent, state["s_at"], 0).max(axis=1)
    sends, week = state["n_sends"], person.sent_7d_channel
    columns = [
        *(seen[:, :7].mean(axis=1), seen.mean(axis=1)),
        *(_log_age(now_us - last_active(state)), _log_age(now_us - last_send), np.log1p(tenure) / _LOG_TENURE),
        *(person.p_organic, person.active_today),
        *(sent_since(state, now_us - DAY_US, 0) / 4.0, week.sum(axis=1) / 14.0, person.k / 10.0),
        *(week / 7.0).T,
        *((state["n_opens"] + _PRIOR_SENDS * _OPEN_PRIOR) / (sends + _PRIOR_SENDS)).T,
        *((state["n_clicks"] + _PRIOR_SENDS * _CLICK_PRIOR) / (sends + _PRIOR_SENDS)).T,
        *(np.log1p(sends) / 8.0).T,
    ]
    return np.stack(columns, axis=1, dtype=np.float64).astype(np.float32)


def sends_and_clicks(user: Float32[np.ndarray, "n U"]) -> tuple[Float64[np.ndarray, "n h"], Float64[np.ndarray, "n h"]]:
    """Returns by channel how many messages a person got so far and how many she clicked, read back from her numbers."""
    first = {name: USER.index(f"{name}_{CHANNELS[0]}") for name in ("sends", "click_rate")}
    logs, rates = (user[:, at : at + N_CHANNELS].astype(np.float64) for at in first.values())
    sends: NDArray[np.float64] = np.rint(np.expm1(8.0 * logs))
    clicks: NDArray[np.float64] = rates * (sends + _PRIOR_SENDS) - _PRIOR_SENDS * _CLICK_PRIOR
    return sends, np.maximum(clicks, 0.0)


def _candidate(pool: PoolFacts) -> NDArray[np.float32]:
    columns = [
        *(pool.quality, _log_age(pool.age_us), _log_age(pool.left_us)),
        *(np.log1p(np.maximum(pool.count - 1, 0)) / 4.0, pool.sent_day / 4.0, pool.sent_week / 14.0),
    ]
    numbers = np.stack(columns, axis=2, dtype=np.float64).astype(np.float32)
    return np.where(pool.present[:, :, None], numbers, np.float32(0.0))


def _candidate_ids(pool: PoolFacts, type_numbers: NDArray[np.int64]) -> NDArray[np.int16]:
    kind = type_numbers[np.where(pool.present, pool.type, 0)]
    ids = np.stack([kind, category_number(pool.category), pool.match, pool.recency], axis=2)
    return np.where(pool.present[:, :, None], ids, 0).astype(np.int16)


def category_number(category: Int[np.ndarray, "*d"]) -> Int[np.ndarray, "*d"]:
    """Returns the number of each category, 0 for none (-1).

    >>> category_number(np.array([-1, 0, 1022, 1023])).tolist()
    [0, 1, 1023, 1]
    """
    return np.where(category >= 0, 1 + category % (CATEGORIES - 1), 0)


def _log_age(age_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """About 1 at eight weeks, and no more than that."""
    hours = np.clip(age_us, 0, 8 * WEEK_US) / HOUR_US
    return np.asarray(np.log1p(hours) / _LOG_MONTHS)


def _sequences(
    state: State, now_us: NDArray[np.int64], type_numbers: NDArray[np.int64]
) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]:
    n = len(state)
    content = np.zeros((n, CONTENT, len(CONTENT_IDS)), dtype=np.int16)
    sends = np.zeros((n, SENDS, len(SEND_IDS)), dtype=np.int16)
    answers = np.zeros((n, ANSWERS, len(ANSWER_IDS)), dtype=np.int16)
    if n:
        _past_acts(
            state["e_len"], state["e_at"], state["e_kind"], state["e_channel"], state["e_category"], now_us,
            _AGE_EDGES_US, CATEGORIES - 1, content, answers,
        )  # fmt: skip
        _past_sends(
            state["s_len"], state["s_at"], state["s_type"], state["s_channel"], state["s_category"], now_us,
            type_numbers, _AGE_EDGES_US, CATEGORIES - 1, sends,
        )  # fmt: skip
    return content, sends, answers


@kernel
def _bin(age: int, edges: NDArray[np.int64]) -> int:
    """The bin of an age, from 1; one from the future counts as just now."""
    place = 1
    for edge in edges:
        if age >= edge:
            place += 1
    return place


@kernel
def _past_acts(
    e_len: NDArray[Any], e_at: NDArray[Any], e_kind: NDArray[Any], e_channel: NDArray[Any], e_category: NDArray[Any],
    now: NDArray[np.int64], edges: NDArray[np.int64], categories: int, content: NDArray[np.int16],
    answers: NDArray[np.int16],
) -> None:  # fmt: skip
    """Parts the ring of engagements, from its newest entry on, into what she read and what she did with messages."""
    for r in range(len(now)):
        reads, replies = 0, 0
        for j in range(e_len[r] - 1, -1, -1):
            category = 1 + e_category[r, j] % categories if e_category[r, j] >= 0 else 0
            age = _bin(now[r] - e_at[r, j], edges)
            if e_channel[r, j] >= 0:
                if replies < answers.shape[1]:
                    answers[r, replies, 0] = category
                    answers[r, replies, 1] = e_kind[r, j] + 1
                    answers[r, replies, 2] = e_channel[r, j] + 1
                    answers[r, replies, 3] = age
                    replies += 1
            elif category > 0 and reads < content.shape[1]:
                content[r, reads, 0] = category
                content[r, reads, 1] = e_kind[r, j] + 1
                content[r, reads, 2] = age
                reads += 1


@kernel
def _past_sends(
    s_len: NDArray[Any], s_at: NDArray[Any], s_type: NDArray[Any], s_channel: NDArray[Any], s_category: NDArray[Any],
    now: NDArray[np.int64], type_numbers: NDArray[np.int64], edges: NDArray[np.int64], categories: int,
    sends: NDArray[np.int16],
) -> None:  # fmt: skip
    for r in range(len(now)):
        for n in range(min(s_len[r], sends.shape[1])):
            j = s_len[r] - 1 - n
            sends[r, n, 0] = 1 + s_category[r, j] % categories if s_category[r, j] >= 0 else 0
            sends[r, n, 1] = type_numbers[s_type[r, j]]
            sends[r, n, 2] = s_channel[r, j] + 1
            sends[r, n, 3] = _bin(now[r] - s_at[r, j], edges)
