"""One log of messages, whoever made it: cut by time, merged without counting twice, refused where it cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from rank_logs import START_US, rank_log, with_logged
from tactful.clock import DAY_US
from tactful.errors import FutureInHistory, InvalidRecord
from tactful.features.ranking import ANSWER_IDS, CANDIDATE_IDS, SEND_IDS
from tactful.training.ranking.log import RankLog, before, merged, since
from tactful.training.ranking.rows import rows

LOG = rank_log(60, 6)


def test_a_log_before_an_instant_knows_nothing_of_what_came_after() -> None:
    cut = START_US + 3 * DAY_US
    early = before(LOG, cut)
    assert len(early) == 60 * 3
    assert early.sends.at_us.max() < cut
    assert early.touches.at_us.max() < cut
    learned = rows(early)
    open_windows = early.sends.at_us + DAY_US > cut
    assert open_windows.any()
    assert not learned.known[open_windows, 1].any()
    assert not learned.known[:, 5].any() | (early.sends.at_us + 3 * DAY_US <= cut).any()


def test_messages_since_an_instant_keep_all_engagements() -> None:
    late = since(LOG, START_US + 3 * DAY_US)
    assert len(late) == 60 * 3
    assert len(late.touches.user) == len(LOG.touches.user)


def test_a_message_in_two_logs_counts_once_with_its_larger_chance() -> None:
    tenth, half = with_logged(LOG, 0.1, seed=1), with_logged(LOG, 0.1, seed=1)
    half = replace(half, logged=np.where(half.random, 1.0, 0.5))
    both = merged([tenth, half])
    assert len(both) == len(tenth)
    assert np.array_equal(both.sends.decision, tenth.sends.decision)
    assert both.logged.min() == 0.5
    assert np.array_equal(rows(both).label, rows(tenth).label)


def test_logs_of_different_people_are_one_in_the_order_of_the_join() -> None:
    other = rank_log(20, 6, seed=5)
    moved = replace(other.sends, user=other.sends.user - 20, decision=other.sends.decision + np.uint64(9_000))
    touches = replace(other.touches, user=other.touches.user - 20)
    both = merged([LOG, replace(other, sends=moved, touches=touches)])
    assert len(both) == len(LOG) + len(other)
    assert both.sends.user[0] == -20
    assert rows(both).label.sum() > rows(LOG).label.sum()


def test_logs_of_different_ends_are_refused() -> None:
    with pytest.raises(InvalidRecord, match="expected one end"):
        merged([LOG, replace(LOG, until_us=LOG.until_us + 1)])


def test_a_chance_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="outside"):
        replace(LOG, logged=np.zeros(len(LOG)))


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(InvalidRecord, match="expected one of each"):
        replace(LOG, random=LOG.random[:-1], logged=LOG.logged[:-1])


def _with_answer(log: RankLog, row: int, age: int) -> RankLog:
    answers = log.inputs.answers.copy()
    answers[row, 0, list(ANSWER_IDS).index("age")] = age
    return replace(log, inputs=replace(log.inputs, answers=answers))


@pytest.mark.parametrize("age", [1, 2, 5])
def test_one_answer_from_after_its_message_is_found_and_refused(age: int) -> None:
    quiet = replace(LOG.touches, at_us=np.where(LOG.touches.user == 7, 0, LOG.touches.at_us))
    planted = _with_answer(replace(LOG, touches=quiet), 7 * 6 + 2, age)
    with pytest.raises(FutureInHistory, match=rf"1 of 360 sends \(first: row {7 * 6 + 2}\)"):
        rows(planted)


def test_an_answer_that_the_log_has_from_before_is_no_leak() -> None:
    row = 7 * 6 + 2
    touches = LOG.touches
    at = np.append(touches.at_us, LOG.sends.at_us[row] - 60_000_000)
    one = {"user": 7, "kind": touches.kind[0], "channel": 1, "decision": 0}
    more = {name: np.append(getattr(touches, name), value).astype(touches.user.dtype) for name, value in one.items()}
    more["decision"] = more["decision"].astype(np.uint64)
    assert len(rows(_with_answer(replace(LOG, touches=replace(touches, at_us=at, **more)), row, 1))) == 360


def test_snapshots_taken_after_the_message_are_refused() -> None:
    sends = LOG.inputs.sends.copy()
    for name in ("type", "category"):
        column = LOG.inputs.candidate_ids[:, 0, list(CANDIDATE_IDS).index(name)]
        sends[:, 0, list(SEND_IDS).index(name)] = column
    sends[:, 0, list(SEND_IDS).index("channel")] = LOG.sends.channel + 1
    sends[:, 0, list(SEND_IDS).index("age")] = 1
    with pytest.raises(FutureInHistory, match="in their own past"):
        rows(replace(LOG, inputs=replace(LOG.inputs, sends=sends)))
