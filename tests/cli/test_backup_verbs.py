"""`tactful backup` and `tactful restore`: what they say, and what they refuse."""

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from tactful.cli.app import app
from tactful.stores.sqlite import SqliteStore

RUNNER = CliRunner(env={"COLUMNS": "200"})


def test_a_store_is_copied_lost_and_put_back(app_db: Path, tmp_path: Path) -> None:
    path, copy = Path(shutil.copy(app_db, tmp_path / "app.db")), tmp_path / "copy.db"
    made = json.loads(RUNNER.invoke(app, ["backup", "--store", str(path), "--to", str(copy), "--json"]).stdout)
    assert made["decisions"] > 100
    path.unlink()
    done = json.loads(RUNNER.invoke(app, ["restore", str(copy), "--store", str(path), "--json"]).stdout)
    assert (done["store"]["decisions"], done["replaced"]) == (made["decisions"], None)
    again = RUNNER.invoke(app, ["restore", str(copy), "--store", str(path)])
    assert again.exit_code == 1
    assert f"{made['decisions']:,} decisions" in again.stderr
    assert "--replace" in again.stderr
    shown = RUNNER.invoke(app, ["restore", str(copy), "--store", str(path), "--replace"])
    assert (shown.exit_code, "may have gone out" in shown.stdout) == (0, True)


def test_a_copy_that_is_there_and_a_store_that_is_not_are_told(app_db: Path, tmp_path: Path) -> None:
    SqliteStore(tmp_path / "taken.db").close()
    taken = RUNNER.invoke(app, ["backup", "--store", str(app_db), "--to", str(tmp_path / "taken.db")])
    assert (taken.exit_code, "there already" in taken.stderr) == (1, True)
    missing = RUNNER.invoke(app, ["backup", "--store", str(tmp_path / "no.db"), "--to", str(tmp_path / "copy.db")])
    assert (missing.exit_code, "is not there" in missing.stderr) == (1, True)
    assert not (tmp_path / "copy.db").exists()
