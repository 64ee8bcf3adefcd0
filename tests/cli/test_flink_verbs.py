"""`tactful flink`: an export that a later one continues, and errors that say what is missing and what to do."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.cli.app import app

RUNNER = CliRunner(env={"COLUMNS": "100"})


def test_a_store_is_exported_once_and_then_continued(app_db: Path, tmp_path: Path) -> None:
    words = ["flink", "export", str(app_db), "--to", str(tmp_path / "in"), "--json"]
    first = json.loads(RUNNER.invoke(app, words).stdout)
    assert first["files"] == 1
    assert first["last_offset"] == 259
    assert json.loads(RUNNER.invoke(app, words).stdout) == first
    told = RUNNER.invoke(app, ["flink", "export", str(app_db), "--to", str(tmp_path / "other"), "--parquet"])
    assert "1 files of inputs" in told.stdout
    assert (tmp_path / "other" / "inputs" / "part-00000000.parquet").exists()


@pytest.mark.parametrize("verb", [("run",), ("submit", "--cluster", "localhost:8081")])
def test_without_flink_the_error_names_the_extra(app_db: Path, tmp_path: Path, verb: tuple[str, ...]) -> None:
    if importlib.util.find_spec("pyflink") is not None:
        pytest.fail("the ordinary environment has Flink, expected it in one of its own (make flink)")
    folder = str(tmp_path / "in")
    RUNNER.invoke(app, ["flink", "export", str(app_db), "--to", folder])
    done = RUNNER.invoke(app, ["flink", *verb, "--input", folder, "--output", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "extra 'flink'" in done.stderr
    assert "make flink" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_input_and_a_tuning_with_an_unknown_key_are_refused(app_db: Path, tmp_path: Path) -> None:
    nothing = RUNNER.invoke(app, ["flink", "run", "--input", str(tmp_path), "--output", str(tmp_path / "out")])
    assert "make the folder with `tactful flink export`" in " ".join(nothing.stderr.split())
    folder = str(tmp_path / "in")
    RUNNER.invoke(app, ["flink", "export", str(app_db), "--to", folder])
    tuning = tmp_path / "tuning.toml"
    tuning.write_text("paralelism = 2\n")
    words = ["flink", "run", "--input", folder, "--output", str(tmp_path / "out"), "--tuning", str(tuning)]
    done = RUNNER.invoke(app, words)
    assert done.exit_code == 1
    assert "paralelism" in done.stderr
    resumed = RUNNER.invoke(app, [*words[:-2], "--resume", "last"])
    assert resumed.exit_code == 2
    assert "no complete checkpoint" in " ".join(resumed.stderr.split())


def test_a_store_that_is_handed_over_is_not_handed_over_twice_and_comes_back_only_with_states(
    app_db: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copy(app_db, tmp_path / "app.db"))
    words = ["flink", "export", str(store), "--from-states", "--groups", "2", "--json", "--to"]
    done = RUNNER.invoke(app, [*words, str(tmp_path / "in")])
    assert done.exit_code == 0, done.stderr
    assert len(list((tmp_path / "in" / "states").glob("group-*.msgpack"))) == 2
    again = RUNNER.invoke(app, [*words, str(tmp_path / "another")])
    assert "has moved to" in again.stderr
    back = RUNNER.invoke(app, ["flink", "import", str(tmp_path), "--to", str(store)])
    assert "has no states of a job" in " ".join(back.stderr.split())
