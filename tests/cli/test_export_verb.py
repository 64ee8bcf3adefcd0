"""`tactful export`: a folder of Parquet files, what was written in a table or as JSON, and errors in one paragraph."""

import json
from pathlib import Path

import polars
from typer.testing import CliRunner

from tactful.cli.app import app

RUNNER = CliRunner(env={"COLUMNS": "100"})


def test_every_table_is_written_by_day(app_db: Path, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["export", str(app_db), "--to", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    for part in ("decisions", "engagements", "slot_plans", "2026-03-02 to 2026-03-05 (UTC)", "complete through"):
        assert part in result.stdout
    assert len(list((tmp_path / "out").glob("decisions/day=2026-03-0*/part-0.parquet"))) >= 3


def test_json_says_what_was_written_and_what_was_kept(app_db: Path, tmp_path: Path) -> None:
    command = ["export", str(app_db), "--to", str(tmp_path), "--json"]
    first = json.loads(RUNNER.invoke(app, command).stdout)
    again = json.loads(RUNNER.invoke(app, command).stdout)
    assert first["tables"]["decisions"]["rows"] == polars.read_parquet(tmp_path / "decisions/*/*.parquet").height
    assert again["tables"]["decisions"]["days_kept"] == 3
    assert again["through"] == first["through"]


def test_days_may_be_chosen_and_written_anew(app_db: Path, tmp_path: Path) -> None:
    command = ["export", str(app_db), "--to", str(tmp_path), "--from", "2026-03-03", "--until", "2026-03-03", "--json"]
    for _ in range(2):
        done = json.loads(RUNNER.invoke(app, [*command, "--overwrite"]).stdout)
        assert (done["first_day"], done["last_day"]) == ("2026-03-03", "2026-03-03")
        assert done["tables"]["decisions"]["days_written"] == 1
    assert [path.name for path in (tmp_path / "decisions").iterdir()] == ["day=2026-03-03"]


def test_days_outside_the_store_export_nothing(app_db: Path, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["export", str(app_db), "--to", str(tmp_path), "--from", "2027-01-01"])
    assert result.exit_code == 0, result.output
    assert "Nothing to export" in result.stdout


def test_mistakes_are_told_in_one_paragraph(app_db: Path, tmp_path: Path) -> None:
    wrong_day = RUNNER.invoke(app, ["export", str(app_db), "--to", str(tmp_path), "--from", "yesterday"])
    assert wrong_day.exit_code == 2
    assert "expected a UTC day" in wrong_day.output
    no_store = RUNNER.invoke(app, ["export", str(tmp_path / "no.db"), "--to", str(tmp_path)])
    assert no_store.exit_code == 1
    assert "is not there" in no_store.output
    (tmp_path / "decisions").write_text("mine")
    in_the_way = RUNNER.invoke(app, ["export", str(app_db), "--to", str(tmp_path)])
    assert in_the_way.exit_code == 1
    assert "tactful: cannot write to" in in_the_way.output
