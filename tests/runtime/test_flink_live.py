"""A live group goes on by the clock, but never past inputs that were there before the job and are not read yet."""

from pathlib import Path

import pytest

from flink_worker import END, GROUPS, Worker, decisions, feed, half_a_day, opened, prices_of
from shards import Left, left_by
from stage import App
from streams import BUSY
from tactful.clock import HOUR_US
from tactful.runtime.flink import bundle
from tactful.runtime.flink.groups import Output, Plan
from tactful.runtime.flink.reading import Part, Reader, named


class Live(Worker):
    """A worker whose clock stands at the end of the log."""

    def current_processing_time(self) -> int:
        return END // 1_000


@pytest.fixture(scope="module")
def app() -> App:
    return half_a_day()


@pytest.fixture(scope="module")
def alone(app: App) -> Left:
    return left_by(app)


@pytest.fixture
def folder(app: App, tmp_path: Path) -> Path:
    bundle.export(app.store, tmp_path / "in", BUSY, rows_a_file=16)
    return tmp_path / "in"


def files_of(folder: Path) -> list[tuple[int, list[Part]]]:
    """The last log time of each file, and its parts."""
    reader = Reader(str(folder / "inputs"), GROUPS)
    lines = (folder / "inputs" / "manifest.tsv").read_text().splitlines()
    return [(named(line).last_us, list(reader.flat_map(line))) for line in lines]


def refused(made: list[Output]) -> list[str]:
    return [text for kind, text in made if kind == "rejected"]


def test_a_live_group_decides_nothing_before_the_files_that_were_there_are_read(alone: Left, folder: Path) -> None:
    worker, files = Live(), files_of(folder)
    assert len(files) > 2
    operator = opened(worker, Plan(str(folder), GROUPS, live_lag_us=0))
    feed(worker, operator, prices_of(folder))
    feed(worker, operator, files[0][1])
    assert list(worker.ring(operator)) == []
    for last_us, parts in files[1:-1]:
        feed(worker, operator, parts)
        worker.watermark = last_us // 1_000 - 1
    half = list(worker.ring(operator))
    assert 0 < len(decisions(half)) < len(alone.decisions)
    feed(worker, operator, files[-1][1])
    made = [*half, *worker.ring(operator)]
    assert decisions(made) == sorted(alone.decisions)
    assert refused(made) == []


def test_a_live_group_that_goes_on_behind_all_files_needs_no_watermark(alone: Left, folder: Path) -> None:
    worker, plan = Live(), Plan(str(folder), GROUPS, live_lag_us=5 * HOUR_US)
    operator = opened(worker, plan)
    feed(worker, operator, prices_of(folder))
    for _, parts in files_of(folder):
        feed(worker, operator, parts)
    made = list(worker.ring(operator))
    worker.watermark = -(1 << 63)  # a source that goes on from a savepoint has forgotten it
    later = opened(worker, Plan(str(folder), GROUPS, live_lag_us=0))
    made += worker.ring(later)
    assert decisions(made) == sorted(alone.decisions)
    assert refused(made) == []
