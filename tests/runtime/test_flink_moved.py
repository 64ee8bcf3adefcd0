"""A store moves to the operators of a job and back, by folders, and all is decided once, as one engine would have."""

from collections import defaultdict
from pathlib import Path

import pytest
from test_flink_operators import GROUPS, Descriptors, Worker, feed, opened, parts_of

from shards import embedded, everything, left_by
from stage import App, person, replayed
from streams import BUSY, START
from tactful.clock import HOUR_US, from_us, to_us
from tactful.errors import CannotExport, CannotMove, EngineStopped, InvalidSettings
from tactful.runtime.flink import bundle, moved
from tactful.runtime.flink.groups import DONE, REPORT, Plan
from tactful.runtime.flink.keeping import FINISHED, Keeper
from tactful.runtime.flink.reading import Prices
from tactful.runtime.flink.running import prepare
from tactful.runtime.moving import mark, to_shards

FIRST = to_us(START)
AWAY, BACK, END = FIRST + 10 * HOUR_US + HOUR_US // 2, FIRST + 14 * HOUR_US + 99, FIRST + 20 * HOUR_US
STREAM = [pair for pair in everything(3, 12, 0.8) if pair[0] <= END]


@pytest.fixture
def app() -> App:
    """An engine in the middle of its log."""
    app = replayed(STREAM, BUSY, [AWAY])
    rest = [pair for pair in STREAM if pair[0] > AWAY]
    app.engine.submit([record for _, record in rest], [stamp for stamp, _ in rest])
    return app


def moved_to(app: App, folder: Path) -> Path:
    """The input of a job that takes over."""
    bundle.export(app.store, folder, BUSY, states=to_shards(app.engine, GROUPS))
    mark(app.store, str(folder))
    app.restart()
    return folder


def ran(folder: Path, output: Path) -> Path:
    """What a job in a closed loop writes until `BACK`."""
    plan, written = Plan(str(folder), GROUPS, 1, BACK, states=True, resumable=True), defaultdict[str, list[str]](list)
    controls, known = Path(prepare(plan, output, closed=True, resumes=False).controls), set[Path]()
    worker, operator = Worker(), None
    keeper, keepers = Keeper(plan, str(controls), Descriptors()), Worker()
    keeper.open(keepers)
    operator = opened(worker, plan)
    feed(worker, operator, parts_of(folder))
    for _ in range(12):
        for one in worker.ring(operator):
            written[one[0]].append(one[1])
            if one[0] in (REPORT, DONE):
                written["controls"] += keeper.process_element(one, keepers)
        fresh = sorted(set(controls.glob("prices-*")) - known)
        known |= set(fresh)
        feed(worker, operator, [part for file in fresh for part in Prices().flat_map(file.read_text())])
        if (controls / FINISHED).exists():
            break
    for kind, texts in written.items():
        (output / kind).mkdir(exist_ok=True)
        (output / kind / "part-0").write_text("\n".join(texts) + "\n")
    return output


def test_a_store_that_moved_to_a_job_and_back_has_what_one_engine_leaves(app: App, tmp_path: Path) -> None:
    output = ran(moved_to(app, tmp_path / "in"), tmp_path / "out")
    assert moved.put_back(app.store, BUSY, output) == BACK
    with pytest.raises(CannotMove, match="brought back"):
        moved.put_back(app.store, BUSY, output)
    app.restart()
    app.run(from_us(END))
    ours, theirs = left_by(app), left_by(embedded(STREAM, BUSY, END))
    assert [name for name in vars(ours) if getattr(ours, name) != getattr(theirs, name)] == []


def test_an_engine_over_a_store_that_moved_accepts_and_decides_nothing(app: App, tmp_path: Path) -> None:
    moved_to(app, tmp_path / "in")
    with pytest.raises(EngineStopped, match="made by the job that reads"):
        app.run(from_us(END))
    assert app.engine.submit([person("a new one")]).accepted == 1
    last = bundle.export(app.store, tmp_path / "in", BUSY)
    assert last.first_us == AWAY + 1
    assert last.last_offset == app.store.last()[0]


def test_a_job_that_takes_over_needs_the_number_of_groups_that_its_states_have(app: App, tmp_path: Path) -> None:
    folder = moved_to(app, tmp_path / "in")
    with pytest.raises(InvalidSettings, match="expected --groups 2 and --closed"):
        prepare(Plan(str(folder), 4), tmp_path / "out", closed=True, resumes=False)
    with pytest.raises(InvalidSettings, match="prices on record"):
        prepare(Plan(str(folder), GROUPS), tmp_path / "out", closed=False, resumes=False)


def test_states_do_not_go_into_a_folder_that_holds_an_export(app: App, tmp_path: Path) -> None:
    bundle.export(app.store, tmp_path / "in", BUSY)
    with pytest.raises(CannotExport, match="expected an empty folder"):
        moved_to(app, tmp_path / "in")


def test_what_is_no_output_of_a_job_with_states_does_not_come_back(app: App, tmp_path: Path) -> None:
    with pytest.raises(CannotMove, match="no states"):
        moved.put_back(app.store, BUSY, tmp_path)
