"""The join: who gets an engagement, against a plain reading of the rule, over any chunking."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.clock import HOUR_US
from tactful.draws import key
from tactful.errors import UnsortedRows
from tactful.events.records import KINDS
from tactful.features.join import LEAVING_KINDS, Sends, Touches, attribute, closed, kinds_mask, outcomes

CLICK, SESSION, LEAVE, RECEIPT = (KINDS.index(k) for k in ("click", "session", "unsubscribe", "receipt"))
EMAIL, PUSH, UNKNOWN = 0, 1, -1
Send = tuple[int, int, int, int, int]
Touch = tuple[int, int, int, int, int]


def _sends(*rows: Send) -> Sends:
    """Rows of (user, hour, window in hours, channel, decision); a click counts."""
    user, at, window, channel, decision = (np.array(c, dtype=np.int64) for c in _columns(rows))
    kinds = np.full(len(rows), kinds_mask(["click"]), dtype=np.int64)
    return Sends(user, at * HOUR_US, window * HOUR_US, kinds, channel, decision.astype(np.uint64))


def _touches(*rows: Touch) -> Touches:
    """Rows of (user, hour, kind, channel, decision)."""
    user, at, kind, channel, decision = (np.array(c, dtype=np.int64) for c in _columns(rows))
    return Touches(user, at * HOUR_US, kind, channel, decision.astype(np.uint64))


def _columns(rows: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
    return [tuple(row[i] for row in rows) for i in range(5)]


def _row(sends: Sends, *touches: Touch) -> list[int]:
    return attribute(sends, _touches(*touches)).tolist()


TWO = _sends((7, 0, 24, EMAIL, 101), (7, 10, 24, PUSH, 102), (8, 5, 24, EMAIL, 103))


def test_explicit_decision_wins_over_a_later_send() -> None:
    assert _row(TWO, (7, 12, CLICK, UNKNOWN, 101)) == [0]


def test_without_a_decision_the_last_touch_of_the_user_gets_it() -> None:
    assert _row(TWO, (7, 12, CLICK, UNKNOWN, 0), (7, 9, CLICK, UNKNOWN, 0), (8, 12, CLICK, UNKNOWN, 0)) == [
        1,
        0,
        2,
    ]


def test_a_known_channel_reaches_past_a_later_send_on_another() -> None:
    assert _row(TWO, (7, 12, CLICK, EMAIL, 0)) == [0]


def test_an_engagement_of_another_user_or_before_the_send_belongs_to_none() -> None:
    assert _row(TWO, (9, 12, CLICK, UNKNOWN, 0), (8, 4, CLICK, UNKNOWN, 0), (8, 12, CLICK, EMAIL, 101)) == [
        -1,
        -1,
        -1,
    ]


def test_an_unknown_decision_is_never_inherited_by_another_send() -> None:
    assert _row(TWO, (7, 12, CLICK, EMAIL, 999)) == [-1]


def test_window_includes_its_start_and_excludes_its_end_as_the_closing_does() -> None:
    one = _sends((7, 0, 24, EMAIL, 101))
    for decision in (0, 101):
        assert _row(one, (7, 0, CLICK, EMAIL, decision), (7, 24, CLICK, EMAIL, decision)) == [0, -1]
    assert closed(one.at_us, one.window_us, 24 * HOUR_US - 1).tolist() == [False]
    assert closed(one.at_us, one.window_us, 24 * HOUR_US).tolist() == [True]


def test_an_expired_later_send_gives_way_to_an_earlier_one_with_a_longer_window() -> None:
    assert _row(_sends((7, 0, 48, EMAIL, 101), (7, 10, 1, EMAIL, 102)), (7, 20, CLICK, EMAIL, 0)) == [0]


def test_a_kind_that_does_not_count_for_the_type_needs_the_decision_id() -> None:
    assert _row(TWO, (7, 12, SESSION, UNKNOWN, 0), (7, 12, SESSION, UNKNOWN, 102)) == [-1, 1]


def test_outcomes_tell_engaged_from_left() -> None:
    touches = _touches((7, 1, CLICK, EMAIL, 0), (7, 12, LEAVE, PUSH, 0), (8, 6, RECEIPT, EMAIL, 103))
    result = outcomes(TWO, touches, attribute(TWO, touches))
    assert result.engaged.tolist() == [True, False, False]
    assert result.left.tolist() == [False, True, False]


def test_unsorted_sends_are_refused() -> None:
    with pytest.raises(UnsortedRows, match="row 1"):
        attribute(_sends((8, 0, 24, EMAIL, 1), (7, 0, 24, EMAIL, 2)), _touches())


def test_no_sends_and_no_engagements_are_fine() -> None:
    none = Sends(*(np.zeros(0, dtype=np.int64) for _ in range(5)), np.zeros(0, dtype=np.uint64))
    assert _row(none, (7, 0, CLICK, EMAIL, 0)) == [-1]
    empty = Touches(*(np.zeros(0, dtype=np.int64) for _ in range(4)), np.zeros(0, dtype=np.uint64))
    assert attribute(TWO, empty).tolist() == []


def test_mask_has_every_kind_once() -> None:
    assert kinds_mask(KINDS) == 2 ** len(KINDS) - 1
    assert kinds_mask(["click", "click"]) == kinds_mask(["click"])


def _by_the_rule(sends: list[Send], touch: Touch) -> int:
    """The rule read out: the decision of the send that gets the engagement, 0 for none."""
    user, at, kind, channel, decision = touch
    leaving = [KINDS.index(k) for k in LEAVING_KINDS]
    open_ones = [s for s in sends if s[0] == user and s[1] <= at < s[1] + s[2]]
    if decision:
        fits = [s for s in open_ones if s[4] == decision]
    else:
        fits = [s for s in open_ones if channel in (UNKNOWN, s[3]) and kind in (CLICK, *leaving)]
    return max(fits, key=lambda s: (s[1], s[4]))[4] if fits else 0


_send = st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(1, 20), st.integers(0, 1))
_touch = st.tuples(
    st.integers(0, 2),
    st.integers(0, 40),
    st.sampled_from([CLICK, SESSION, LEAVE]),
    st.integers(-1, 1),
    st.integers(0, 8),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_send, max_size=8), st.lists(_touch, max_size=12), st.lists(st.integers(0, 45), max_size=4))
def test_any_chunking_of_the_stream_equals_the_rule_read_out(
    raw: list[tuple[int, int, int, int]], touches: list[Touch], cuts: list[int]
) -> None:
    sends = sorted((*row, 1 + i) for i, row in enumerate(raw))
    sends.sort(key=lambda s: (s[0], s[1], s[4]))
    expected = {i: _by_the_rule(sends, touch) for i, touch in enumerate(touches)}
    edges = [0, *sorted(cuts), 50]
    found: dict[int, int] = {}
    for begin, end in itertools.pairwise(edges):
        # What a stream knows: sends made by now whose window had not closed when the chunk began.
        known = [s for s in sends if s[1] < end and s[1] + s[2] > begin]
        chunk = [i for i, touch in enumerate(touches) if begin <= touch[1] < end]
        rows = _row(_sends(*known), *(touches[i] for i in chunk))
        found |= {i: known[r][4] if r >= 0 else 0 for i, r in zip(chunk, rows, strict=True)}
    assert found == expected


def test_decision_keys_of_ids_join() -> None:
    decision = np.array([key("decision-1")], dtype=np.uint64)
    zero = np.zeros(1, dtype=np.int64)
    sends = Sends(zero, zero, zero + HOUR_US, zero, zero, decision)
    assert attribute(sends, Touches(zero, zero, zero, zero, decision)).tolist() == [0]
