"""`tactful train ranker`: learns messages from a store, says how good rankers are, and takes none that is no better."""

import json
import shutil
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from ranking_store import fill_store
from tactful.cli.app import app
from tactful.cli.report.ranking import print_ranking
from tactful.models.in_force import rank_model_in_force
from tactful.stores.sqlite import SqliteStore
from tactful.training.ranking.report import RankReport

RUNNER = CliRunner(env={"COLUMNS": "100"})


def train(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["train", "ranker", *map(str, arguments)])


@pytest.fixture(scope="module")
def people_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some simulated people, too few for any ranker; tests that write to it copy it first."""
    path = tmp_path_factory.mktemp("ranking") / "app.db"
    fill_store(path)
    return path


@pytest.fixture(scope="module")
def told(people_db: Path) -> dict:
    done = train(people_db, "--kind", "boosted", "--json")
    assert done.exit_code == 0, done.output
    found: dict = json.loads(done.stdout)
    return found


def test_what_is_no_better_than_the_simple_predictors_is_not_put_in_force(people_db: Path, told: dict) -> None:
    assert told["chosen"] == "simple"
    assert [one["name"] for one in told["models"]] == ["simple", "boosted"]
    assert told["models"][1]["over_simple"][2] >= 0.0
    store = SqliteStore(people_db, read_only=True)
    assert rank_model_in_force(store) is None
    store.close()


def test_the_parts_of_the_log_add_up(told: dict) -> None:
    assert told["learned"] + told["tuned"] + told["judged"] <= told["messages"]
    assert told["tune_day"] < told["judged_day"] < told["end_day"]
    assert {cell["head"] for cell in told["models"][0]["cells"]} >= {"open", "click", "session_1d"}


def test_the_report_is_read_at_100_columns(told: dict) -> None:
    report = msgspec.convert(told, RankReport)
    out = Console(width=100, record=True, file=StringIO())
    print_ranking(report, out)
    text = out.export_text()
    for part in (
        "How well the judged messages were foretold",
        "By head and channel",
        "Taken: none",
        "hardly calibrated",
    ):
        assert part in " ".join(text.split())
    assert "…" not in text


def test_the_verb_says_that_nothing_was_changed(people_db: Path, tmp_path: Path) -> None:
    db = Path(shutil.copy(people_db, tmp_path / "app.db"))
    done = train(db, "--kind", "boosted")
    assert done.exit_code == 0, done.output
    assert "Nothing was changed in" in done.stdout


def test_a_store_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "empty.db").close()
    empty = train(tmp_path / "empty.db")
    assert empty.exit_code == 1
    assert "exploration.logged_sends" in empty.stderr
    missing = train(tmp_path / "no.db")
    assert missing.exit_code == 1
