"""A thousand readers of a news site, by real clicks, and something to tell each of them twice: for agreement tests."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from stage import PAYLOADS
from tactful.clock import DAY_US, HOUR_US, from_us
from tactful.events.records import Candidate, Input
from tactful.runtime.importing import read_log
from tactful.runtime.settings import Settings

USERS, HOURS = 1_000, 34
SETTINGS = Settings(seed=3)


def readers(data_path: Path) -> list[tuple[int, Input]]:
    """Returns what a thousand people did in the first hours of the Globo log, with profiles and candidates."""
    folder = str(Path(__file__).parents[1] / "recipes")
    if folder not in sys.path:
        sys.path.append(folder)
    from globo.people import MAPPING

    log = read_log(data_path / "globo_clicks/globo_12k_users.parquet", MAPPING)
    start = int(log.rows.at_us.min()) // DAY_US * DAY_US
    rows = log.rows.take(log.rows.at_us < start + HOURS * HOUR_US)
    log = replace(log, rows=rows.take(np.isin(rows.user, np.unique(rows.user)[:USERS])))
    told: list[tuple[int, Input]] = []
    for batch in log.batches(1_000):
        told += [(start, user) for user in batch.users]
        told += [(int(act.at.timestamp() * 1e6), act) for act in batch.engagements]
        told += [_news(user.user_id, start + hour * HOUR_US) for user in batch.users for hour in (5, 26)]
    return sorted(told, key=lambda pair: pair[0])


def end_of(told: list[tuple[int, Input]]) -> int:
    """Returns the instant up to which all of it is decided."""
    return told[0][0] + HOURS * HOUR_US - 1


def _news(user_id: str, at_us: int) -> tuple[int, Input]:
    return at_us, Candidate(
        candidate_id=f"{user_id}-{at_us}",
        user_id=user_id,
        type="recommendation",
        created_at=from_us(at_us),
        payload=PAYLOADS["recommendation"],
    )
