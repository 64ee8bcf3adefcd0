"""The processes that `test_crash.py` kills: a warm parent that forks one life after another over the same files.

One life opens the store, takes the stream from the last batch that was not acknowledged, decides and sends, until it
is killed or done. Run as `python crash_child.py MODE FOLDER`: run 0 is the uninterrupted one, and what is printed is
the boundaries at which run 1 was killed, or how many runs it took to be killed so often at random.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from streams import BUSY, START, stream
from tactful.clock import DAY_US, HOUR_US, SimulatedClock, from_us, to_us
from tactful.decision.policy.explore import Exploration
from tactful.delivery.channels.file import FileChannel
from tactful.delivery.send import Sender
from tactful.events.records import CHANNELS, Control
from tactful.experiments import schedule
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.models import served
from tactful.models.in_force import put_in_force
from tactful.models.slot_histogram import SlotHistogram
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import EngineSettings, Volume
from tactful.stores.protocols import LoggedInput, Refused
from tactful.stores.sqlite import SqliteStore

USERS, DAYS, INPUTS_A_DAY = 240, 3, 0.6
CAPS = Experiment(name="caps", arms=(ExperimentArm("control", 0.4), ExperimentArm("new", 0.5, {"gap_minutes": 30})))
EXPERIMENT = [
    (to_us(START) + stamp, Control(version=version, effective_at=at, key=schedule.KEY, value=schedule.value(told)))
    for version, stamp, at, told in (
        (1, 11 * HOUR_US, START + timedelta(hours=12, minutes=20), CAPS),
        (2, 20 * HOUR_US, START, msgspec.structs.replace(CAPS, ended_at=START + timedelta(hours=29))),
    )
]
"""Starts and ends between two batches, and a while after it was told."""
STREAM = sorted([*stream(3, USERS, DAYS, INPUTS_A_DAY), *EXPERIMENT], key=lambda pair: pair[0])
BATCHES = [
    [(stamp, record) for stamp, record in STREAM if start < stamp <= start + 9 * HOUR_US]
    for start in range(to_us(START) - 1, to_us(START) + DAYS * DAY_US, 9 * HOUR_US)
]
SETTINGS = msgspec.structs.replace(
    BUSY,
    volume=Volume(per_user_per_week=0.3),
    exploration=Exploration(0.02, 0.02, 0.02, 0.05, 0.2, 0.0),
    engine=EngineSettings(micro_batch=40, snapshot_min_inputs=50, snapshot_inputs_per_user=1),
)
RANDOM_KILLS = 50
BOUNDARY_BATCHES = 4
"""A day and a half: some eighty kills."""
TRAINED = {
    1: SlotHistogram(np.where(np.arange(24) == 20, 50.0, 1.0), prior_weight=1000.0),
    2: served.load((Path(__file__).parents[1] / "fixtures" / "ranker.msgpack").read_bytes()),
}
"""What is put in force while the engine runs, before which batch."""

Boundary = Callable[[str], None]
"""Is told where a process stands: the name of a transaction, and whether it is about to be or was committed."""


class WatchedStore(SqliteStore):
    """Tells of every transaction by a name that is the same in every life."""

    def __init__(self, path: Path, boundary: Boundary) -> None:
        self._boundary, self._name = boundary, "close"
        super().__init__(path, synchronous="normal")  # outlives a killed process; a power cut is not tried here

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
            self._boundary(f"before {self._name}")
        self._boundary(f"after {self._name}")
        self._name = "close"

    def append(self, inputs: Sequence[LoggedInput]) -> list[Refused]:
        self._name = f"append {inputs[0].content_hash}" if inputs else "append nothing"
        return super().append(inputs)

    def save_meta(self, name: str, data: bytes) -> None:
        own = name == "committed" or name.endswith("in_force")
        self._name = f"{name} {data!r}" if own else self._name + " and states"
        super().save_meta(name, data)

    def begin_attempt(self, decision_key: int, at_us: int) -> int | None:
        self._name = f"begin {decision_key}"
        return super().begin_attempt(decision_key, at_us)

    def end_attempt(
        self, decision_key: int, attempt_no: int, outcome: str, detail: str, next_try_us: int | None
    ) -> None:
        self._name = f"end {decision_key} {outcome}"
        super().end_attempt(decision_key, attempt_no, outcome, detail, next_try_us)


def live(folder: Path, boundary: Boundary, batches: int) -> None:
    """One process: everything from the last acknowledged batch to the end of so many."""
    clock, channel = SimulatedClock(), FileChannel(folder / "sent.ndjson")
    engine = Engine(WatchedStore(folder / "store.db", boundary), SETTINGS, clock=clock)
    store = WatchedStore(folder / "store.db", boundary)
    # What delivery tells the engine is stamped when it is taken, and that depends on when a life ended.
    channels = dict.fromkeys(CHANNELS, channel)
    sender = Sender(store, channels, engine.registry, in_flight=timedelta(0), tells_engine=False)
    acknowledged = folder / "acknowledged"
    done = int(acknowledged.read_text()) if acknowledged.exists() else 0
    for number, batch in enumerate(BATCHES[done:batches], done):
        now_us = to_us(START) + (number + 1) * 9 * HOUR_US - 1
        if number in TRAINED:
            with store.transaction():
                put_in_force(store, TRAINED[number])
        engine.submit([record for _, record in batch], [stamp for stamp, _ in batch])
        engine.advance(from_us(now_us))
        sender.run(now_us, limit=1000)
        acknowledge(acknowledged, number + 1)
    engine.close()
    store.close()


def acknowledge(path: Path, number: int) -> None:
    """Writes whole numbers only: half a one would be the producer's fault, not the engine's."""
    path.with_suffix(".new").write_text(str(number))
    path.with_suffix(".new").replace(path)


def nowhere(name: str) -> None:
    """No boundary kills."""


def at_new_boundaries(folder: Path) -> Boundary:
    """Kills the process at each boundary that no life has reached before."""
    path = folder / "boundaries"
    seen = set(path.read_text().splitlines()) if path.exists() else set()

    def boundary(name: str) -> None:
        if name not in seen:
            with path.open("a") as log:
                log.write(name + "\n")
            os.kill(os.getpid(), signal.SIGKILL)

    return boundary


def fork(life: Callable[[], None]) -> int:
    """Starts a life in a process of its own, which ends with it."""
    pid = os.fork()
    if pid:
        return pid
    try:
        life()
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def ended(pid: int) -> bool:
    """Waits for a life; returns whether it ran to its end, False if it was killed."""
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        raise SystemExit("a life ended by an error")
    return True


def die_at_every_boundary(folder: Path) -> list[str]:
    """Kills every life at the first boundary that no life has reached before; returns those boundaries."""
    while not ended(fork(lambda: live(folder, at_new_boundaries(folder), BOUNDARY_BATCHES))):
        pass
    return (folder / "boundaries").read_text().splitlines()


def die_at_random_moments(folder: Path, longest_s: float) -> int:
    """Kills lives from outside after random times up to `longest_s`; returns how many runs that took."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    rng, killed, runs = np.random.default_rng(4), 0, 1
    while killed < RANDOM_KILLS:
        pid = fork(partial(live, run_folder(folder, runs), nowhere, len(BATCHES)))
        if signal.sigtimedwait({signal.SIGCHLD}, rng.uniform(0.0, longest_s)) is None:
            os.kill(pid, signal.SIGKILL)
            signal.sigwait({signal.SIGCHLD})
        if ended(pid):
            runs, longest_s = runs + 1, longest_s * 0.7  # the machine is faster than it was: kill sooner
        else:
            killed += 1
    live(run_folder(folder, runs), nowhere, len(BATCHES))
    return runs


def run_folder(folder: Path, run: int) -> Path:
    here = folder / f"run-{run}"
    here.mkdir(exist_ok=True)
    return here


if __name__ == "__main__":
    mode, folder = sys.argv[1], Path(sys.argv[2])
    started = perf_counter()
    batches = BOUNDARY_BATCHES if mode == "boundaries" else len(BATCHES)
    live(run_folder(folder, 0), nowhere, batches)  # the run that nothing interrupts
    took_s = perf_counter() - started
    report = (
        die_at_every_boundary(run_folder(folder, 1))
        if mode == "boundaries"
        else die_at_random_moments(folder, took_s / 3)
    )
    print(json.dumps(report))
