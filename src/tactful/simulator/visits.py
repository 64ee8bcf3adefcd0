"""What is seen of a tick: sessions with the content viewed in them, and answers to messages."""

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int64, UInt64

from tactful.clock import HOUR_US, MINUTE_US, SECOND_US
from tactful.events.records import KINDS
from tactful.simulator.activity import CLICKED, State
from tactful.simulator.answers import EMAIL, Answers
from tactful.simulator.columns import joined, pick
from tactful.simulator.constants import (
    ITEMS_PER_CATEGORY,
    LONGEST_VIEW_SECONDS,
    MOST_VIEWS,
    N_FAVOURITES,
    SHARE_FAVOURITE,
    SHARE_RECENT,
)
from tactful.simulator.content import popular_category
from tactful.simulator.luck import uniforms
from tactful.simulator.protocol import EngagementColumns

SESSION, VIEW, OPEN, CLICK = (KINDS.index(k) for k in ("session", "view", "open", "click"))
UNSUBSCRIBE, DISABLE = KINDS.index("unsubscribe"), KINDS.index("disable")


def answer_rows(due: Answers, hour: int) -> list[EngagementColumns]:
    """Returns the answers as engagements: opens (of e-mail; a push shows only its click), clicks, leaves."""
    leaves = np.where(due.channel == EMAIL, UNSUBSCRIBE, DISABLE)
    seen = (
        (due.opened & (due.channel == EMAIL), np.full(len(due.user), OPEN), 0),
        (due.clicked, np.full(len(due.user), CLICK), 5 * SECOND_US),
        (due.left, leaves, 10 * SECOND_US),
    )
    return [
        _rows(
            due.user[here],
            kind[here],
            _within_hour(due.at_us[here] + later, hour),
            channel=due.channel[here],
            category=due.category[here],
            item=due.candidate[here],
            decision=due.decision[here],
        )
        for here, kind, later in seen
    ]


def session_rows(
    sessions: Int8[np.ndarray, " n"],
    due: Answers,
    state: State,
    favourites: Int8[np.ndarray, "n 3"],
    user_key: UInt64[np.ndarray, " n"],
    seed: int,
    hour: int,
) -> list[EngagementColumns]:
    """Returns sessions and views of the hour, and makes the last category viewed the recent interest.

    A session after a click begins with the message's own content and carries its decision.
    """
    who = np.flatnonzero(sessions)
    first_click = np.full(len(sessions), -1)
    clicks = np.flatnonzero(due.clicked)[::-1]
    first_click[due.user[clicks]] = clicks
    after_click = sessions[who] == CLICKED
    cause = first_click[who[after_click]]
    keys = user_key[who]
    starts = hour * HOUR_US + (uniforms(seed, keys, hour, "visit time") * 0.9 * HOUR_US).astype(np.int64)
    starts[after_click] = _within_hour(due.at_us[cause] + 6 * SECOND_US, hour)
    decision = np.full(len(who), -1, dtype=np.int64)
    decision[after_click] = due.decision[cause]
    item_led, category_led = np.full(len(who), -1), np.full(len(who), -1)
    item_led[after_click], category_led[after_click] = due.candidate[cause], due.category[cause]
    _follow(state, who[category_led >= 0], category_led[category_led >= 0])

    n_views = 1 + (uniforms(seed, keys, hour, "views") * MOST_VIEWS).astype(np.int64)
    of, ends = np.repeat(np.arange(len(who)), n_views), np.cumsum(n_views)
    place = np.arange(len(of)) - (ends - n_views)[of]
    category, item, seconds = _content(who[of], keys[of], state, favourites, seed, hour * 8 + place)
    led = (place == 0) & (category_led[of] >= 0)
    category, item = np.where(led, category_led[of], category), np.where(led, item_led[of], item)
    _follow(state, who, category[ends - 1])
    at = _within_hour(starts[of] + SECOND_US + place * MINUTE_US, hour)
    views = np.full(len(of), VIEW)
    return [
        _rows(who, np.full(len(who), SESSION), starts, decision=decision),
        _rows(who[of], views, at, category=category, item=item, decision=decision[of], value=seconds),
    ]


def _follow(state: State, who: Int64[np.ndarray, " m"], category: Int64[np.ndarray, " m"]) -> None:
    state.recent[who] = 1.0
    state.recent_category[who] = category.astype(np.int8)


def _within_hour(at_us: Int64[np.ndarray, " m"], hour: int) -> Int64[np.ndarray, " m"]:
    return at_us.clip(max=(hour + 1) * HOUR_US - 1)


def _content(
    who: Int64[np.ndarray, " m"],
    keys: UInt64[np.ndarray, " m"],
    state: State,
    favourites: Int8[np.ndarray, "n 3"],
    seed: int,
    time: Int64[np.ndarray, " m"],
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], Float32[np.ndarray, " m"]]:
    """Category, item and seconds of views: a favourite, what was viewed last, or what is popular."""
    source, pick, which, seconds = (
        uniforms(seed, keys, time, f"view {what}") for what in ("source", "pick", "item", "time")
    )
    liked = favourites[who, (pick * N_FAVOURITES).astype(np.int64)]
    recently = state.recent_category[who]
    follows = (source < SHARE_FAVOURITE + SHARE_RECENT * state.recent[who]) & (recently >= 0)
    category = np.where(follows, recently, popular_category(pick))
    category = np.where(source < SHARE_FAVOURITE, liked, category).astype(np.int64)
    item = category * ITEMS_PER_CATEGORY + _popular_item(which)
    return category, item, (LONGEST_VIEW_SECONDS * seconds).astype(np.float32)


def _popular_item(luck: Float64[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
    """Items of a category in falling popularity: the first tenth gets about a third of the views."""
    return (luck**2 * ITEMS_PER_CATEGORY).astype(np.int64)


def _rows(
    user: Int64[np.ndarray, " m"],
    kind: Int64[np.ndarray, " m"],
    at_us: Int64[np.ndarray, " m"],
    channel: Int8[np.ndarray, " m"] | None = None,
    category: Int64[np.ndarray, " m"] | None = None,
    item: Int64[np.ndarray, " m"] | None = None,
    decision: Int64[np.ndarray, " m"] | None = None,
    value: Float32[np.ndarray, " m"] | None = None,
) -> EngagementColumns:
    m = len(user)
    return EngagementColumns(
        user=user,
        kind=kind.astype(np.int8),
        at_us=at_us,
        channel=np.full(m, -1, np.int8) if channel is None else channel,
        category=np.full(m, -1, np.int32) if category is None else category.astype(np.int32),
        item=np.full(m, -1, np.int64) if item is None else item,
        decision=np.full(m, -1, np.int64) if decision is None else decision,
        value=np.zeros(m, np.float32) if value is None else value,
    )


def in_order(parts: list[EngagementColumns]) -> EngagementColumns:
    """Returns all rows as one, ordered by (at_us, user, kind)."""
    rows = joined(parts)
    return pick(rows, np.lexsort((rows.kind, rows.user, rows.at_us)))
