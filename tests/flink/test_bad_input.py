"""Bad input on a real job: what cannot be taken is told with its reason, and all else is decided as without it."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from bad_log import END, FAT, HOURS_BEHIND, OF_LAST_YEAR, POISON, log, spoiled
from flink_jobs import command, differences, exported, left, run, told
from shards import Left, embedded, left_by
from stage import App
from streams import BUSY
from tactful.events.records import Decision, decode
from tactful.runtime.flink.rows import Rejected

USERS, CANDIDATES, GROUPS = 60, 50_000, 8
POOL = 16


@pytest.fixture(scope="module")
def app() -> App:
    return embedded(log(USERS, CANDIDATES), BUSY, END)


@pytest.fixture(scope="module")
def alone(app: App) -> Left:
    return left_by(app)


@pytest.fixture(scope="module")
def folder(app: App, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(app, BUSY, tmp_path_factory.mktemp("bad") / "in")


def test_poison_newer_schemas_clocks_apart_and_a_fat_pool_change_no_decision_and_each_is_told(
    alone: Left, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    bad = spoiled(folder, tmp_path / "in")
    run(command(bad, out, "--closed", "--states", lateness_seconds=3_600.0 * (HOURS_BEHIND + 1)))
    ours = left(out)
    assert differences(ours, alone) == []
    dropped = [one for one in map(decode, ours.decisions) if isinstance(one, Decision) and one.user_id == FAT]
    assert sum(one.reasons[0].code == "pool_full" for one in dropped) == CANDIDATES - POOL
    unreadable = sorted(one.reason for one in told(out, "unreadable", Rejected))
    assert len(unreadable) == len(POISON) + 1
    assert [any(words in reason for reason in unreadable) for words in (*POISON, "lost.ndjson")] == [True] * 5
    late = told(out, "rejected", Rejected)
    assert len(late) == OF_LAST_YEAR + GROUPS
    assert all("mend the order of the source" in one.reason for one in late)


def test_a_worker_that_cannot_load_a_model_names_file_host_process_and_what_to_do(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for part in folder.iterdir():
        os.symlink(part, tmp_path / "in" / part.name)
    models = tmp_path / "in" / "models.db"
    models.unlink()
    models.write_bytes(b"half a model")
    words = command(tmp_path / "in", tmp_path / "out", "--epochs-a-run", "24")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=1_200)
    said = " ".join(done.stderr.split())
    assert done.returncode == 1
    for part in (str(models), f"worker {socket.gethostname()}, process ", "put a whole file there, then start the job"):
        assert part in said, said[-3_000:]
