"""Runs of the benchmark: cells are made once, sizes are never mixed, worlds and models can be one's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tactful.errors import InvalidExperiment
from tactful.simulator.bench import cell, compare, run, scratch, sensitivity, worlds
from tactful.simulator.bench.cell import Cell
from tactful.simulator.bench.run import Bench, Job
from tactful.simulator.bench.scratch import kept
from tactful.simulator.bench.teach import Models, Sizes
from tactful.simulator.constants import Constants

SIZES = Sizes(users=60, training=60, days=7, warm_up=2)


@pytest.fixture
def bench(tmp_path: Path, models: Models, monkeypatch: pytest.MonkeyPatch, shapes_unchecked: None) -> Bench:
    monkeypatch.setattr(run.teach, "learned", lambda *_: models)
    return Bench(SIZES, tmp_path / "results", tmp_path / "scratch")


def test_a_run_makes_what_is_missing_once_and_the_same_again(bench: Bench) -> None:
    wanted = run.jobs(["default"], ["silence", "uniform_personal"], [4], [1.0])
    for job in run.missing(bench, wanted):
        run.live(bench, job)
    found = {one.arm: one for one in cell.cells(bench.results)}
    assert set(found) == {"silence", "uniform_personal"}
    assert found["uniform_personal"].of_each.shape == (60,)
    assert found["uniform_personal"].sends_per_user_week > found["silence"].sends_per_user_week
    assert list(run.missing(bench, wanted)) == []
    saved = compare.precision([found["uniform_personal"]], [found["silence"]])
    assert saved is not None
    assert saved >= 5.0  # common random numbers: the difference has a fifth of the variance, or less
    before = found["uniform_personal"]
    run.cell_file(bench, wanted[1]).unlink()
    run.live(bench, wanted[1])
    (again,) = [one for one in cell.cells(bench.results) if one.arm == "uniform_personal"]
    assert again.scores == before.scores


def test_cells_of_another_size_are_not_mixed(bench: Bench, made_cell: Callable[..., Cell]) -> None:
    job = Job("default", 1, "silence", 1.0)
    cell.write(run.cell_file(bench, job), made_cell("silence", [1.0, 2.0]))
    with pytest.raises(InvalidExperiment, match="2 people and 56 days"):
        list(run.missing(bench, [job]))


def test_silence_has_one_volume_and_unknown_names_are_told(bench: Bench) -> None:
    asked = run.jobs(["default"], ["silence", "nep"], [1], [0.5, 1.0])
    assert [(job.arm, job.times) for job in asked] == [("silence", 0.5), ("nep", 0.5), ("nep", 1.0)]
    with pytest.raises(InvalidExperiment, match='did you mean "tactful"'):
        run.jobs(["default"], ["tactfull"], [1], [1.0])
    with pytest.raises(InvalidExperiment, match="steep_fatigue"):
        run.jobs(["steep_fatige"], ["nep"], [1], [1.0])


def test_a_world_of_ones_own_is_entered_by_its_module(bench: Bench) -> None:
    own = "tactful.simulator.world:make"
    assert worlds.maker(own)(3, 10).users().n == 10
    with pytest.raises(InvalidExperiment, match="module:make"):
        worlds.maker("tactful.simulator.world:made")


def test_names_of_worlds_say_what_they_change() -> None:
    usual = Constants()
    assert worlds.constants_of("fatigue_days*2") == usual._replace(fatigue_days=2.0 * usual.fatigue_days)
    assert worlds.constants_of("prior-3") != worlds.constants_of("prior-4")
    assert worlds.constants_of("flat_hours").flat_hours == 1.0
    assert len(sensitivity.scaled_worlds()) == 20


def test_a_stopped_making_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "a.pickle", stop)
    assert kept(tmp_path / "a.pickle", lambda: 3) == 3
    assert scratch.kept(tmp_path / "a.pickle", stop) == 3
