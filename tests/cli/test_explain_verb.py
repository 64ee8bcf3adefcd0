"""`tactful explain`: reads at 100 columns, as JSON, and fails clearly."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from small_app import PEOPLE, QUIET
from tactful.cli.app import app
from tactful.cli.heat_line import heat_lines
from tactful.clock import from_us
from tactful.events.records import SlotPlan

RUNNER = CliRunner(env={"COLUMNS": "100"})


def explain(app_db: Path, *arguments: str) -> Result:
    return RUNNER.invoke(app, ["explain", "--store", str(app_db), *arguments])


@pytest.mark.parametrize("number", range(0, PEOPLE, 4))
def test_an_explanation_has_its_parts_within_100_columns(app_db: Path, number: int) -> None:
    result = explain(app_db, f"u{number:03d}")
    assert result.exit_code == 0, result.output
    for part in ("Trace", "Budget:", "Plan of the day: quota", "Decision ", "What would have changed it"):
        assert part in result.output
    assert max(len(line) for line in result.output.splitlines()) <= 100


def test_a_user_without_a_decision_is_explained_too(app_db: Path) -> None:
    result = explain(app_db, QUIET)
    assert result.exit_code == 0
    assert "no candidate was ever open" in " ".join(result.output.split())


def test_json_is_the_whole_explanation_and_nothing_else(app_db: Path) -> None:
    found = json.loads(explain(app_db, "u001", "--json").stdout)
    assert found["user_id"] == "u001"
    assert found["decision"]["decision_id"]
    assert [step["code"] for step in found["trace"]] == [reason["code"] for reason in found["decision"]["reasons"]]
    assert len(found["plan"]["slot_probs"]) == 24
    assert found["changes"]


def test_the_hours_of_the_day_are_told_with_the_model_and_the_rank(app_db: Path) -> None:
    found = json.loads(explain(app_db, "u001", "--json").stdout)["hours"]
    assert [hour["slot"] for hour in found["hours"]] == list(range(24))
    assert found["model"]["name"] == "slot_histogram"
    shown = " ".join(explain(app_db, "u001").output.split())
    for sentence in found["sentences"]:
        assert sentence in shown.replace("- ", "")


def test_an_instant_chooses_the_last_decision_before_it(app_db: Path) -> None:
    latest = json.loads(explain(app_db, "u005", "--json").stdout)["decision"]
    earlier = json.loads(explain(app_db, "u005", "--json", "--at", "2026-03-03T12:00:00Z").stdout)["decision"]
    assert earlier["at"] <= "2026-03-03T12:00:00Z" < latest["at"]
    named = json.loads(explain(app_db, "u005", "--json", "--decision", earlier["decision_id"]).stdout)["decision"]
    assert named == earlier


def test_an_unknown_user_is_an_error_with_the_nearest_ids(app_db: Path) -> None:
    result = explain(app_db, "u0011")
    assert result.exit_code == 1
    assert "'u001'" in result.stderr
    assert result.stdout == ""


def test_a_decision_that_is_not_the_users_is_an_error(app_db: Path) -> None:
    result = explain(app_db, "u001", "--decision", "ffff")
    assert result.exit_code == 1
    assert "none of user 'u001'" in result.stderr


@pytest.mark.parametrize("text", ["2026-03-03T12:00:00", "yesterday"])
def test_an_instant_that_nobody_knows_is_refused(app_db: Path, text: str) -> None:
    result = explain(app_db, "u001", "--at", text)
    assert result.exit_code == 2
    assert text in result.stderr


def test_explaining_leaves_the_file_as_it_was(app_db: Path) -> None:
    before = app_db.read_bytes()
    explain(app_db, "u001")
    assert app_db.read_bytes() == before


def test_heat_line_shows_shades_jobs_sends_and_the_present_slot() -> None:
    probs = tuple(0.5 if slot == 8 else 0.25 if slot == 20 else 0.0 for slot in range(24))
    plan = SlotPlan(user_id="u", at=from_us(0), day=0, quota=1, slot_probs=probs, jobs=(8, 20),
                    sends=tuple(int(slot == 8) for slot in range(24)), inclusion=(0.0,) * 24)  # fmt: skip
    hours, shades, marks = heat_lines(plan, now=20)
    assert hours.split() == [f"{slot:02d}" for slot in range(24)]
    assert [shades[3 * slot] for slot in (0, 8, 20)] == [" ", "█", "▄"]
    assert (marks[24], marks[60:62]) == ("S", "J^")
