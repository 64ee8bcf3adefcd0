"""Small logs to learn ranking from, whose truth is known: clicks by quality and match, leaving by recent messages."""

from dataclasses import replace

import numpy as np

from tactful.clock import DAY_US, HOUR_US
from tactful.events.records import CHANNELS, KINDS
from tactful.features.join import Sends, Touches, kinds_mask
from tactful.features.ranking import (
    ANSWER_IDS,
    ANSWERS,
    CANDIDATE,
    CANDIDATE_IDS,
    CONTENT,
    CONTENT_IDS,
    SEND_IDS,
    SENDS,
    USER,
    USER_IDS,
    RankInputs,
)
from tactful.training.ranking.log import RankLog

EMAIL, PUSH = CHANNELS.index("email"), CHANNELS.index("push")
START_US = 20_000 * DAY_US


def rank_log(n_users: int = 300, days: int = 10, seed: int = 0, random_share: float = 0.3) -> RankLog:
    """Returns a log of one message a person and day, by e-mail or push; the log ends a week after the last."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users, dtype=np.int64), days)
    day = np.tile(np.arange(days, dtype=np.int64), n_users)
    n = len(user)
    at = START_US + day * DAY_US + rng.integers(8, 20, n) * HOUR_US + rng.integers(0, HOUR_US, n)
    inputs = _inputs(n, rng)
    channel = np.where(rng.random(n) < 0.5, EMAIL, PUSH).astype(np.int64)
    decision = np.arange(1, n + 1, dtype=np.uint64)
    match = inputs.candidate_ids[:, 0, list(CANDIDATE_IDS).index("match")]
    quality = inputs.candidate[:, 0, CANDIDATE.index("quality")]
    p_click = true_click(match, quality, channel)
    luck = rng.random((4, n))
    opened, clicked = luck[0] < np.minimum(2.0 * p_click, 0.95), luck[0] < p_click
    left, came = luck[1] < 0.02, luck[2] < 0.4
    kind = [KINDS.index(name) for name in ("open", "click", "unsubscribe", "session")]
    parts = [np.flatnonzero(which) for which in (opened, clicked, left, came)]
    rows = np.concatenate(parts)
    of_kind = np.repeat(kind, [len(part) for part in parts])
    own = of_kind == kind[3]
    delay = np.where(own, (luck[3, rows] * 30 * HOUR_US), luck[3, rows] * 5 * HOUR_US).astype(np.int64) + 1
    return RankLog(
        inputs=inputs,
        sends=Sends(user, at, np.full(n, DAY_US), np.full(n, kinds_mask(["open", "click"])), channel, decision),
        random=rng.random(n) < random_share,
        logged=np.ones(n),
        touches=Touches(
            user[rows], at[rows] + delay, of_kind, np.where(own, -1, channel[rows]), np.where(own, 0, decision[rows])
        ),
        until_us=START_US + (days + 7) * DAY_US,
    )


def true_click(match: np.ndarray, quality: np.ndarray, channel: np.ndarray) -> np.ndarray:
    """Returns the chance of a click."""
    p: np.ndarray = 0.03 + 0.06 * match + 0.3 * quality * (channel == PUSH)
    return p


def with_logged(log: RankLog, share: float, seed: int = 1) -> RankLog:
    """Returns the log of which only a share of the production rows was kept, drawn as if by decision."""
    rng = np.random.default_rng(seed)
    kept = np.flatnonzero(log.random | (rng.random(len(log)) < share))
    logged = np.where(log.random, 1.0, share)
    some = {name: column[kept] for name, column in vars(log.sends).items()}
    inputs = RankInputs(**{name: column[kept] for name, column in vars(log.inputs).items()})
    return replace(log, inputs=inputs, sends=Sends(**some), random=log.random[kept], logged=logged[kept])


def _inputs(n: int, rng: np.random.Generator) -> RankInputs:
    def ids(columns: dict[str, int], *shape: int) -> np.ndarray:
        drawn = [rng.integers(0, most, (n, *shape)) for most in columns.values()]
        return np.stack(drawn, axis=-1).astype(np.int16)

    answers = ids(ANSWER_IDS, ANSWERS)
    answers[:, :, list(ANSWER_IDS).index("age")] = 9  # of the week before, so that no answer is from after the message
    return RankInputs(
        user=rng.random((n, len(USER)), dtype=np.float32),
        user_ids=ids(USER_IDS),
        content=ids(CONTENT_IDS, CONTENT),
        sends=ids(SEND_IDS, SENDS),
        answers=answers,
        candidate=rng.random((n, 1, len(CANDIDATE)), dtype=np.float32),
        candidate_ids=ids(CANDIDATE_IDS, 1),
        present=np.ones((n, 1), dtype=np.bool_),
    )
