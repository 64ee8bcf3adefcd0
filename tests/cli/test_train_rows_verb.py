"""`tactful train rows`: an export becomes training rows, told as a table or as JSON; a second run makes nothing."""

import json
from pathlib import Path

from typer.testing import CliRunner

from ranking_store import fill_store
from tactful.cli.app import app

RUNNER = CliRunner(env={"COLUMNS": "100"})


def test_an_export_becomes_training_rows_once(tmp_path: Path) -> None:
    fill_store(tmp_path / "app.db", people=25, days=4)
    lake, rows = str(tmp_path / "lake"), str(tmp_path / "rows")
    assert RUNNER.invoke(app, ["export", str(tmp_path / "app.db"), "--to", lake]).exit_code == 0
    result = RUNNER.invoke(app, ["train", "rows", lake, "--to", rows, "--parts", "3"])
    assert result.exit_code == 0, result.output
    assert "rows in 3 parts" in result.output
    assert "3 of 3 parts joined" in result.output
    told = json.loads(RUNNER.invoke(app, ["train", "rows", lake, "--to", rows, "--parts", "3", "--json"]).stdout)
    assert (told["parts_made"], told["days_dealt"]) == (0, 0)
    assert told["rows"] > 0
    refused = RUNNER.invoke(app, ["train", "rows", str(tmp_path / "nowhere"), "--to", rows])
    assert refused.exit_code == 1
    assert "without a Parquet file" in " ".join(refused.output.split())
