"""Refuses inputs that know what happened after their message was decided: what they would teach cannot be had online.

A snapshot is taken before the decision. One that was taken later, or made up from a later state, holds answers that
the log has at later instants only, or the message itself.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.clock import HOUR_US
from tactful.errors import FutureInHistory
from tactful.features.ranking import AGE_EDGES_HOURS, ANSWER_IDS, CANDIDATE_IDS, SEND_IDS
from tactful.training.ranking.labels import count_until, in_order
from tactful.training.ranking.log import RankLog

_BINS: Final = 5
"""Ages looked at: under 1, 3, 6, 12 and 24 hours."""
_MOST: Final = 0.5
"""Share of messages that may look like the newest one sent before them."""


def refuse_later_knowledge(log: RankLog) -> None:
    """Passes if no message's inputs hold more recent answers than the log has from before it.

    The engine's ring holds a person's answers up to the instant of the decision, each once; the log has them all. So of
    answers that inputs call younger than a day there are never more than the log has in that day. Only instants are
    compared of which the log has the whole span.

    Raises:
        FutureInHistory: with the number of such messages; or if most messages stand in their own past.
    """
    if not len(log):
        return
    late = np.flatnonzero(_too_many_answers(log))
    if len(late):
        raise FutureInHistory(
            f"got {len(late)} of {len(log)} sends (first: row {late[0]}) whose inputs hold more recent answers than "
            "the log has from before the send; take the snapshot before the decision, and give every engagement"
        )
    own = float(_in_own_past(log).mean())
    if own > _MOST:
        raise FutureInHistory(
            f"got {own:.0%} of the sends in their own past, expected few that repeat the one before within an hour; "
            "take the snapshot before the message is sent"
        )


def _too_many_answers(log: RankLog) -> NDArray[np.bool_]:
    answers = np.flatnonzero(log.touches.channel >= 0)
    user, at = in_order(log.touches.user[answers], log.touches.at_us[answers])
    began = int(log.touches.at_us.min(initial=log.until_us))
    age = log.inputs.answers[:, :, list(ANSWER_IDS).index("age")]
    until = count_until(user, at, log.sends.user, log.sends.at_us)
    wrong = np.zeros(len(log), dtype=np.bool_)
    for place, hours in enumerate(AGE_EDGES_HOURS[:_BINS], 1):
        from_us = log.sends.at_us - hours * HOUR_US
        held = ((age > 0) & (age <= place)).sum(axis=1)
        known = until - count_until(user, at, log.sends.user, from_us)
        wrong |= (held > known) & (from_us >= began)
    return wrong


def _in_own_past(log: RankLog) -> NDArray[np.bool_]:
    """Which messages look like the newest one that their own inputs have, sent less than an hour before."""
    newest, candidate = log.inputs.sends[:, 0], log.inputs.candidate_ids[:, 0]
    same = [
        newest[:, list(SEND_IDS).index(name)] == candidate[:, list(CANDIDATE_IDS).index(name)]
        for name in ("type", "category")
    ]
    just_now = newest[:, list(SEND_IDS).index("age")] == 1
    channel = newest[:, list(SEND_IDS).index("channel")] == log.sends.channel + 1
    return np.asarray(same[0] & same[1] & channel & just_now)
