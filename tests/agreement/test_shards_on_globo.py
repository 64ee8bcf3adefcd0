"""A thousand readers of a news site: four shards leave what one engine leaves, with prices on record and made anew."""

from pathlib import Path

import pytest

from readers import SETTINGS, end_of, readers
from shards import Job, Left, embedded, left_by, log_of
from stage import App
from tactful.events.records import Input

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def stream(data_path: Path) -> list[tuple[int, Input]]:
    return readers(data_path)


@pytest.fixture(scope="module")
def app(stream: list[tuple[int, Input]]) -> App:
    return embedded(stream, SETTINGS, end_of(stream))


@pytest.fixture(scope="module")
def alone(app: App) -> Left:
    return left_by(app)


def test_a_thousand_readers_in_four_shards_that_make_their_prices(
    stream: list[tuple[int, Input]], app: App, alone: Left
) -> None:
    job = Job(log_of(app.store), SETTINGS, 4)
    job.hourly(end_of(stream))
    assert len(alone.messages) > 100
    assert job.left() == alone


def test_a_thousand_readers_in_four_shards_with_the_prices_on_record(
    stream: list[tuple[int, Input]], app: App, alone: Left
) -> None:
    job = Job(log_of(app.store), SETTINGS, 4)
    job.price(alone.controls)
    job.run(end_of(stream), closes=False)
    assert job.left() == alone
