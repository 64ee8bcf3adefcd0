"""The operators of the Flink job, without Flink: what one engine leaves, whatever waits, comes late, or is restored."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from flink_worker import END, GROUPS, Descriptors, Worker, decisions, feed, half_a_day, opened, parts_of, prices_of
from shards import Left, left_by
from stage import App
from streams import BUSY
from tactful.clock import HOUR_US
from tactful.errors import InvalidModel, UnreadableInput
from tactful.events.records import Control, encode
from tactful.runtime.flink import bundle, rows
from tactful.runtime.flink.groups import DONE, LAST_MS, REPORT, Output, Plan
from tactful.runtime.flink.keeping import FINISHED, Keeper
from tactful.runtime.flink.reading import EVERYBODY, Prices


@pytest.fixture(scope="module")
def app() -> App:
    return half_a_day()


@pytest.fixture(scope="module")
def alone(app: App) -> Left:
    return left_by(app)


@pytest.fixture
def folder(app: App, tmp_path: Path) -> Path:
    bundle.export(app.store, tmp_path / "in", BUSY)
    return tmp_path / "in"


def test_with_prices_given_groups_leave_what_one_engine_leaves(alone: Left, folder: Path) -> None:
    worker, plan = Worker(), Plan(str(folder), GROUPS, 24, END, states=True)
    operator = opened(worker, plan)
    feed(worker, operator, [*prices_of(folder), *parts_of(folder)])
    made = list(worker.ring(operator))
    assert decisions(made) == sorted(alone.decisions)
    states = [msgspec.json.decode(line) for kind, text in made if kind == "states" for line in text.split("\n")]
    assert {one["user_id"] for one in states} == set(alone.users)
    assert sorted(text for kind, text in made if kind == DONE) == ["0", "1"]


def test_groups_count_under_the_names_of_an_engine(app: App, folder: Path) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 24, END))
    feed(worker, operator, [*prices_of(folder), *parts_of(folder)])
    list(worker.ring(operator))
    ours, theirs = worker.metrics.telemetry.snapshot(), app.engine.telemetry.snapshot()
    assert ours["engine.micro_batches"] == GROUPS
    assert ours["engine.inputs.rejected"] == 0
    for action in ("send", "hold", "drop"):
        assert ours.get(f"engine.decisions.{action}") == theirs.get(f"engine.decisions.{action}")


def test_in_a_closed_loop_operators_that_are_opened_anew_every_hour_leave_the_same(
    alone: Left, folder: Path, tmp_path: Path
) -> None:
    worker, keepers, controls = Worker(), Worker(), tmp_path / "prices"
    controls.mkdir()
    plan, made, known = Plan(str(folder), GROUPS, 1, END, resumable=True), list[Output](), set[Path]()
    feed(worker, opened(worker, plan), parts_of(folder))
    for _ in range(16):
        said = list(worker.ring(opened(worker, plan)))
        made += said
        keeper = Keeper(plan, str(controls), Descriptors())
        keeper.open(keepers)
        for one in said:
            if one[0] in (REPORT, DONE):
                made += [("controls", line) for line in keeper.process_element(one, keepers)]
        fresh = sorted(set(controls.glob("prices-*")) - known)
        known |= set(fresh)
        feed(worker, opened(worker, plan), [part for file in fresh for part in Prices().flat_map(file.read_text())])
        if (controls / FINISHED).exists():
            break
    assert (controls / FINISHED).exists()
    assert decisions(made) == sorted(alone.decisions)
    assert len(known) == len(alone.controls) == len([1 for kind, _ in made if kind == "controls"])


def test_a_keeper_that_is_opened_anew_hears_the_reports_that_waited_in_their_order(
    alone: Left, folder: Path, tmp_path: Path
) -> None:
    worker, keepers = Worker(), Worker()
    operator = opened(worker, plan := Plan(str(folder), GROUPS, 1, END))
    feed(worker, operator, [*prices_of(folder), *parts_of(folder)])
    reports: dict[Any, list[Output]] = {group: [] for group in range(GROUPS)}
    while worker.timers:
        worker.timers, now = [], sorted(worker.timers, key=lambda timer: timer[0])
        for timestamp, worker.key in now:
            reports[worker.key] += [one for one in operator.on_timer(timestamp, worker) if one[0] == REPORT]
    made = []
    for one in [*reports[1], *reports[0]]:  # the one group is as far ahead as can be
        keeper = Keeper(plan, "", Descriptors())
        keeper.open(keepers)
        made += [encode(msgspec.json.decode(line, type=Control)) for line in keeper.process_element(one, keepers)]
        keepers.states["reports"].by_key = {
            key: dict(sorted(table.items(), reverse=True)) for key, table in keepers.states["reports"].by_key.items()
        }
    assert made == alone.controls


def test_a_group_waits_for_its_prices_and_goes_on_when_they_come(alone: Left, folder: Path) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 24, END))
    feed(worker, operator, parts_of(folder))
    made = list(worker.ring(operator))
    assert {at for at, _ in worker.timers} == {LAST_MS}
    assert len(worker.by_clock) == GROUPS
    feed(worker, operator, prices_of(folder))
    made += worker.ring(operator)
    assert decisions(made) == sorted(alone.decisions)


def test_behind_the_end_of_inputs_and_prices_a_group_goes_to_its_end_without_the_clock(
    alone: Left, folder: Path
) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 1, END))
    feed(worker, operator, parts_of(folder))
    made = list(worker.ring(operator))  # no price has come yet
    feed(worker, operator, prices_of(folder))
    worker.by_clock, worker.watermark = [], (1 << 63) - 1  # Flink forgets timers by the clock then
    made += worker.ring(operator)
    assert decisions(made) == sorted(alone.decisions)
    assert sorted(text for kind, text in made if kind == DONE) == ["0", "1"]
    assert worker.timers == worker.by_clock == []


def test_prices_that_end_before_the_job_are_told_and_nothing_is_left_out_without_a_word(folder: Path) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 24, END))
    feed(worker, operator, [*prices_of(folder)[:3], *parts_of(folder)])
    worker.watermark = (1 << 63) - 1
    with pytest.raises(UnreadableInput, match=r"got prices up to 2026-03-27T.* expected them up to .* export the log"):
        list(worker.ring(operator))


def test_in_a_closed_loop_prices_are_waited_for_behind_the_end_of_the_inputs(folder: Path) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 1, END, resumable=True))
    feed(worker, operator, parts_of(folder))
    worker.watermark = (1 << 63) - 1
    list(worker.ring(operator))
    assert worker.timers == []
    assert len(worker.by_clock) == GROUPS


def test_a_job_with_a_later_end_goes_on_from_where_another_ended_and_ends_are_told_once(
    alone: Left, folder: Path
) -> None:
    worker, half = Worker(), Plan(str(folder), GROUPS, 24, END - 5 * HOUR_US - 1, resumable=True)
    operator = opened(worker, half)
    feed(worker, operator, [*prices_of(folder), *parts_of(folder)])
    made = list(worker.ring(operator))
    assert [kind for kind, _ in made].count(DONE) == GROUPS
    assert list(worker.ring(operator)) == []
    later = opened(worker, msgspec.structs.replace(half, until_us=END))
    for _ in range(3):
        made += worker.ring(later)
    assert decisions(made) == sorted(alone.decisions)


def test_an_input_below_the_watermark_is_told_with_its_reason(folder: Path) -> None:
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 4, END))
    parts = parts_of(folder)
    late = next(part for part in parts if part.group == 0 and part.epoch >= 0)
    feed(worker, operator, [*prices_of(folder), *parts])
    made = list(worker.ring(operator))
    feed(worker, operator, [late])
    made += worker.ring(operator)
    told = [line for kind, text in made if kind == "rejected" for line in text.split("\n")]
    assert len(told) == len(rows.unpacked(late.data))
    assert "up to which all is decided" in told[0]


def test_a_model_file_that_cannot_be_loaded_is_named_with_the_worker(folder: Path) -> None:
    whole = (folder / "models.db").read_bytes()
    (folder / "models.db").write_bytes(b"half a model")
    with pytest.raises(InvalidModel, match=r"models of .* on worker .*, process \d+"):
        opened(Worker(), Plan(str(folder), GROUPS))
    (folder / "models.db").write_bytes(whole)
    opened(Worker(), Plan(str(folder), GROUPS))


def test_inputs_for_everybody_travel_apart_from_those_of_groups(folder: Path) -> None:
    assert any(part.group == EVERYBODY for part in parts_of(folder))
