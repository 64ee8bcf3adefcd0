"""The simple predictors fitted to the same messages: what a trained ranker must beat.

Clicks and leaving are those that an engine scores with without a ranker. It asks for no other heads; here these have
the rate of (type, channel).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.events.records import CHANNELS
from tactful.events.type_columns import TYPES
from tactful.features.ranking import CANDIDATE_IDS, USER, sends_and_clicks
from tactful.models.click_rate import ClickRate
from tactful.models.protocol import RANK_HEADS
from tactful.models.shrinkage import prior_strength, shrunk
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.training.ranking.calibrate import own
from tactful.training.ranking.rows import RankRows

_CLICK, _LEAVE = RANK_HEADS.index("click"), RANK_HEADS.index("unsubscribe")
_WEEK = USER.index(f"sent_7d_{CHANNELS[0]}")
_CELL_WEIGHT = 200.0


@dataclass(frozen=True, eq=False)
class Simple:
    """Click and unsubscribe rates, and rates by (type, channel) of every head."""

    click: ClickRate
    unsubscribe: UnsubscribeRate
    rates: Float64[np.ndarray, "types h heads"]

    def chances(self, rows: RankRows) -> Float64[np.ndarray, "n heads"]:
        """Returns what they say of each message on its own channel."""
        kind, match, recency = (_ids(rows, name) for name in ("type", "match", "recency"))
        p: NDArray[np.float64] = self.rates[kind, rows.channel].copy()
        clicked = self.click.click(kind[:, None], match[:, None], recency[:, None], *sends_and_clicks(rows.inputs.user))
        p[:, _CLICK] = own(clicked[:, 0], rows.channel)
        p[:, _LEAVE] = own(self.unsubscribe.unsubscribe(_sent_week(rows)), rows.channel)
        return p


def fit_simple(rows: RankRows) -> Simple:
    """Returns the simple predictors fitted to rows of which none was left out by down-sampling."""
    kind, match, recency = (_ids(rows, name) for name in ("type", "match", "recency"))
    _, person = np.unique(rows.user, return_inverse=True)
    clicked, left = np.flatnonzero(rows.known[:, _CLICK]), np.flatnonzero(rows.known[:, _LEAVE])
    label, week = rows.label.astype(np.int64), own(_sent_week(rows), rows.channel)
    return Simple(
        click=ClickRate.fit(
            person[clicked], kind[clicked], match[clicked], recency[clicked], rows.channel[clicked],
            label[clicked, _CLICK], TYPES,
        ),
        unsubscribe=UnsubscribeRate.fit(week[left], rows.channel[left], label[left, _LEAVE]),
        rates=np.stack([_rates(rows, kind, head) for head in range(len(RANK_HEADS))], axis=2),
    )  # fmt: skip


def _rates(rows: RankRows, kind: NDArray[np.int64], head: int) -> Float64[np.ndarray, "types h"]:
    """Rates of a head by (type, channel), shrunk to the channel's, and that to the overall one."""
    shape, known = (TYPES, len(CHANNELS)), rows.known[:, head]
    cell = np.ravel_multi_index((kind[known], rows.channel[known]), shape)
    trials = np.bincount(cell, minlength=TYPES * len(CHANNELS)).reshape(shape).astype(np.float64)
    hits = np.bincount(cell, rows.label[known, head], minlength=trials.size).reshape(shape)
    overall = np.full(len(CHANNELS), (hits.sum() + 1.0) / (trials.sum() + 20.0))
    of_channel = shrunk(hits.sum(axis=0), trials.sum(axis=0), overall, _CELL_WEIGHT)
    mean = np.broadcast_to(of_channel, shape).copy()
    weight = prior_strength(hits.ravel(), trials.ravel(), mean.ravel(), default=_CELL_WEIGHT)
    return shrunk(hits, trials, mean, weight)


def _ids(rows: RankRows, name: str) -> NDArray[np.int64]:
    return rows.inputs.candidate_ids[:, 0, list(CANDIDATE_IDS).index(name)].astype(np.int64)


def _sent_week(rows: RankRows) -> NDArray[np.int64]:
    """Messages of seven days by channel, read back from the inputs."""
    return np.rint(7.0 * rows.inputs.user[:, _WEEK : _WEEK + len(CHANNELS)]).astype(np.int64)
