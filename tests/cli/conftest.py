"""A store on disk that a small app has left behind."""

from pathlib import Path

import pytest

from small_app import run
from tactful.stores.sqlite import SqliteStore


@pytest.fixture(scope="session")
def app_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "app.db"
    run(SqliteStore(path)).close()
    return path
