"""A thousand readers of a news site: two workers that make their prices leave what one engine leaves."""

from pathlib import Path

import pytest

from flink_jobs import command, differences, exported, left, run
from readers import SETTINGS, end_of, readers
from shards import embedded, left_by

pytestmark = pytest.mark.data


def test_a_thousand_readers_on_two_workers_that_make_their_prices(data_path: Path, tmp_path: Path) -> None:
    told = readers(data_path)
    app = embedded(told, SETTINGS, end_of(told))
    folder = exported(app, SETTINGS, tmp_path / "in")
    run(command(folder, tmp_path / "out", "--closed", "--states", parallelism=2))
    alone = left_by(app)
    assert len(alone.messages) > 100
    assert differences(left(tmp_path / "out"), alone) == []
