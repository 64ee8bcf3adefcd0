"""`tactful train volume`: learns from drawn budgets, keeps model and report, refuses what was not drawn."""

import json
import shutil
from io import StringIO
from pathlib import Path

import msgspec
from rich.console import Console
from typer.testing import CliRunner, Result

from tactful.cli.app import app
from tactful.cli.report.fit import print_fit
from tactful.models import served
from tactful.models.volume_response import VolumeResponse
from tactful.runtime.allocating import response_model
from tactful.stores.sqlite import SqliteStore
from tactful.training.volume.keeping import report_of
from volume_store import fill_store

RUNNER = CliRunner(env={"COLUMNS": "100"})


def train(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["train", "volume", *map(str, arguments)])


def test_the_model_is_kept_with_its_report_and_training_again_changes_nothing(trained_db: Path, tmp_path: Path) -> None:
    db = Path(shutil.copy(trained_db, tmp_path / "app.db"))
    told = json.loads(train(db, "--json").stdout)
    store = SqliteStore(db, read_only=True)
    model = response_model(store)
    report = report_of(store, model.version)
    store.close()
    assert report is not None
    assert json.loads(msgspec.json.encode(report)) == told
    first = SqliteStore(trained_db, read_only=True)
    assert response_model(first).version == model.version == told["model_version"]
    assert report_of(first, model.version) == report
    first.close()
    assert report.budgets == (0, 1, 2, 3, 5, 7, 10)
    assert {(head["purpose"], head["reach"]) for head in told["heads"]} == {
        (purpose, reach)
        for purpose in ("activity", "activity_week", "unsubscribe", "long_term")
        for reach in ("email_only", "push_only", "both")
    }


def test_the_discount_of_the_settings_is_the_models(trained_db: Path, tmp_path: Path) -> None:
    db, settings = Path(shutil.copy(trained_db, tmp_path / "app.db")), tmp_path / "settings.toml"
    settings.write_text("[volume]\ngamma = 0.5\n")
    assert train(db, "--settings", settings).exit_code == 0
    store = SqliteStore(db, read_only=True)
    assert response_model(store).gamma == 0.5
    store.close()


def test_the_report_is_read_at_100_columns(trained_db: Path) -> None:
    store = SqliteStore(trained_db, read_only=True)
    report = report_of(store, response_model(store).version)
    store.close()
    assert report is not None
    out = Console(width=100, record=True, file=StringIO())
    print_fit(report, out)
    text = out.export_text()
    for part in ("foretells them with AUC", "The models", "log loss", "Fill:"):
        assert part in text
    assert "…" not in text


def test_a_plan_says_user_weeks_by_the_stores_own_rates_and_trains_nothing(volume_db: Path) -> None:
    before = volume_db.read_bytes()
    own, stated = (json.loads(train(*some, "--plan", "--json").stdout) for some in ([volume_db], []))
    assert (own["rates_of_store"], stated["rates_of_store"]) == (True, False)
    assert own["rates"]["weekly_hazard"] > 2 * stated["rates"]["weekly_hazard"]
    assert all(need["user_weeks"] > need["users"] > 0 for need in [*own["needs"], *stated["needs"]])
    assert volume_db.read_bytes() == before
    shown = train(volume_db, "--plan")
    assert "this store's own" in shown.output
    assert "user-weeks" in shown.output


def test_a_plan_of_an_empty_store_takes_the_stated_rates(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "empty.db").close()
    assert "stated, for the store does not tell yet" in " ".join(train(tmp_path / "empty.db", "--plan").output.split())


def test_budgets_that_follow_activity_are_refused_with_the_auc_unless_allowed_with_a_warning(tmp_path: Path) -> None:
    db = tmp_path / "app.db"
    fill_store(db, people=400, by_habit=True)
    refused = train(db)
    assert refused.exit_code == 1
    assert "of foretelling the budget" in refused.stderr
    assert "set exploration.volume_share" in refused.stderr
    store = SqliteStore(db, read_only=True)
    assert store.model("volume_response") is None
    allowed = train(db, "--allow-observational")
    assert allowed.exit_code == 0, allowed.output
    assert "the sign of an effect may be wrong" in " ".join(allowed.output.split())
    saved = store.model("volume_response")
    assert saved is not None
    assert isinstance(served.load(saved.data), VolumeResponse)
    store.close()


def test_a_store_without_drawn_budgets_says_what_to_set(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "empty.db").close()
    result = train(tmp_path / "empty.db")
    assert result.exit_code == 1
    assert "volume_share" in result.stderr


def test_before_a_week_is_over_it_says_from_when_there_will_be_data(app_db: Path) -> None:
    """One of its twenty people has a drawn budget, for three days."""
    result = train(app_db)
    assert result.exit_code == 1
    assert "the first is over at 2026-03-09T00:00:01+00:00" in result.stderr


def test_what_cannot_be_trained_from_is_a_wrong_command_line_or_a_missing_file(tmp_path: Path) -> None:
    assert train().exit_code == 2
    missing = train(tmp_path / "no.db")
    assert missing.exit_code == 1
    assert "is not there" in missing.stderr
