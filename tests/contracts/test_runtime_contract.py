"""What every runtime promises: the outcome depends on the log, never on how it was cut into batches and steps.

A runtime is listed in `RUNTIMES` as a function that takes a stream and tells how to cut it, and returns what was
decided and what is left; a new one adds a line.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec
import pytest

from shards import Job, log_of
from stage import App, decision_bytes, plan_bytes, replayed
from streams import BUSY, START, stream
from tactful.clock import DAY_US, HOUR_US, MINUTE_US, from_us, to_us
from tactful.events.records import Input, decode
from tactful.runtime.settings import Settings

USERS, DAYS = 24, 2.5
END = to_us(START) + int(DAYS * DAY_US) + HOUR_US
STREAM = stream(1, USERS, DAYS)


@dataclass(frozen=True)
class Result:
    """Everything that a run leaves behind, as bytes."""

    rows: dict[str, bytes]
    decisions: list[bytes]
    plans: list[bytes]
    controls: list[bytes]


Runtime = Callable[[Sequence[tuple[int, Input]], Settings, Iterable[int], int], Result]


def embedded(stream: Sequence[tuple[int, Input]], settings: Settings, steps: Iterable[int], batch: int) -> Result:
    app = replayed(stream, settings, steps, batch)
    return Result(app.rows(), decision_bytes(app), plan_bytes(app), [c.data for c in app.store.controls()])


def shards(stream: Sequence[tuple[int, Input]], settings: Settings, steps: Iterable[int], batch: int) -> Result:
    app = App(settings, start=from_us(0))
    for start in range(0, len(stream), batch):
        part = stream[start : start + batch]
        app.engine.submit([record for _, record in part], [stamp for stamp, _ in part])
    job = Job(log_of(app.store), settings, groups=2)
    for step in steps:
        job.hourly(step)
    left = job.left()
    return Result(left.users, left.decisions, left.plans, left.controls)


RUNTIMES: dict[str, Runtime] = {"embedded": embedded, "shards": shards}


@pytest.fixture(scope="module", params=RUNTIMES.values(), ids=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    chosen: Runtime = request.param
    return chosen


@pytest.fixture(scope="module")
def whole(runtime: Runtime) -> Result:
    return runtime(STREAM, BUSY, [END], len(STREAM))


def in_micro_batches_of(size: int) -> Settings:
    return msgspec.structs.replace(BUSY, engine=msgspec.structs.replace(BUSY.engine, micro_batch=size))


def test_the_stream_exercises_every_action(whole: Result) -> None:
    actions = [record.action for record in map(decode, whole.decisions) if hasattr(record, "action")]
    assert min(actions.count(action) for action in ("send", "hold", "drop")) > 15


@pytest.mark.parametrize("size", [1, 50])
def test_micro_batches_of_any_size_leave_the_same_bytes(runtime: Runtime, whole: Result, size: int) -> None:
    assert runtime(STREAM, in_micro_batches_of(size), [END], len(STREAM)) == whole


@pytest.mark.parametrize("minutes", [1440, 17])
def test_advancing_in_steps_of_any_length_leaves_the_same_bytes(runtime: Runtime, whole: Result, minutes: int) -> None:
    steps = [*range(to_us(START) - DAY_US, END, minutes * MINUTE_US), END]
    assert runtime(STREAM, BUSY, steps, len(STREAM)) == whole


def test_submitting_one_by_one_leaves_the_same_bytes(runtime: Runtime, whole: Result) -> None:
    assert runtime(STREAM, BUSY, [END], 1) == whole


def test_another_seed_decides_otherwise(runtime: Runtime, whole: Result) -> None:
    other = runtime(STREAM, msgspec.structs.replace(BUSY, seed=12), [END], len(STREAM))
    assert other.decisions != whole.decisions
