"""Which days are learned from, which say when to stop and what to lean by, which are judged: by time, in this order.

Each part sees the log as it stood when it ended. So what is learned from a message was known before the next part
began, as it would have to be if a model were trained then.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tactful.clock import DAY_US
from tactful.errors import NotEnoughData
from tactful.training.ranking.labels import windows_us
from tactful.training.ranking.log import RankLog, before, since
from tactful.training.ranking.rows import RankRows, rows

JUDGED_SHARE: Final = 0.2
TUNED_SHARE: Final = 0.25
"""Of the days whose messages can have no further outcome."""
FEWEST_DAYS: Final = 10
"""Four to learn from, four to tune by (a session within three days is known of the first of them), two to be judged."""
_TUNED, _JUDGED = 4, 2


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to learn from, to tune by and to be judged on, and the first days of the latter two (since 1970-01-01).

    `past` are the first two together, as known when the judged days began: for what needs no tuning.
    """

    past: RankRows
    learn: RankRows
    tune: RankRows
    judged: RankRows
    tune_day: int
    judged_day: int
    end_day: int


def split(log: RankLog) -> Split:
    """Returns the three parts of a log.

    Messages of its last days, of which something may still come, are left out.

    Raises:
        NotEnoughData: for fewer than `FEWEST_DAYS` days of messages whose outcomes are all known.
        FutureInHistory, UnsortedRows: as `rows`.
    """
    settled = (log.sends.at_us[:, None] + windows_us(log.sends) <= log.until_us).all(axis=1)
    day = log.sends.at_us[settled] // DAY_US
    first, end = (int(day.min()), int(day.max()) + 1) if len(day) else (0, 0)
    if end - first < FEWEST_DAYS:
        raise NotEnoughData(
            f"got messages of {end - first} days whose outcomes are known (sessions are, three days later), expected "
            f"{FEWEST_DAYS} at least; let the engine run on, or raise exploration.logged_sends"
        )
    n = end - first
    judged_day = end - max(_JUDGED, round(JUDGED_SHARE * n))
    tune_day = judged_day - max(_TUNED, round(TUNED_SHARE * n))
    past, judged = rows(before(log, judged_day * DAY_US)), rows(since(log, judged_day * DAY_US))
    return Split(
        past=past,
        learn=rows(before(log, tune_day * DAY_US)),
        tune=past.only(np.flatnonzero(past.at_us >= tune_day * DAY_US)),
        judged=judged.only(np.flatnonzero(judged.known.all(axis=1))),
        tune_day=tune_day,
        judged_day=judged_day,
        end_day=end,
    )
