"""Between two timers inputs of one user commute, on both runtimes: every order of arrival leaves the same."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from flink_jobs import differences, left
from flink_worker import GROUPS, Descriptors, Worker, feed, opened, parts_of
from shards import Left, embedded, everything, left_by, log_of
from streams import BUSY, START
from tactful.clock import HOUR_US, to_us
from tactful.events.records import UserInput
from tactful.runtime.flink import bundle, rows
from tactful.runtime.flink.groups import DONE, REPORT, Plan
from tactful.runtime.flink.keeping import Keeper
from tactful.runtime.flink.reading import Prices

FIRST = to_us(START)
END = FIRST + 11 * HOUR_US
AT_ONCE_US = HOUR_US // 2
"""What comes within half an hour has one log time, so that a person's inputs lie between the same timers."""
STREAM = [(at // AT_ONCE_US * AT_ONCE_US, one) for at, one in everything(4, 24, 0.5) if at <= END]
APP = embedded(STREAM, BUSY, END)
ALONE = left_by(APP)
LOG = log_of(APP.store)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle.export(APP.store, to := tmp_path_factory.mktemp("permuted") / "in", BUSY)
    return to


@given(st.permutations(range(len(LOG))), st.integers(0, len(LOG)))
@seed(9)
@settings(max_examples=5, deadline=None, database=None)
def test_rows_of_files_in_any_order_leave_the_same_through_the_operators(
    folder: Path, order: Sequence[int], cut: int
) -> None:
    lines = []
    for number, places in enumerate((order[:cut], order[cut:])):
        part = [LOG[place] for place in places]
        rows.write(folder / "inputs" / f"part-{number}.ndjson", part)
        lines.append(f"{number}\t{FIRST}\t{END}\t{len(part)}\tpart-{number}.ndjson\n")
    (folder / "inputs" / "manifest.tsv").write_text("".join(lines))
    assert differences(through_operators(folder, folder.parent / "out"), ALONE) == []


@given(st.permutations(range(len(STREAM))))
@seed(9)
@settings(max_examples=5, deadline=None, database=None)
def test_inputs_of_users_in_any_order_within_half_an_hour_leave_the_same_decisions_in_an_engine(
    order: Sequence[int],
) -> None:
    told = [STREAM[place] for place in order]
    ours = left_by(embedded(sorted(told, key=lambda one: (one[0], isinstance(one[1], UserInput))), BUSY, END))
    names = ("decisions", "plans", "budgets", "messages", "controls")
    assert [name for name in names if getattr(ours, name) != getattr(ALONE, name)] == []


def test_the_stream_has_people_with_several_inputs_at_one_instant_and_decides_on_all_of_them() -> None:
    at_once = [(row.log_ts_us, row.user_key) for row in LOG if row.user_key and row.log_ts_us > FIRST]
    assert len(at_once) - len(set(at_once)) > 3
    assert min(len(ALONE.decisions), len(ALONE.plans), len(ALONE.messages), len(ALONE.controls)) > 4


def through_operators(folder: Path, out: Path) -> Left:
    """Returns what reader, groups and keeper leave of a job's input, in a closed loop."""
    worker, keepers, plan = Worker(), Worker(), Plan(str(folder), GROUPS, 1, END, states=True, resumable=True)
    operator, keeper = opened(worker, plan), Keeper(plan, "", Descriptors())
    keeper.open(keepers)
    feed(worker, operator, parts_of(folder))
    made: dict[str, list[str]] = defaultdict(list)
    for _ in range(END // HOUR_US - FIRST // HOUR_US + 2):
        for kind, text in worker.ring(operator):
            made[kind].append(text)
        fresh = [line for text in made.pop(REPORT, []) for line in keeper.process_element((REPORT, text), keepers)]
        made["controls"] += fresh
        feed(worker, operator, [part for line in fresh for part in Prices().flat_map(line)])
    assert made.keys() == {"decisions", "plans", "budgets", "messages", "states", "shards", "controls", DONE}
    for kind, texts in made.items():
        (out / kind).mkdir(parents=True, exist_ok=True)
        (out / kind / "part-0").write_text("\n".join(texts) + "\n")
    return left(out)
