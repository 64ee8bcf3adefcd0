"""`tactful replay`: equal to the record, different under other settings, and 1 when it should be equal and is not."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.cli.app import app
from tactful.runtime.settings import Settings, note
from tactful.stores.sqlite import SqliteStore

RUNNER = CliRunner(env={"COLUMNS": "100"})


@pytest.fixture
def less(tmp_path: Path) -> Path:
    path = tmp_path / "less.toml"
    path.write_text("[volume]\nper_user_per_week = 0.5\n")
    return path


def test_the_recorded_settings_give_the_record_byte_for_byte(app_db: Path) -> None:
    result = RUNNER.invoke(app, ["replay", str(app_db)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Equal: ")
    assert "byte for byte" in " ".join(result.stdout.split())


def test_json_says_equal_and_how_much_was_compared(app_db: Path) -> None:
    found = json.loads(RUNNER.invoke(app, ["replay", str(app_db), "--json"]).stdout)
    assert found["equal"] is True
    assert found["decisions"] > 100
    earlier = RUNNER.invoke(app, ["replay", str(app_db), "--json", "--until", "2026-03-03T00:00:00Z"])
    assert 0 < json.loads(earlier.stdout)["decisions"] < found["decisions"]


def test_other_settings_are_compared_in_a_table(app_db: Path, less: Path) -> None:
    result = RUNNER.invoke(app, ["replay", str(app_db), "--settings", str(less)])
    assert result.exit_code == 0, result.output
    for part in ("recorded", "replayed", "difference", "sends, type", "sends, channel", "local", "jobs ("):
        assert part in result.stdout
    assert max(len(line) for line in result.output.splitlines()) <= 100


def test_other_settings_are_compared_as_json(app_db: Path, less: Path) -> None:
    found = json.loads(RUNNER.invoke(app, ["replay", str(app_db), "--settings", str(less), "--json"]).stdout)
    assert found["replayed"]["sends"] < found["recorded"]["sends"]
    assert found["changed_share"] == found["changed"] / found["jobs"]


def test_a_day_through_other_settings_says_who_would_have_got_what(app_db: Path, less: Path) -> None:
    day = ["replay", str(app_db), "--settings", str(less), "--day", "2026-03-03"]
    found = json.loads(RUNNER.invoke(app, [*day, "--json"]).stdout)
    assert found["counts"]["not_sent"] > 0
    assert found["replayed"]["sends"] == found["recorded"]["sends"] - found["counts"]["not_sent"]
    assert {one["how"] for one in found["changes"]} == {how for how, n in found["counts"].items() if n} - {"same"}
    shown = RUNNER.invoke(app, day).stdout
    for part in ("2026-03-03 (UTC)", "clicks, foretold", "unsubscribes, foretold", "not sent", "u0"):
        assert part in shown
    refused = RUNNER.invoke(app, ["replay", str(app_db), "--day", "2026-03-03"])
    assert refused.exit_code == 2
    assert "give --settings" in refused.output


def test_settings_equal_to_the_recorded_ones_verify_and_do_not_compare(app_db: Path, tmp_path: Path) -> None:
    same = tmp_path / "same.toml"
    same.write_text("[volume]\nper_user_per_week = 3.0\n")
    found = json.loads(RUNNER.invoke(app, ["replay", str(app_db), "--settings", str(same), "--json"]).stdout)
    assert found["equal"] is True


def test_a_record_that_its_settings_do_not_give_exits_with_1_and_names_the_first_difference(
    app_db: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(app_db, copy)
    store = SqliteStore(copy)
    note(store, Settings(seed=99))
    store.close()
    result = RUNNER.invoke(app, ["replay", str(copy)])
    assert result.exit_code == 1
    assert "First difference: " in result.stdout


def test_replaying_leaves_the_file_as_it_was(app_db: Path) -> None:
    before = app_db.read_bytes()
    RUNNER.invoke(app, ["replay", str(app_db)])
    assert app_db.read_bytes() == before
