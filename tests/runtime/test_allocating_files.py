"""Allocation over files: the budgets of memory, bit for bit, and what is made again after a kill or a change."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from jaxtyping import Bool

from tactful import draws
from tactful.errors import BudgetsStand, CannotExport, InfeasibleBudget, InvalidFeatures, UnreadableInput
from tactful.events import budget_plan
from tactful.features.segments import ACTIVITIES, REACHES, SEGMENTS
from tactful.features.volume import NAMES, SCHEMA
from tactful.models.volume_response import VolumeResponse
from tactful.runtime.allocating import Ask, allocated
from tactful.runtime.allocating_files import FilesAllocation, allocate_files
from tactful.runtime.people import People
from tactful.runtime.people_files import write_people

K_MAX = 6
PARTS = 4


def a_model(height: float = 0.16) -> VolumeResponse:
    """Activity rises and flattens with k; leaving rises."""
    reach, activity = np.arange(len(SEGMENTS)) % 3, np.arange(len(SEGMENTS)) // 3
    k = np.arange(K_MAX + 1)[None, :]
    base = np.array([0.5, 0.3, 0.1, 0.02, 0.3, 0.1])[activity]
    active = base[:, None] + height * (0.5 + 0.1 * reach + 0.05 * activity)[:, None] * (1.0 - np.exp(-k / 3.0))
    leaves = 0.002 + np.array([0.0006, 0.0002, 0.0003])[reach][:, None] * k
    tables = {"activity": active, "activity_week": np.minimum(3.0 * active, 0.99), "unsubscribe": leaves}
    heads = {name: (rates,) * 3 for name, rates in tables.items()} | {"long_term": (0.6 * base[:, None],) * 3}
    return VolumeResponse.of(heads, len(NAMES), K_MAX, SCHEMA)


def some_people(n: int = 3000) -> People:
    rng = np.random.default_rng(0)
    return People(
        key=draws.keys("u", range(n)),
        features=rng.normal(size=(n, len(NAMES))).astype(np.float32),
        reach=rng.integers(0, len(REACHES), n),
        activity=rng.integers(0, len(ACTIVITIES), n),
        k=rng.integers(0, 6, n),
        drawn=np.arange(n) % 50 == 0,
        wish=np.where(np.arange(n) % 9 == 0, 2, -1),
        known=n,
        last_seen_us=0,
        as_of_us=1_700_000_000_000_000,
    )


MODEL, PEOPLE = a_model(), some_people()


def rows_of(part: int, n: int = len(PEOPLE)) -> Bool[np.ndarray, " n"]:
    return np.arange(n) * PARTS // n == part


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for part in range(PARTS):
        write_people(PEOPLE.only(rows_of(part)), tmp_path / "people" / f"part-{part}.parquet")
    return tmp_path / "people"


def written(folder: Path) -> dict[int, int]:
    """Budget by user key."""
    tables = [pq.read_table(path) for path in sorted((folder / "budgets").glob("*.parquet"))]
    return {user: k for table in tables for user, k in zip(*(c.to_pylist() for c in table.columns), strict=True)}


def in_memory(ask: Ask, people: People = PEOPLE) -> dict[int, int]:
    pairs = [budget_plan.assigned(part) for part in allocated(people, MODEL, ask).plan]
    return {int(u): int(k) for users, ks in pairs for u, k in zip(users, ks, strict=True)}


@pytest.mark.parametrize(
    "ask",
    [
        Ask("total", 4001.0, 0.3),
        Ask("per_user", 2.0, 0.3, k_min=1),
        Ask("total", 4000.0, 0.0, together=True, leaving={"new": 3.0}),
        Ask("price", 30.0, 0.3, k_max=4),
    ],
)
def test_budgets_are_those_of_memory_to_the_bit(files: Path, tmp_path: Path, ask: Ask) -> None:
    found = allocate_files(files, tmp_path / "out", MODEL, ask)
    expected = allocated(PEOPLE, MODEL, ask).report
    assert written(tmp_path / "out") == in_memory(ask)
    assert [(g.name, g.people, g.caps, g.price) for g in found.groups] == [
        (g.name, g.people, g.caps, g.price) for g in expected.groups
    ]
    assert [(g.caps_today, g.caps_allowed) for g in found.groups] == [
        (g.caps_today, g.caps_allowed) for g in expected.groups
    ]
    assert sum(found.by_budget) == found.people == expected.people
    assert found.value == pytest.approx(expected.after.value, rel=1e-6)


def test_a_reach_that_nobody_has_needs_no_total(tmp_path: Path) -> None:
    people = replace(PEOPLE, reach=PEOPLE.reach // 2 * 2)
    write_people(people, tmp_path / "people" / "one.parquet")
    ask = Ask("total", 3000.0, 0.3)
    assert [g.name for g in allocate_files(tmp_path / "people", tmp_path / "out", MODEL, ask).groups] == [
        "email_only",
        "both",
    ]
    assert written(tmp_path / "out") == in_memory(ask, people)


class Killed(Exception):
    """Stands for a kill: nothing of the job runs after it."""


def test_a_killed_run_goes_on_where_it_stopped(files: Path, tmp_path: Path) -> None:
    ask = Ask("total", 4000.0, 0.3)

    def kill_at(stage: str, people: int) -> FilesAllocation:
        def tell(now: str, done: int, _: int) -> None:
            if now == stage and done >= people:
                raise Killed

        return allocate_files(files, tmp_path / "out", MODEL, ask, tell)

    with pytest.raises(Killed):
        kill_at("scoring", 1400)
    with pytest.raises(Killed):
        kill_at("writing budgets", 700)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "budgets").glob("*.parquet")}
    found = allocate_files(files, tmp_path / "out", MODEL, ask)
    assert (found.scored, found.kept) == (0, PARTS)
    assert len(before) == 1
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert written(tmp_path / "out") == in_memory(ask)


def test_another_total_scores_nobody_again(files: Path, tmp_path: Path) -> None:
    allocate_files(files, tmp_path / "out", MODEL, Ask("total", 4000.0, 0.3))
    found = allocate_files(files, tmp_path / "out", MODEL, Ask("per_user", 1.5, 0.3))
    assert found.scored == 0
    assert written(tmp_path / "out") == in_memory(Ask("per_user", 1.5, 0.3))


def test_a_changed_partition_is_scored_again_and_no_other(files: Path, tmp_path: Path) -> None:
    ask = Ask("total", 4000.0, 0.3)
    allocate_files(files, tmp_path / "out", MODEL, ask)
    os.utime(files / "part-0.parquet", ns=(1, 1))  # another time, the same bytes
    assert allocate_files(files, tmp_path / "out", MODEL, ask).scored == 0
    changed = replace(PEOPLE, activity=np.where(rows_of(2), 5 - PEOPLE.activity, PEOPLE.activity))
    write_people(changed.only(rows_of(2)), files / "part-2.parquet")
    assert allocate_files(files, tmp_path / "out", MODEL, ask).scored == 1
    assert written(tmp_path / "out") == in_memory(ask, changed)


def test_going_back_to_fewer_people_keeps_nothing_that_was_overwritten(files: Path, tmp_path: Path) -> None:
    ask, out = Ask("per_user", 2.0, 0.3), tmp_path / "out"
    allocate_files(files, out, MODEL, ask)
    extra = files / "part-9.parquet"
    write_people(replace(PEOPLE, key=PEOPLE.key + np.uint64(1)), extra)
    with pytest.raises(Killed):
        allocate_files(files, out, MODEL, ask, lambda *_: (_ for _ in ()).throw(Killed()))
    extra.unlink()
    assert allocate_files(files, out, MODEL, ask).scored == PARTS
    assert written(out) == in_memory(ask)


def test_people_who_are_gone_have_no_budget_any_more(files: Path, tmp_path: Path) -> None:
    ask = Ask("per_user", 2.0, 0.3)
    allocate_files(files, tmp_path / "out", MODEL, ask)
    (files / "part-3.parquet").unlink()
    allocate_files(files, tmp_path / "out", MODEL, ask)
    assert written(tmp_path / "out") == in_memory(ask, PEOPLE.only(~rows_of(3)))


def test_another_model_scores_everybody_again(files: Path, tmp_path: Path) -> None:
    ask = Ask("per_user", 2.0, 0.3)
    allocate_files(files, tmp_path / "out", MODEL, ask)
    assert allocate_files(files, tmp_path / "out", a_model(0.1), ask).scored == PARTS


def test_the_manifest_names_settings_and_inputs(files: Path, tmp_path: Path) -> None:
    allocate_files(files, tmp_path / "out", MODEL, Ask("per_user", 2.0, 0.3))
    manifest = (tmp_path / "out" / "manifest.json").read_text()
    assert MODEL.version in manifest
    assert all(f"part-{part}.parquet" in manifest for part in range(PARTS))


def test_bad_input_says_what_to_do(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InfeasibleBudget, match="lower --k-min"):
        allocate_files(files, out, MODEL, Ask("total", 10.0, 0.3, k_min=2))
    with pytest.raises(CannotExport, match="a folder that is empty"):
        allocate_files(files, files, MODEL, Ask("total", 10.0, 0.3))
    with pytest.raises(UnreadableInput, match="without a Parquet file"):
        allocate_files(tmp_path / "nowhere", out, MODEL, Ask("total", 10.0, 0.3))
    table = pq.read_table(files / "part-1.parquet")
    pq.write_table(table.drop(["wish"]), files / "part-1.parquet")
    with pytest.raises(UnreadableInput, match="without wish"):
        allocate_files(files, out, MODEL, Ask("total", 10.0, 0.3))
    pq.write_table(table.replace_schema_metadata({"tactful.features": "old"}), files / "part-1.parquet")
    with pytest.raises(InvalidFeatures, match="schema old"):
        allocate_files(files, out, MODEL, Ask("total", 10.0, 0.3))
    (files / "part-1.parquet").write_bytes(b"no parquet")
    with pytest.raises(UnreadableInput, match="write this partition again"):
        allocate_files(files, out, MODEL, Ask("total", 10.0, 0.3))
    write_people(PEOPLE.only(PEOPLE.drawn), tmp_path / "drawn" / "one.parquet")
    with pytest.raises(BudgetsStand, match="got nobody"):
        allocate_files(tmp_path / "drawn", tmp_path / "other", MODEL, Ask("total", 10.0, 0.3))
