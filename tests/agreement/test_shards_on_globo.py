"""A thousand readers of a news site: four shards leave what one engine leaves, with prices on record and made anew."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shards import Job, Left, embedded, left_by, log_of
from stage import PAYLOADS, App
from tactful.clock import DAY_US, HOUR_US, from_us
from tactful.events.records import Candidate, Input
from tactful.runtime.importing import read_log
from tactful.runtime.settings import Settings

pytestmark = pytest.mark.data
USERS, HOURS = 1_000, 34
SETTINGS = Settings(seed=3)


@pytest.fixture(scope="module")
def stream(data_path: Path) -> list[tuple[int, Input]]:
    """What a thousand people did in the first hours of the log, and something to tell each of them twice."""
    folder = str(Path(__file__).parents[2] / "recipes")
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


def _news(user_id: str, at_us: int) -> tuple[int, Input]:
    return at_us, Candidate(
        candidate_id=f"{user_id}-{at_us}",
        user_id=user_id,
        type="recommendation",
        created_at=from_us(at_us),
        payload=PAYLOADS["recommendation"],
    )


@pytest.fixture(scope="module")
def app(stream: list[tuple[int, Input]]) -> App:
    return embedded(stream, SETTINGS, _end(stream))


@pytest.fixture(scope="module")
def alone(app: App) -> Left:
    return left_by(app)


def _end(stream: list[tuple[int, Input]]) -> int:
    return stream[0][0] + HOURS * HOUR_US - 1


def test_a_thousand_readers_in_four_shards_that_make_their_prices(
    stream: list[tuple[int, Input]], app: App, alone: Left
) -> None:
    job = Job(log_of(app.store), SETTINGS, 4)
    job.hourly(_end(stream))
    assert len(alone.messages) > 100
    assert job.left() == alone


def test_a_thousand_readers_in_four_shards_with_the_prices_on_record(
    stream: list[tuple[int, Input]], app: App, alone: Left
) -> None:
    job = Job(log_of(app.store), SETTINGS, 4)
    job.price(alone.controls)
    job.run(_end(stream), closes=False)
    assert job.left() == alone
