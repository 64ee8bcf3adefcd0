"""`tactful simulate`: named arms in one world, as a table and as JSON."""

import json
from pathlib import Path

from typer.testing import CliRunner

import small_app
from tactful.cli.app import app
from tactful.stores.sqlite import SqliteStore

RUNNER = CliRunner(env={"COLUMNS": "100"})
SMALL = ["--users", "40", "--days", "2", "--warm-up", "8"]


def test_named_arms_are_told_in_one_table_that_says_simulated() -> None:
    result = RUNNER.invoke(app, ["simulate", "silence", "nine_oclock", *SMALL])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Simulated: 40 people, 2 days after 8 of warm-up, seed 0")
    assert "silence" in result.stdout
    assert "nine_oclock" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 100


def test_json_has_the_figures_of_an_arm_at_the_volume_asked_for() -> None:
    (found,) = json.loads(RUNNER.invoke(app, ["simulate", "nine_oclock", "--volume", "5", "--json", *SMALL]).stdout)
    assert found["arm"] == "nine_oclock"
    assert found["sends"] > 0
    assert found["quiet_hour_violations"] == 0


def test_an_unknown_arm_is_an_error_with_the_known_ones() -> None:
    result = RUNNER.invoke(app, ["simulate", "nine_o_clock", *SMALL])
    assert result.exit_code == 1
    assert 'did you mean "nine_oclock"' in result.stderr


def test_arms_live_in_a_world_of_constants_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text("[constants]\nvisits = 2.0\n")
    command = ["simulate", "silence", "--json", *SMALL]
    (usual,) = json.loads(RUNNER.invoke(app, command).stdout)
    (busy,) = json.loads(RUNNER.invoke(app, [*command, "--constants", str(tmp_path / "world.toml")]).stdout)
    assert busy["active_a_day"][0] > 2.0 * usual["active_a_day"][0]


def test_a_fit_tries_no_arm_and_needs_a_store(tmp_path: Path) -> None:
    with_arm = RUNNER.invoke(app, ["simulate", "silence", "--fit", str(tmp_path / "app.db")])
    assert with_arm.exit_code == 2
    assert "tries no arm" in " ".join(with_arm.stderr.split())
    alone = RUNNER.invoke(app, ["simulate", "--out", str(tmp_path / "world.toml")])
    assert alone.exit_code == 2
    missing = RUNNER.invoke(app, ["simulate", "--fit", str(tmp_path / "app.db")])
    assert missing.exit_code == 1
    assert "is not there" in missing.stderr


def test_a_store_of_three_days_is_too_little_to_fit(tmp_path: Path) -> None:
    small_app.run(SqliteStore(tmp_path / "app.db", synchronous="normal")).close()
    result = RUNNER.invoke(app, ["simulate", "--fit", str(tmp_path / "app.db"), "--out", str(tmp_path / "world.toml")])
    assert result.exit_code == 1
    assert "21 and 200 at least" in result.stderr
    assert not (tmp_path / "world.toml").exists()
