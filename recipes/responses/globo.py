"""Globo.com (G1): which article a reader opens next, with the time of every click.

Clicks of 9-12 October 2017 teach, those of the 13th validate, those of 14-16 test (local days); a history may reach
back to the 1st. A target is an article that the reader had not opened before. The true categories are not at hand:
article ids are sorted by category, so id // 790 stands in for it. The article itself is no field: 95 % of those that
were read on the test days were never met in training.

Negatives follow the protocol of the toys, with one deviation: they are drawn by the clicks of the *target's day*, not
of the training days. News is new: most articles of 14-16 October were never read before, so negatives drawn by training
popularity would be old, and "never seen" alone would tell the label (AUC in `docs/log.md`). Now popularity and age of
positives and negatives are alike.
"""

from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from responses.data import Ints, ResponseData, assemble, first_of_user, paired
from responses.negatives import SMOOTHING, Floats, Positives, digest, negatives
from tactful.clock import SECOND_US
from tactful.features.context import Zones
from tactful.training.histories import Behaviours

FIELDS: Final = ("category",)
CATEGORY: Final = FIELDS.index("category")
IDS_A_CATEGORY: Final = 790
ZONE: Final = "America/Sao_Paulo"
SEED: Final = 0
TRAIN, VALIDATION, TEST = ((date(2017, 10, day) - date(1970, 1, 1)).days for day in (9, 13, 14))
LAST: Final = TEST + 2


def load(folder: Path, scratch: Path) -> ResponseData:
    """Returns the data set."""
    table = pq.read_table(folder / "globo_clicks" / "globo_12k_users.parquet", columns=["user_id", "ts", "article"])
    clicks = table.sort_by([("user_id", "ascending"), ("ts", "ascending"), ("article", "ascending")])
    user, ts, article = (clicks[name].to_numpy().astype(np.int64) for name in ("user_id", "ts", "article"))
    at_us = ts * SECOND_US
    day = Zones.of((ZONE,)).local_day(np.zeros(len(at_us), dtype=np.int64), at_us)
    articles, place = np.unique(article, return_inverse=True)
    item = place + 1
    items = np.concatenate([[0], articles // IDS_A_CATEGORY])[:, None]
    start = first_of_user(user)
    target = np.flatnonzero((day >= TRAIN) & (day <= LAST) & (np.arange(len(user)) > start) & _first(user, item))
    positives = Positives(user[target], day[target] - TRAIN, _read_on(day, item, len(items)), user, item)
    negative = negatives(scratch / "negatives-globo.npz", positives, SEED)
    part = np.select([day[target] < VALIDATION, day[target] < TEST], [0, 1], default=2)
    parts = [paired(user, start, item, target[part == p], negative[part == p], at_us) for p in range(3)]
    return assemble(
        "globo",
        FIELDS,
        (),
        CATEGORY,
        items,
        Behaviours(item.astype(np.int32), at_us),
        (parts[0], parts[1], parts[2]),
        digest(user, item, at_us, negative),
        zone=ZONE,
    )


def _first(user: Ints, item: Ints) -> NDArray[np.bool_]:
    """Which clicks open an article for the first time; clicks of a user are in the order of time."""
    first = np.zeros(len(user), dtype=np.bool_)
    first[np.unique(user * (int(item.max()) + 1) + item, return_index=True)[1]] = True
    return first


def _read_on(day: Ints, item: Ints, n_items: int) -> Floats:
    """Weights by day: the clicks of each article that was read on it, smoothed; 0 for all others."""
    weights = np.zeros((LAST + 1 - TRAIN, n_items))
    now = (day >= TRAIN) & (day <= LAST)
    np.add.at(weights, (day[now] - TRAIN, item[now]), 1.0)
    weights[weights > 0] += SMOOTHING
    return weights
