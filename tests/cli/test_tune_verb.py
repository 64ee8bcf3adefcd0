"""`tactful tune`: what other weights would have brought, the ones to paste, and no answer from too small a slice."""

import json
import tomllib
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from tactful.cli.app import app
from tactful.decision.rules import Rules
from tuning_store import fill_store

RUNNER = CliRunner(env={"COLUMNS": "110"})


def tune(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["tune", *map(str, arguments)])


@pytest.fixture(scope="module")
def tuning_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tuning") / "app.db"
    fill_store(path)
    return path


def test_fewer_leave_and_fewer_click_the_more_leaving_costs(tuning_db: Path) -> None:
    done = tune(tuning_db, "--weight", "unsubscribe=0,-50", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    in_force, free, dear = told["points"]
    assert in_force["in_force"]
    assert in_force["weights"]["unsubscribe"] == -5.0
    assert free["outcomes"]["unsubscribe"][0] > 2 * dear["outcomes"]["unsubscribe"][0]
    assert free["outcomes"]["click"][0] > dear["outcomes"]["click"][0] + 0.05
    assert 0.15 < free["outcomes"]["click"][0] < 0.3  # of an e-mail .3, and .15 of a push to those who left it
    assert told["messages"] > 500


def test_the_point_that_is_picked_is_printed_to_paste(tuning_db: Path) -> None:
    done = tune(tuning_db, "--weight", "unsubscribe=0,-50", "--pick", "2")
    assert done.exit_code == 0, done.output
    pasted = tomllib.loads(done.stdout[done.stdout.index("[rules.weights]") :])
    rules = msgspec.convert(pasted["rules"], Rules)
    assert rules.weights == {**Rules().weights, "unsubscribe": -50.0}


def test_a_segment_is_tuned_by_itself(tuning_db: Path) -> None:
    done = tune(tuning_db, "--segment", "new", "--weight", "unsubscribe=-50", "--pick", "1")
    assert done.exit_code == 0, done.output
    pasted = tomllib.loads(done.stdout[done.stdout.index("[rules.weights_by") :])
    assert pasted["rules"]["weights_by_segment"] == {"new": {"unsubscribe": -50.0}}
    assert "people in new" in done.stdout


def test_a_page_shows_the_frontier(tuning_db: Path, tmp_path: Path) -> None:
    page = tmp_path / "weights.html"
    done = tune(tuning_db, "--html", page)
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert "Clicks against those who leave" in text
    assert "left of 1,000 messages" in text


def test_a_store_without_random_sends_is_refused_with_what_to_do(app_db: Path) -> None:
    done = tune(app_db)
    assert done.exit_code == 1
    assert "exploration.random_send" in done.output


def test_bad_words_are_refused(tuning_db: Path) -> None:
    assert "HEAD=W,W" in tune(tuning_db, "--weight", "unsubscribe=dear").output
    assert "expected heads" in tune(tuning_db, "--weight", "purchase=1").output
    assert "expected an activity" in tune(tuning_db, "--segment", "asleep").output
    assert "expected a point" in tune(tuning_db, "--pick", "99").output
