"""Killed with SIGKILL, restarted, killed again: what is left equals what an uninterrupted run leaves.

The killing is in `crash_child.py`, in a process of its own without the checks of the test run, so that a restart
costs milliseconds. Here the files that the dead left behind are compared.
"""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from streams import START
from tactful.events.records import Decision, decode
from tactful.runtime.noted_models import history
from tactful.stores.sqlite import SqliteStore

CHILD = Path(__file__).with_name("crash_child.py")
ALWAYS = (0, 1 << 62)


def killed(mode: str, folder: Path) -> Any:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, str(CHILD), mode, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def left_by(run: Path) -> dict[str, Any]:
    """Everything durable: states, decisions, plans, controls, the input log and the messages with their fate."""
    store = SqliteStore(run / "store.db", read_only=True)
    decisions = list(store.decisions_between(*ALWAYS))
    entries = [store.outbox_of(row.decision_key) for row in decisions if row.action_code == 0]
    left = {
        "states": list(store.load_states()),
        "decisions": decisions,
        "plans": list(store.plans_between(*ALWAYS)),
        "controls": store.controls(),
        "log": store.read(-1, 1_000_000),
        "committed": store.load_meta("committed"),
        "models": history(store),
        "messages": [entry.row for entry in entries if entry],
        "fates": [(entry.attempts[-1].outcome, entry.next_try_us) for entry in entries if entry],
        "in doubt": store.in_doubt(),
        "sent": sorted((run / "sent.ndjson").read_text().splitlines()),
    }
    store.close()
    return left


def check_equal(run: Path, whole: dict[str, Any]) -> None:
    left = left_by(run)
    assert [name for name in whole if left[name] != whole[name]] == []


def keys_sent(run: Path) -> list[str]:
    return [json.loads(line)["key"] for line in (run / "sent.ndjson").read_text().splitlines()]


@pytest.fixture(scope="module")
def boundaries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("boundaries")
    return folder, killed("boundaries", folder)


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("moments")
    return folder, killed("moments", folder)


def test_a_kill_at_every_transaction_boundary_leaves_what_an_uninterrupted_run_leaves(
    boundaries: tuple[Path, list[str]],
) -> None:
    folder, names = boundaries
    check_equal(folder / "run-1", left_by(folder / "run-0"))
    for kind in ("append", "committed", "begin", "end", "close"):
        assert any(name.startswith(f"before {kind}") for name in names)
        assert any(name.startswith(f"after {kind}") for name in names)


def test_models_that_are_put_in_force_between_kills_decide_from_the_same_instants_on(
    boundaries: tuple[Path, list[str]],
) -> None:
    folder, names = boundaries
    store = SqliteStore(folder / "run-1" / "store.db", read_only=True)
    spoke = history(store)
    decisions = [decode(row.data) for row in store.decisions_between(*ALWAYS)]
    store.close()
    assert [(one.slot is not None, one.rank is not None) for one in spoke] == [
        (True, False),
        (True, False),
        (True, True),
    ]
    assert {len(d.heads) for d in decisions if isinstance(d, Decision) and d.action != "drop"} == {2, 6}
    for kind in ("slot", "rank"):
        assert any(name.startswith(f"before {kind}_model_in_force") for name in names)
        assert any(name.startswith(f"after {kind}_model_in_force") for name in names)


def test_an_experiment_that_runs_between_kills_decides_from_its_start_to_its_end(
    boundaries: tuple[Path, list[str]],
) -> None:
    folder, _ = boundaries
    store = SqliteStore(folder / "run-1" / "store.db", read_only=True)
    decisions = [decode(row.data) for row in store.decisions_between(*ALWAYS)]
    store.close()
    seen = [(d.at, d.arm) for d in decisions if isinstance(d, Decision) and d.action != "drop"]
    inside = {arm for at, arm in seen if START + timedelta(hours=12, minutes=20) <= at < START + timedelta(hours=29)}
    assert inside == {"default", "caps/control", "caps/new"}
    assert {arm for at, arm in seen if at < START + timedelta(hours=12, minutes=20)} == {"default"}
    assert {arm for at, arm in seen if at >= START + timedelta(hours=29)} == {"default"}


def test_a_kill_between_the_attempt_and_the_send_sends_once(boundaries: tuple[Path, list[str]]) -> None:
    folder, names = boundaries
    begun = [name.split()[2] for name in names if name.startswith("after begin")]
    assert len(begun) > 5
    sent = keys_sent(folder / "run-1")
    assert sorted(sent) == sorted(set(sent))
    assert {f"{int(key):016x}" for key in begun} >= set(sent)


def test_fifty_kills_at_random_moments_leave_what_an_uninterrupted_run_leaves(moments: tuple[Path, int]) -> None:
    folder, runs = moments
    whole = left_by(folder / "run-0")
    for run in range(1, runs + 1):
        check_equal(folder / f"run-{run}", whole)


def test_fifty_kills_at_random_moments_send_nothing_twice(moments: tuple[Path, int]) -> None:
    folder, runs = moments
    for run in range(1, runs + 1):
        sent = keys_sent(folder / f"run-{run}")
        assert sorted(sent) == sorted(set(sent))
