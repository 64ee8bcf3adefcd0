"""A job on Flink decides what the embedded engine decides, byte for byte, on any number of workers and in any order."""

from pathlib import Path

import pytest

from flink_jobs import command, differences, exported, left, run
from shards import Left
from stage import App
from streams import BUSY
from tactful.clock import DAY_US

WHOLE_LOG_S = 30.0 * DAY_US / 1e6
"""With rows in any order, nothing is late before the last file is read."""


@pytest.mark.parametrize(
    ("parallelism", "in_order", "closed"),
    [(1, True, True), (2, True, False), (4, True, True), (1, False, False), (2, False, True), (4, False, False)],
)
def test_in_thread_mode_a_job_leaves_what_one_engine_leaves(
    alone: Left, ordered: Path, shuffled: Path, tmp_path: Path, parallelism: int, in_order: bool, closed: bool
) -> None:
    loop = ("--closed",) if closed else ("--epochs-a-run", "24")
    folder, late = (ordered, 0.0) if in_order else (shuffled, WHOLE_LOG_S)
    out = tmp_path / "out"
    run(command(folder, out, *loop, "--states", parallelism=parallelism, lateness_seconds=late))
    assert differences(left(out), alone, closed) == []


def test_in_process_mode_a_job_leaves_what_one_engine_leaves(alone: Left, ordered: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(command(ordered, out, "--epochs-a-run", "24", "--states", mode="process", parallelism=2))
    assert differences(left(out), alone, False) == []


def test_scores_on_record_leave_the_same(app: App, alone: Left, tmp_path: Path) -> None:
    folder = exported(app, BUSY, tmp_path / "in", recorded=True, form="parquet")
    out = tmp_path / "out"
    run(command(folder, out, "--epochs-a-run", "24", "--states", parallelism=2))
    assert differences(left(out), alone, False) == []
