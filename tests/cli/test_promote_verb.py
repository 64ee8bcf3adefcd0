"""`tactful promote` and `rollback`: what the gate refuses starts nothing, force is on record, back is one command."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import promotion_store
from tactful.cli.app import app

RUNNER = CliRunner(env={"COLUMNS": "100"})


def run(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, [str(one) for one in arguments])


def told(*arguments: str | Path) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def promotion_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("promotion") / "app.db"
    promotion_store.fill_store(path, people=120, days=8)
    return path


@pytest.fixture
def db(promotion_db: Path, tmp_path: Path) -> Path:
    for file in promotion_db.parent.iterdir():
        shutil.copy(file, tmp_path / file.name)
    return tmp_path / "app.db"


def version(db: Path, which: str) -> str:
    return (db.parent / f"{which}.txt").read_text(encoding="utf-8")


def test_a_worse_ranker_is_refused_with_its_figures_and_nothing_starts(db: Path) -> None:
    before = db.read_bytes()
    done = run("promote", db, version(db, "worse"), "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["gate"]["verdict"], found["move"]) == ("worse", None)
    click = found["gate"]["judgements"][0]
    assert click["difference"][2] < click["allowed"] < 0.0
    assert click["rows"] > click["ess"] > 100.0
    assert db.read_bytes() == before
    assert "Gate: WORSE" in run("promote", db, version(db, "worse")).output


def test_a_thin_log_is_inconclusive_and_says_what_it_lacks(tmp_path: Path) -> None:
    thin = tmp_path / "app.db"
    promotion_store.fill_store(thin, people=30, days=5)
    done = run("promote", thin, version(thin, "better"))
    assert done.exit_code == 1
    assert "Gate: inconclusive" in done.output
    assert "expected at least 100" in " ".join(done.output.split())
    assert told("promote", thin, "--history") == []


def test_what_loses_nothing_starts_and_one_command_ends_it(db: Path) -> None:
    started = told("promote", db, version(db, "better"), "--days", "1", "--sends", "0")
    assert started["gate"]["verdict"] == "promote"
    assert started["move"]["canary"]["plan"]["stages"] == [0.01, 0.05, 0.25]
    assert "has not read" in run("promote", db, version(db, "worse"), "--force", "--by", "ann", "--reason", "x").output
    promotion_store.live(db, days=1, people=120)
    back = told("rollback", db, "--by", "ann", "--reason", "wrong texts")
    assert (back["what"], back["by"], back["reason"]) == ("rolled_back", "ann", "wrong texts")
    promotion_store.live(db, days=1, people=120)
    assert [one["what"] for one in told("promote", db, "--history")] == ["started", "rolled_back"]
    assert "canary taken back" in run("promote", db, "--history").output
    assert "no canary that runs" in run("promote", db, "--advance").output


def test_force_is_on_record_with_who_and_why(db: Path) -> None:
    assert run("promote", db, version(db, "worse"), "--force").exit_code == 2
    done = run("promote", db, version(db, "worse"), "--force", "--by", "ann", "--reason", "the old one ends today")
    assert done.exit_code == 0, done.output
    assert "past the gate, by ann" in " ".join(done.output.split())
    promotion_store.live(db, days=1, people=120)
    (move,) = told("promote", db, "--history")
    assert (move["what"], move["by"], move["gate"]["verdict"]) == ("forced", "ann", "worse")


def test_what_is_not_there_is_refused(db: Path) -> None:
    assert "does not keep" in run("promote", db, "0011").output
    assert "no rank model that decided before" in run("rollback", db).output
    assert run("promote", db).exit_code == 2
    assert run("promote", db, "--advance", "--history").exit_code == 2
