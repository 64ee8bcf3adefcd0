"""What became of a message, by head: in time, on its channel, and only once it is known."""

import numpy as np

from tactful.clock import DAY_US, HOUR_US
from tactful.events.records import KINDS
from tactful.features.join import Sends, Touches, kinds_mask
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.labels import labels, windows_us

AT = 100 * DAY_US


def _sends(*at_us: int) -> Sends:
    n = len(at_us)
    whole = np.full(n, 1, dtype=np.int64)
    mask = np.full(n, kinds_mask(["click"]), dtype=np.int64)
    return Sends(whole, np.array(at_us), whole * 2 * DAY_US, mask, whole * 0, np.arange(1, n + 1, dtype=np.uint64))


def _touches(*acts: tuple[str, int, int, int]) -> Touches:
    """Kind, instant, channel, decision."""
    kind, at, channel, decision = zip(*acts, strict=True)
    whole = [np.array(column, dtype=np.int64) for column in (at, [KINDS.index(k) for k in kind], channel)]
    return Touches(np.full(len(at), 1), *whole, np.array(decision, dtype=np.uint64))


def _heads(sends: Sends, *acts: tuple[str, int, int, int]) -> list[set[str]]:
    came = labels(sends, _touches(*acts))
    return [{head for head, yes in zip(RANK_HEADS, row, strict=True) if yes} for row in came]


def test_who_clicks_has_opened() -> None:
    assert _heads(_sends(AT), ("click", AT + HOUR_US, 0, 1)) == [{"open", "click"}]


def test_an_open_without_an_id_goes_to_the_last_message_on_its_channel() -> None:
    assert _heads(_sends(AT, AT + DAY_US), ("open", AT + DAY_US + 1, 0, 0)) == [set(), {"open"}]
    assert _heads(_sends(AT), ("open", AT + 1, 1, 0)) == [set()]


def test_an_answer_after_its_window_is_none() -> None:
    assert _heads(_sends(AT), ("click", AT + 2 * DAY_US, 0, 1)) == [set()]


def test_every_way_of_leaving_is_leaving() -> None:
    for kind in ("unsubscribe", "disable", "uninstall", "complaint"):
        assert _heads(_sends(AT), (kind, AT + 1, -1, 0)) == [{"unsubscribe"}]
    assert _heads(_sends(AT), ("unsubscribe", AT + 1, 1, 0)) == [set()]


def test_a_session_counts_for_every_window_that_it_falls_into() -> None:
    sends = _sends(AT)
    assert _heads(sends, ("session", AT + HOUR_US - 1, -1, 0)) == [{"session_1h", "session_1d", "session_3d"}]
    assert _heads(sends, ("session", AT + HOUR_US, -1, 0)) == [{"session_1d", "session_3d"}]
    assert _heads(sends, ("session", AT + DAY_US, -1, 0)) == [{"session_3d"}]
    assert _heads(sends, ("session", AT + 3 * DAY_US, -1, 0)) == [set()]


def test_a_session_that_the_decision_knew_is_no_answer() -> None:
    assert _heads(_sends(AT), ("session", AT, -1, 0), ("session", AT - 5, -1, 0)) == [set()]


def test_two_messages_have_the_same_session() -> None:
    assert _heads(_sends(AT, AT + 10), ("session", AT + 20, -1, 0))[0] == {"session_1h", "session_1d", "session_3d"}


def test_answers_have_the_window_of_their_type_and_sessions_their_own() -> None:
    assert windows_us(_sends(AT))[0].tolist() == [2 * DAY_US] * 3 + [HOUR_US, DAY_US, 3 * DAY_US]
