"""`tactful simulate`: named arms in one world, as a table and as JSON."""

import json

from typer.testing import CliRunner

from tactful.cli.app import app

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
