"""A store moves to a job and back by the command line, and no decision is lost or made twice."""

import subprocess
import sys
from pathlib import Path

from flink_jobs import command, run
from shards import embedded, everything, left_by
from stage import App
from streams import BUSY, START
from tactful.clock import HOUR_US, from_us, to_us
from tactful.stores.sqlite import SqliteStore

FIRST = to_us(START)
AWAY, BACK, END = FIRST + 10 * HOUR_US + HOUR_US // 2, FIRST + 14 * HOUR_US + 99, FIRST + 18 * HOUR_US
STREAM = [pair for pair in everything(3, 20, 0.7) if pair[0] <= END]


def test_a_store_that_moved_to_a_job_and_back_has_what_one_engine_leaves(tmp_path: Path) -> None:
    path, folder, out = tmp_path / "app.db", tmp_path / "in", tmp_path / "out"
    app = App(BUSY, SqliteStore(path), start=from_us(0))
    for part, until_us in (([p for p in STREAM if p[0] <= AWAY], AWAY), ([p for p in STREAM if p[0] > AWAY], 0)):
        app.engine.submit([record for _, record in part], [stamp for stamp, _ in part])
        if until_us:
            app.run(from_us(until_us))
    app.engine.close()
    _tactful("export", str(path), "--to", str(folder), "--from-states", "--groups", "8")
    run(command(folder, out, "--closed", "--states", "--until", from_us(BACK).isoformat()))
    _tactful("import", str(out), "--to", str(path))
    app = App(BUSY, SqliteStore(path), start=from_us(0))
    app.run(from_us(END))
    ours, theirs = left_by(app), left_by(embedded(STREAM, BUSY, END))
    app.engine.close()
    assert [name for name in vars(ours) if getattr(ours, name) != getattr(theirs, name)] == []


def _tactful(*words: str) -> None:
    tactful = str(Path(sys.executable).parent / "tactful")
    done = subprocess.run([tactful, "flink", *words], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3_000:]
