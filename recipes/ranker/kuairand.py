"""The one head that recorded behaviour has: KuaiRand's clicks, as rows of a ranker; the split is that of the responses.

A short video that was shown stands for a message: its tag for the category, the tab for the type, the long views before
it for what was read. Who follows how many and how active she is take the places of reach and segment, the hours are
those of Shanghai. All else that a ranker reads is not known, and neither is any other head. Nothing was sent at random,
so nothing is calibrated.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ranker.rivals import Task
from responses.data import load
from tactful.clock import DAY_US, HOUR_US
from tactful.events.records import CHANNELS, KINDS
from tactful.events.type_columns import TYPES
from tactful.features.content import match_bucket
from tactful.features.ranking import (
    ANSWER_IDS,
    ANSWERS,
    CANDIDATE,
    CANDIDATE_IDS,
    CONTENT,
    SEND_IDS,
    SENDS,
    USER,
    USER_IDS,
    RankInputs,
    category_number,
)
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.rows import RankRows
from tactful.training.ranking.split import Split
from tactful.training.sequences import Sequences

NAME: Final = "kuairand"
ROWS: Final = (100_000, 20_000, 40_000)
"""Drawn to learn from, to tune by, and to be judged on."""
_TAB, _DEGREE, _FOLLOWS = 0, 1, 3  # places in the context of `responses.kuairand`
_TAG: Final = 2
_NEVER_TOLD, _WEEK_OLD = 3, 9  # recency of what has no time; bin of age
_SHANGHAI_US: Final = 8 * HOUR_US
_THURSDAY: Final = 3  # 1970-01-01


def task(seed: int, data: Path, scratch: Path) -> Task:
    """Returns the parts; the seed draws the rows, those to be judged excepted."""
    found = load(NAME, data, scratch)
    parts = [
        _rows(part, most, draw)
        for part, most, draw in zip((found.train, found.validation, found.test), ROWS, (seed, seed, 0), strict=True)
    ]
    learn, tune, judged = parts
    days = [int(part.at_us.min()) // DAY_US for part in parts]
    split = Split(learn, learn, tune, judged, days[1], days[2], int(judged.at_us.max()) // DAY_US + 1)
    return Task(split, learn, np.ones(len(RANK_HEADS)), seed)


def _rows(part: Sequences, most: int, seed: int) -> RankRows:
    chosen = np.sort(np.random.default_rng(seed).permutation(len(part))[:most])
    samples = part.samples.take(chosen)
    assert samples.at_us is not None
    n, heads = len(chosen), len(RANK_HEADS)
    label, known = (np.zeros((n, heads), dtype=np.bool_) for _ in range(2))
    click = RANK_HEADS.index("click")
    label[:, click], known[:, click] = samples.label > 0.5, True
    return RankRows(
        inputs=_inputs(part, chosen, samples.context.astype(np.int64), samples.at_us),
        user=samples.user,
        at_us=samples.at_us,
        channel=np.full(n, CHANNELS.index("in_app"), dtype=np.int64),
        label=label,
        known=known,
        keep=np.ones((n, heads), dtype=np.float32),
        random=np.zeros(n, dtype=np.bool_),
    )


def _inputs(
    part: Sequences, chosen: NDArray[np.int64], context: NDArray[np.int64], at_us: NDArray[np.int64]
) -> RankInputs:
    batch, n = part.batch(chosen), len(chosen)
    seen = np.arange(batch.history.shape[1]) < batch.length.numpy()[:, None]
    tag, target = batch.history[:, :, _TAG].numpy(), batch.target[:, _TAG].numpy()
    category = np.where(seen, category_number(tag - 1), 0)
    content = np.zeros((n, CONTENT, 3), dtype=np.int16)
    view = KINDS.index("effective_view") + 1
    for place, column in enumerate((category, np.where(seen, view, 0), np.where(seen, _WEEK_OLD, 0))):
        content[:, :, place] = column[:, :CONTENT]
    match = match_bucket((seen & (tag == target[:, None]) & (tag > 0)).sum(axis=1))
    local = at_us + _SHANGHAI_US
    sizes = list(USER_IDS.values())
    person = (context[:, _DEGREE], local // HOUR_US % 24, (local // DAY_US + _THURSDAY) % 7, context[:, _FOLLOWS])
    ids = (1 + context[:, _TAB] % (TYPES - 1), category_number(target - 1), match, np.full(n, _NEVER_TOLD))
    return RankInputs(
        user=np.zeros((n, len(USER)), dtype=np.float32),
        user_ids=np.minimum(np.stack(person, axis=1), np.array(sizes) - 1).astype(np.int16),
        content=content,
        sends=np.zeros((n, SENDS, len(SEND_IDS)), dtype=np.int16),
        answers=np.zeros((n, ANSWERS, len(ANSWER_IDS)), dtype=np.int16),
        candidate=np.zeros((n, 1, len(CANDIDATE)), dtype=np.float32),
        candidate_ids=np.stack(ids, axis=1)[:, None, : len(CANDIDATE_IDS)].astype(np.int16),
        present=np.ones((n, 1), dtype=np.bool_),
    )
