"""`tactful train timing`: learns hours from a store, keeps the model in force with its report, says what is missing."""

import json
import shutil
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from tactful.cli.app import app
from tactful.cli.report.timing import print_timing
from tactful.clock import DAY_US, SimulatedClock, from_us
from tactful.events.records import SlotPlan, decode
from tactful.models.in_force import slot_model_in_force
from tactful.models.slot_boosted import SlotBoosted
from tactful.runtime.embedded import Engine
from tactful.runtime.models_in_use import scorer_of, simple_scorer
from tactful.runtime.settings import Settings, noted
from tactful.stores.sqlite import SqliteStore
from tactful.training.timing.keeping import report_of
from timing_people import START_US, two_habits
from timing_store import fill_store

RUNNER = CliRunner(env={"COLUMNS": "100"})
PEOPLE, DAYS = 60, 16


def train(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["train", "timing", *map(str, arguments)])


@pytest.fixture(scope="module")
def habits_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People of two habits; tests that write to it copy it first."""
    path = tmp_path_factory.mktemp("timing") / "app.db"
    fill_store(path, two_habits(PEOPLE, DAYS), PEOPLE, DAYS)
    return path


@pytest.fixture(scope="module")
def trained(habits_db: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The same after `--json`, and what that said."""
    path = Path(shutil.copy(habits_db, tmp_path_factory.mktemp("trained") / "app.db"))
    done = train(path, "--json")
    assert done.exit_code == 0, done.output
    return path, json.loads(done.stdout)


def test_the_chosen_model_is_in_force_with_its_report_beside_it(trained: tuple[Path, dict]) -> None:
    path, told = trained
    store = SqliteStore(path, read_only=True)
    model = slot_model_in_force(store)
    assert isinstance(model, SlotBoosted)
    report = report_of(store, model.version)
    store.close()
    assert report is not None
    assert json.loads(msgspec.json.encode(report)) == told
    assert (told["chosen"], told["model_version"]) == ("boosted", model.version)
    assert told["messages"] == 0


def test_the_report_is_read_at_100_columns(trained: tuple[Path, dict]) -> None:
    store = SqliteStore(trained[0], read_only=True)
    report = report_of(store, trained[1]["model_version"])
    store.close()
    assert report is not None
    out = Console(width=100, record=True, file=StringIO())
    print_timing(report, out)
    text = out.export_text()
    for part in ("How well the judged days", "Less the smoothed histogram", "no message was sent", "Taken: boosted"):
        assert part in text
    assert "click log loss: " in " ".join(text.split())
    assert "…" not in text


def test_an_engine_opened_next_plans_mornings_on_work_days_and_evenings_on_days_of_rest(
    trained: tuple[Path, dict], tmp_path: Path
) -> None:
    store = SqliteStore(Path(shutil.copy(trained[0], tmp_path / "app.db")))
    settings = noted(store)
    end = START_US + DAYS * DAY_US
    engine = Engine(store, settings, clock=SimulatedClock(end))
    seen = {}
    for day in range(DAYS, DAYS + 5):  # Wednesday to Sunday
        engine.advance(from_us(START_US + (day + 1) * DAY_US - 1))
        seen[day % 7] = engine.population.table.rows["slot_p"].mean(axis=0)
    engine.close()
    assert seen[3][6:12].sum() > 0.8
    assert seen[5][18:24].sum() > 0.8


def test_an_engine_may_run_meanwhile_and_goes_on_with_its_own_model(habits_db: Path, tmp_path: Path) -> None:
    db, end = Path(shutil.copy(habits_db, tmp_path / "app.db")), START_US + DAYS * DAY_US
    running = Engine(SqliteStore(db), Settings(seed=3), clock=SimulatedClock(end))
    assert train(db, "--model", "histogram", "--json").exit_code == 0
    running.advance(from_us(end + DAY_US))
    rows = list(running.store.plans_between(end - 1, end + DAY_US))
    made = {plan.model_version for plan in map(decode, (row.data for row in rows)) if isinstance(plan, SlotPlan)}
    assert made == {simple_scorer().version}
    assert scorer_of(running.store).version not in made
    running.close()


def test_training_again_with_another_model_puts_that_one_in_force(trained: tuple[Path, dict], tmp_path: Path) -> None:
    db = Path(shutil.copy(trained[0], tmp_path / "app.db"))
    assert train(db, "--model", "histogram", "--json").exit_code == 0
    store = SqliteStore(db, read_only=True)
    model = slot_model_in_force(store)
    assert model is not None
    assert model.version != trained[1]["model_version"]
    assert store.model("slot_boosted", trained[1]["model_version"]) is not None
    store.close()


def test_a_store_without_people_or_days_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "empty.db").close()
    empty = train(tmp_path / "empty.db")
    assert empty.exit_code == 1
    assert "tactful import" in empty.stderr
    fill_store(tmp_path / "young.db", two_habits(5, 4), 5, 4)
    young = train(tmp_path / "young.db")
    assert young.exit_code == 1
    assert "got 4 whole days of log, expected at least 9" in " ".join(young.stderr.split())
    store = SqliteStore(tmp_path / "young.db", read_only=True)
    assert slot_model_in_force(store) is None
    store.close()
    missing = train(tmp_path / "no.db")
    assert missing.exit_code == 1
    assert "is not there" in missing.stderr


def test_a_country_without_a_calendar_is_refused(habits_db: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[timing]\ncountry = "XX"\n')
    refused = train(habits_db, "--settings", settings)
    assert refused.exit_code == 1
    assert "XX" in refused.stderr


def test_the_network_without_torch_says_what_to_install(habits_db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))
    refused = train(habits_db, "--model", "network")
    assert refused.exit_code == 2
    assert "tactful[train]" in refused.output
