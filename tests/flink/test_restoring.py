"""A job that was killed, or stopped and spread over more workers, goes on as if nothing had been."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from flink_jobs import command, differences, left, run
from shards import Left
from streams import START
from tactful.clock import HOUR_US, from_us, to_us
from tactful.runtime.flink.running import latest_checkpoint

PATIENCE_S = 900.0
HOURS_DONE = 4


def test_killed_and_restored_from_a_checkpoint_it_leaves_the_same(alone: Left, ordered: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = command(ordered, out, "--closed", "--states", parallelism=2, checkpoint_seconds=0.5)
    first = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE_S
    while latest_checkpoint(out) is None or len(list((out / "prices").glob("prices-*"))) < HOURS_DONE:
        assert first.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < end, "no checkpoint in time"
        _look_again(first)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    run([*words, "--resume", "last"])
    assert differences(left(out), alone) == []


def test_stopped_with_a_savepoint_and_spread_over_more_workers_it_leaves_the_same(
    alone: Left, ordered: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    half = from_us(to_us(START) + 8 * HOUR_US - 1).isoformat()
    run(command(ordered, out, "--closed", "--until", half, parallelism=1))
    (savepoint,) = (out / "savepoints").glob("savepoint-*")
    run(command(ordered, out, "--closed", "--states", "--resume", savepoint.as_uri(), parallelism=4))
    assert differences(left(out), alone) == []


def _look_again(job: subprocess.Popen[bytes]) -> None:
    """Waits a little for the job to end, which it should not."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        job.wait(timeout=0.1)
