"""What comes to a group too late is told with its reason, once, and what comes in time is taken once, on any way."""

from pathlib import Path

import msgspec
import pytest

from flink_worker import END, GROUPS, Worker, decisions, feed, half_a_day, opened, parts_of, prices_of
from shards import Left, left_by
from stage import App
from streams import BUSY, START
from tactful.clock import DAY_US, HOUR_US, from_us, to_us
from tactful.errors import UnreadableInput
from tactful.events import switches
from tactful.events.registry import Registry
from tactful.events.switches import Switch
from tactful.runtime.flink import bundle, rows
from tactful.runtime.flink.groups import LAST_MS, Output, Plan
from tactful.runtime.flink.reading import EVERYBODY, HELLO, Part, dealt, named
from tactful.runtime.intake import KIND_CODE, line_of
from tactful.stores.protocols import LoggedInput

FIRST = to_us(START)
MIDST = FIRST + 9 * HOUR_US + HOUR_US // 2
"""In the middle of the epoch in which a type of event is declared to everybody."""
OVER = (1 << 63) - 1


@pytest.fixture(scope="module")
def app() -> App:
    return half_a_day()


@pytest.fixture(scope="module")
def alone(app: App) -> Left:
    return left_by(app)


@pytest.fixture(scope="module")
def folder(app: App, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle.export(app.store, to := tmp_path_factory.mktemp("late") / "in", BUSY)
    return to


def switch_at(hours: float) -> LoggedInput:
    """A kill switch of everything, accepted and turned at an hour of the log."""
    at_us = FIRST + int(hours * HOUR_US)
    record = switches.control(Switch("all", "", True, from_us(at_us)), 7)
    line = line_of(record, Registry.shipped())
    return LoggedInput(1 << 30, at_us, 0, line.dedupe_key, line.content, KIND_CODE[type(record)], line.data)


def reasons(made: list[Output]) -> list[str]:
    lines = [line for kind, text in made if kind == "rejected" for line in text.split("\n")]
    return [msgspec.json.decode(line, type=rows.Rejected).reason for line in lines]


def test_what_is_for_everybody_is_taken_once_by_groups_that_run_twice_in_its_epoch(alone: Left, folder: Path) -> None:
    worker, plan = Worker(), Plan(str(folder), GROUPS, 24, MIDST, resumable=True)
    operator = opened(worker, plan)
    feed(worker, operator, [*prices_of(folder), *parts_of(folder)])
    made = list(worker.ring(operator))
    later = opened(worker, msgspec.structs.replace(plan, until_us=END))
    for _ in range(3):
        made += worker.ring(later)
    assert reasons(made) == []
    assert decisions(made) == sorted(alone.decisions)


def test_a_kill_switch_that_comes_hours_late_is_told_by_every_group_that_is_past_it(folder: Path) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 4, END))
    feed(worker, operator, [*prices_of(folder), *parts_of(folder)])
    list(worker.ring(operator))
    feed(worker, operator, list(dealt([switch_at(1.5)], GROUPS)))
    made = list(worker.ring(operator))
    assert len(reasons(made)) == GROUPS
    assert all("up to which all is decided" in reason for reason in reasons(made))


def test_a_note_that_comes_before_its_input_waits_for_it(alone: Left, folder: Path) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 4, END))
    parts = parts_of(folder)
    for_all = [part for part in parts if part.group == EVERYBODY]
    late = list(dealt([switch_at(1.5)], GROUPS))
    feed(worker, operator, [*prices_of(folder), *parts, *(part for part in late if part.group != EVERYBODY)])
    made = list(worker.ring(operator))
    assert for_all
    assert reasons(made) == []
    feed(worker, operator, [part for part in late if part.group == EVERYBODY])
    made += worker.ring(operator)
    assert len(reasons(made)) == GROUPS
    made += worker.ring(operator)
    assert decisions(made) == sorted(alone.decisions)


@pytest.mark.parametrize("resumable", [False, True])
def test_what_comes_behind_the_end_of_a_job_is_told(folder: Path, resumable: bool) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 24, END, resumable=resumable))
    parts = parts_of(folder)
    feed(worker, operator, [*prices_of(folder), *parts])
    assert reasons(list(worker.ring(operator))) == []
    again = next(part for part in parts if part.group == 0 and part.epoch == FIRST // HOUR_US)
    feed(worker, operator, [again, *dealt([switch_at(1.5)], GROUPS)])
    worker.watermark = OVER
    told = reasons(list(worker.ring(operator)))
    assert len(told) == len(rows.unpacked(again.data)) + GROUPS
    assert all("mend the order of the source" in reason for reason in told)
    worker.timers = [(LAST_MS, group) for group in range(GROUPS)]
    assert reasons(list(worker.ring(operator))) == []


def test_a_source_with_a_clock_of_last_year_is_told_and_the_others_go_on(alone: Left, folder: Path) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 24, END))
    good = parts_of(folder)
    taken = [row for part in good if part.epoch != HELLO for row in rows.unpacked(part.data) if row.user_key][:30]
    behind = [row._replace(offset=row.offset + (1 << 30), log_ts_us=row.log_ts_us - 365 * DAY_US) for row in taken]
    bad: list[Part] = list(dealt(behind, GROUPS))
    feed(worker, operator, [*prices_of(folder), *bad, *good, *bad])
    made = list(worker.ring(operator))
    assert len(reasons(made)) == 2 * len(behind)
    assert decisions(made) == sorted(alone.decisions)


@pytest.mark.parametrize("line", ["", "0\t1\t2\tpart.ndjson", "0\t1\ttwo\t3\tpart.ndjson"])
def test_a_damaged_manifest_stops_the_job_for_what_is_missing_is_not_known(line: str) -> None:
    with pytest.raises(UnreadableInput, match=r"in the manifest .* expected number, first .* export the log again"):
        named(line)
