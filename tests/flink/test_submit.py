"""A job on a session cluster goes on by the clock, takes files that come as it runs, and resumes from a savepoint."""

import json
import subprocess
import sys
import time
from pathlib import Path

from flink_cluster import Cluster, session_cluster, until
from flink_jobs import left, told
from shards import Left, everything, left_by
from stage import App
from streams import BUSY, START
from tactful.clock import HOUR_US, from_us, to_us
from tactful.events.records import Decision, Input, decode
from tactful.runtime.flink import bundle, rows

FIRST = to_us(START)
NOON, END = FIRST + 9 * HOUR_US, FIRST + 15 * HOUR_US
TUNING = "checkpoint_seconds = 1.0\nrestarts = 0\n"


def test_a_submitted_job_takes_files_that_come_and_resumes_from_a_savepoint(tmp_path: Path) -> None:
    folder, out, savepoints = tmp_path / "in", tmp_path / "out", tmp_path / "savepoints"
    stream = [pair for pair in everything(3, 100, 0.7) if pair[0] <= END]
    app = App(BUSY, start=from_us(0))
    _goes_on(app, [pair for pair in stream if pair[0] <= NOON], NOON, folder)
    with session_cluster(tmp_path / "cluster") as cluster:
        job = _submitted(cluster, folder, out, NOON)
        _decides(cluster, job, out, _ids(app, NOON))
        # the clock of the job stands a few minutes behind noon: what comes now is ahead of it
        _goes_on(app, [pair for pair in stream if pair[0] > NOON + 2 * HOUR_US], END, folder)
        savepoint = cluster.stopped(job, savepoints)
        job = _submitted(cluster, folder, out, END, "--resume", savepoint)
        _decides(cluster, job, out, _ids(app, END))
        cluster.stopped(job, savepoints)
    theirs, ours = left_by(app), left(out)
    assert [one for one in ours.decisions if _is_by(one, END)] == theirs.decisions
    assert _lacks(ours, theirs) == []
    assert told(out, "rejected", rows.Rejected) == []


def _goes_on(app: App, stream: list[tuple[int, Input]], until_us: int, folder: Path) -> None:
    """Decides on more of the stream, and exports it."""
    app.engine.submit([record for _, record in stream], [at for at, _ in stream])
    app.run(from_us(until_us))
    bundle.export(app.store, folder, BUSY, rows_a_file=200)


def _submitted(cluster: Cluster, folder: Path, out: Path, clock_us: int, *more: str) -> str:
    """Gives a job to the cluster whose clock stands at an instant of the log now, and returns its id."""
    tuning = out.with_suffix(".toml")
    tuning.write_text(TUNING)
    tactful = str(Path(sys.executable).parent / "tactful")
    where = ["--input", str(folder), "--output", str(out), "--cluster", cluster.address, "--tuning", str(tuning)]
    lag = ["--groups", "8", "--live-lag", str(time.time() - clock_us / 1e6)]
    words = [tactful, "flink", "submit", *where, *lag, "--json", *more]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3_000:]
    return str(json.loads(done.stdout)["job"])


def _decides(cluster: Cluster, job: str, out: Path, expected: set[str]) -> None:
    """Waits until a job has shown certain decisions, which it does with its checkpoints."""

    def has() -> bool:
        assert cluster.status(job) in ("CREATED", "INITIALIZING", "RUNNING"), cluster.get(f"/jobs/{job}/exceptions")
        return expected <= {one.decision_id for one in told(out, "decisions", Decision)}

    until(has, "the decisions did not come")


def _ids(app: App, until_us: int) -> set[str]:
    return {one.decision_id for one in app.decisions if to_us(one.at) <= until_us}


def _is_by(decision: bytes, until_us: int) -> bool:
    record = decode(decision)
    assert isinstance(record, Decision)
    return to_us(record.at) <= until_us


def _lacks(ours: Left, theirs: Left) -> list[str]:
    """What an engine has left and a job, which is some minutes further, has not left exactly once."""
    kinds = ("decisions", "plans", "budgets", "messages", "controls")
    return [kind for kind in kinds if any(getattr(ours, kind).count(one) != 1 for one in getattr(theirs, kind))]
