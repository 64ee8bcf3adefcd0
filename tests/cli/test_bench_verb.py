"""`tactful bench`: runs scripts by name."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.cli.app import app

RUNNER = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "quick.py").write_text('if __name__ == "__main__":\n    print("1 row")\n')
    (tmp_path / "broken.py").write_text('if __name__ == "__main__":\n    raise SystemExit(3)\n')
    (tmp_path / "part.py").write_text("ROWS = 1\n")
    return tmp_path


def test_a_named_script_is_run_and_its_output_kept(folder: Path) -> None:
    result = RUNNER.invoke(app, ["bench", "quick", "--folder", str(folder), "--json"])
    (found,) = json.loads(result.stdout)
    assert (found["name"], found["exit_code"], found["output"]) == ("quick", 0, "1 row\n")


def test_without_a_name_every_script_that_runs_by_itself_is_run(folder: Path) -> None:
    result = RUNNER.invoke(app, ["bench", "--folder", str(folder), "--json"])
    assert [each["name"] for each in json.loads(result.stdout)] == ["broken", "quick"]
    assert result.exit_code == 1


def test_an_unknown_name_is_an_error_with_the_known_ones(folder: Path) -> None:
    result = RUNNER.invoke(app, ["bench", "quik", "--folder", str(folder)])
    assert result.exit_code == 1
    assert 'did you mean "quick"' in result.stderr


def test_a_folder_without_scripts_is_an_error(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["bench", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "no benchmark" in result.stderr
