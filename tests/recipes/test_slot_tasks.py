"""The hours recipe: its page shows its cells, it runs on a slice, and no model sees the day that it foretells."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.experiments.metrics import auc, log_loss, slot_bits

ROOT = Path(__file__).parents[2]
DAYS = range(17_000, 17_020)


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


@pytest.fixture
def recipe() -> ModuleType:
    import slot_tasks

    return slot_tasks


def _world(n: int = 150, days: range = DAYS, asof: int | None = None) -> tuple:
    """Users of one habitual hour each, seen on most days of a log; as days."""
    from timing.days import Engagements, as_days

    rng = np.random.default_rng(1)
    user, day = (grid.ravel() for grid in np.meshgrid(np.arange(n), np.array(DAYS), indexing="ij"))
    hour = rng.integers(7, 22, n)[user] + rng.integers(-1, 2, len(user))
    came = (rng.random(len(user)) < 0.6) & np.isin(day, np.array(days))
    at_us = day[came] * DAY_US + hour[came] * HOUR_US
    rows = Engagements.of(("view", user[came], at_us, np.full(len(at_us), 9.0)), ("session", user[came], at_us, None))
    return as_days(rows, n, "UTC", days, 10, asof=asof)


def _data() -> object:
    from timing.days import SlotData

    days = _world()
    return SlotData("made up", days[:15], days[15:], days[15].counts().sum(axis=1).astype(np.int64))


def test_tables_of_the_page_are_those_of_the_committed_cells(recipe: ModuleType) -> None:
    from timing.page import tables

    files = sorted((ROOT / "recipes" / "results" / "slot_tasks").glob("*.ndjson"))
    cells = [cell for path in files for cell in recipe.read(path)]
    page = (ROOT / "docs" / "explanation" / "timing.md").read_text(encoding="utf-8")
    assert len(cells) > 40
    for table in tables(cells):
        assert table in page, f"run recipes/slot_tasks.py; the page lacks\n{table}"


@pytest.mark.data
def test_recipe_runs_on_a_slice_and_a_second_run_computes_nothing(
    recipe: ModuleType, data_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    few = frozenset({"everyone", "smoothed", "work/rest"})
    monkeypatch.setattr(recipe, "CASES", {("email_1h", "sessions"): few, ("email_1h", "trials"): few})
    words = ["--slice", "60", "--data", str(data_path), "--results", str(tmp_path)]
    recipe.main(words)
    first = capsys.readouterr().out
    assert "E-mail, acts within 1 h" in first
    files = sorted((tmp_path / "slice-60").glob("*.ndjson"))
    written = [path.stat().st_mtime_ns for path in files]
    assert len(written) == 6
    recipe.main(words)
    assert [path.stat().st_mtime_ns for path in files] == written
    assert capsys.readouterr().out in first


@pytest.mark.parametrize("task", ["sessions", "trials"])
def test_every_simple_or_boosted_model_foretells_better_than_everyones_hours(recipe: ModuleType, task: str) -> None:
    from timing.judge import Judge

    data = _data()
    judge = Judge(data, task, recipe.MODELS["smoothed"](data.train, task, 0))
    found = {}
    for name, fit in recipe.MODELS.items():
        if name.startswith("slot model"):
            continue  # 150 users teach a network nothing; tests/models/test_slot_model.py has its promises
        p = judge.foretell(fit(data.train, task, 0))
        assert p.shape == (5 * 150, 24)
        assert np.all(np.isfinite(p) & (p >= 0.0) & (p <= 1.0)), name
        if task == "sessions":
            assert p.sum(axis=1) == pytest.approx(np.ones(len(p)))
        found[name] = judge.scores(p)[0].value.value
    everyone = found.pop("everyone")
    del found["everyone, by type of day"]
    assert all(value < everyone for value in found.values()), found


def test_scores_are_those_of_the_plain_metrics(recipe: ModuleType) -> None:
    from timing.judge import Judge

    data = _data()
    smoothed = recipe.MODELS["smoothed"](data.train, "sessions", 0)
    judge = Judge(data, "sessions", smoothed)
    p = judge.foretell(smoothed)
    sessions = np.concatenate([day.sessions for day in data.score]).astype(float)
    (score,) = [s for s in judge.scores(p) if (s.stratum, s.measure) == ("all", "bits")]
    assert score.value.value == pytest.approx(slot_bits(p, sessions), abs=1e-6)
    assert score.value.low < score.value.value < score.value.high
    assert score.over_smoothed == (0.0, 0.0, 0.0)
    rates = recipe.MODELS["histogram"](data.train, "trials", 0)
    judge = Judge(data, "trials", rates)
    p, active = judge.foretell(rates), np.concatenate([day.positives for day in data.score]) > 0
    loss, order = (s.value.value for s in judge.scores(p)[:2])
    assert loss == pytest.approx(log_loss(p.ravel(), active.ravel()), abs=1e-6)
    assert order == pytest.approx(auc(p.ravel(), active.ravel()), abs=1e-6)


def test_what_is_known_of_a_day_is_the_same_when_later_days_are_cut_off() -> None:
    whole, cut = _world(), _world(days=range(DAYS.start, DAYS.start + 12))
    for before, after in zip(cut, whole, strict=False):
        assert before.history[:, :, : before.known].tobytes() == after.history[:, :, : after.known].tobytes()
        assert before.types_before.tolist() == after.types_before.tolist()
        assert before.sessions.tolist() == after.sessions.tolist()


def test_after_the_day_asked_for_nothing_newer_is_known() -> None:
    frozen, fresh = _world(asof=DAYS.start + 12), _world()
    for day in frozen[13:]:
        assert day.history.tobytes() == fresh[12].history.tobytes()
    assert frozen[15].sessions.tolist() == fresh[15].sessions.tolist()


def test_the_first_message_after_an_instant_is_found_by_user() -> None:
    from timing.data import _first_after

    sender, sent = np.array([2, 0, 0]), np.array([50, 10, 30])
    found = _first_after(sender, sent, np.array([0, 0, 0, 1, 2]), np.array([9, 10, 30, 0, 0]))
    assert found[[0, 1, 4]].tolist() == [10, 30, 50]
    assert np.all(found[[2, 3]] > 1 << 59)
