"""Stores on disk that small apps have left behind."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from small_app import run
from tactful.cli.app import app
from tactful.stores.sqlite import SqliteStore
from volume_store import fill_store


@pytest.fixture(scope="session")
def app_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "app.db"
    run(SqliteStore(path)).close()
    return path


@pytest.fixture(scope="session")
def volume_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve weeks of 900 people whose budgets were drawn; tests that write to it copy it first."""
    path = tmp_path_factory.mktemp("volume") / "app.db"
    fill_store(path, people=900)
    return path


@pytest.fixture(scope="session")
def trained_db(volume_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a response model; tests that write to it copy it first."""
    path = Path(shutil.copy(volume_db, tmp_path_factory.mktemp("trained") / "app.db"))
    done = CliRunner().invoke(app, ["train", "volume", str(path)])
    assert done.exit_code == 0, done.output
    return path
