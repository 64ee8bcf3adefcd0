"""`tactful allocate --partitions`: the budgets of the store's own people, as files, without posting anything."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from tactful.cli.app import app
from tactful.cli.options import settings_of
from tactful.events import budget_plan
from tactful.events.records import BudgetPlan, decode
from tactful.runtime.people import saved_people
from tactful.runtime.people_files import write_people
from tactful.stores.sqlite import SqliteStore

RUNNER = CliRunner(env={"COLUMNS": "100"})


def allocate(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["allocate", *map(str, arguments)])


@pytest.fixture
def db(trained_db: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(trained_db, tmp_path / "app.db"))


def test_files_of_a_stores_people_get_the_budgets_that_the_store_would_post(db: Path, tmp_path: Path) -> None:
    store = SqliteStore(db)
    people = saved_people(store, settings_of(None, store))
    write_people(people, tmp_path / "people" / "all.parquet")
    result = allocate(db, "--per-user", "3", "--partitions", tmp_path / "people", "--to", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "1 partitions were scored, 0 were as they are" in " ".join(result.output.split())
    assert not store.take_posted(100)
    assert allocate(db, "--per-user", "3").exit_code == 0
    plans = [plan for plan in map(decode, store.take_posted(100)) if isinstance(plan, BudgetPlan)]
    store.close()
    pairs = [budget_plan.assigned(plan) for plan in plans]
    posted = {int(u): int(k) for users, ks in pairs for u, k in zip(users, ks, strict=True)}
    table = pq.read_table(tmp_path / "out" / "budgets" / "all.parquet")
    assert dict(zip(*(column.to_pylist() for column in table.columns), strict=True)) == posted
    again = allocate(db, "--per-user", "3", "--partitions", tmp_path / "people", "--to", tmp_path / "out", "--json")
    assert json.loads(again.stdout)["kept"] == 1


def test_partitions_without_a_folder_to_write_to_are_a_wrong_command_line(db: Path, tmp_path: Path) -> None:
    assert allocate(db, "--per-user", "3", "--partitions", tmp_path).exit_code == 2
    assert allocate(db, "--per-user", "3", "--to", tmp_path).exit_code == 2
    assert allocate(db, "--per-user", "3", "--partitions", tmp_path, "--to", tmp_path, "--dry-run").exit_code == 2
